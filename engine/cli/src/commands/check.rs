//! `xrdtest check`

use std::io::Write;

use anstream::ColorChoice;
use xrdtest_definitions::LoadOptions;
use xrdtest_report::findings;

use crate::args::{CheckArgs, CheckFormat};
use crate::exit::Exit;
use crate::repository::{name_files, source};

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    let mut definitions = 0;
    for mut checked in xrdtest_definitions::check(&args.paths, &LoadOptions::default())? {
        name_files(&checked.root, &mut checked.diagnostics)?;
        definitions += checked.definitions;
        all.append(&mut checked.diagnostics);
    }
    let mut stdout = anstream::stdout();
    let color = stdout.current_choice() != ColorChoice::Never;
    match args.format {
        CheckFormat::Full => stdout.write_all(findings::full(&all, source, color).as_bytes())?,
        CheckFormat::Concise => stdout.write_all(findings::concise(&all).as_bytes())?,
        CheckFormat::Json => stdout.write_all(findings::json(&all).as_bytes())?,
    }
    stdout.flush()?;
    let looked_at = findings::plural(definitions, "definition");
    let hint = if all.is_empty() { "" } else { "; `xrdtest rule CODE` explains a rule" };
    writeln!(anstream::stderr(), "{looked_at} checked: {}{hint}", findings::count(&all))?;
    Ok(if all.iter().any(xrdtest_model::Diagnostic::is_error) { Exit::BadNews } else { Exit::Good })
}
