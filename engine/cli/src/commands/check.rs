//! `xrdtest check`

use anstream::ColorChoice;
use xrdtest_definitions::LoadOptions;
use xrdtest_report::findings;

use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{Exit, print, say};
use crate::repository::{name_files, source};

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    let mut definitions = 0;
    for mut checked in xrdtest_definitions::check(&args.paths, &LoadOptions::default())? {
        name_files(&checked.root, &mut checked.diagnostics)?;
        definitions += checked.definitions;
        all.append(&mut checked.diagnostics);
    }
    let color = anstream::stdout().current_choice() != ColorChoice::Never;
    print(&match args.format {
        CheckFormat::Full => findings::full(&all, source, color),
        CheckFormat::Concise => findings::concise(&all),
        CheckFormat::Json => findings::json(&all),
    })?;
    let looked_at = findings::plural(definitions, "definition");
    let hint = if all.is_empty() { "" } else { "; `xrdtest rule CODE` explains a rule" };
    say(&format!("{looked_at} checked: {}{hint}", findings::count(&all)));
    Ok(if all.iter().any(xrdtest_model::Diagnostic::is_error) { Exit::BadNews } else { Exit::Good })
}
