//! `xrdtest check`

use anstream::ColorChoice;
use anyhow::Context as _;
use xrdtest_definitions::CheckOptions;
use xrdtest_definitions::rules::{self, Filter};
use xrdtest_model::{Diagnostic, Severity};
use xrdtest_report::findings::{self, RuleInfo};

use crate::args::{CheckArgs, CheckFormat, Denied};
use crate::exit::{Exit, print, say};
use crate::repository::{name_files, source};

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let filter = Filter::new(&args.select, &args.ignore)?;
    let mut all = Vec::new();
    let mut definitions = 0;
    let options = CheckOptions { shellcheck: args.shellcheck, ..CheckOptions::default() };
    for mut checked in xrdtest_definitions::check(&args.paths, &options)? {
        name_files(&checked.root, &mut checked.diagnostics)?;
        definitions += checked.definitions;
        all.append(&mut checked.diagnostics);
    }
    all.retain(|finding| filter.wants(finding));
    if args.deny == Some(Denied::Warnings) {
        for finding in &mut all {
            finding.severity = Severity::Error;
        }
    }
    print(&shown(&all, args.format)?)?;
    let looked_at = findings::plural(definitions, "definition");
    let hint = if all.is_empty() { "" } else { "; `xrdtest rule CODE` explains a rule" };
    say(&format!("{looked_at} checked: {}{hint}", findings::count(&all)));
    Ok(if all.iter().any(Diagnostic::is_error) { Exit::BadNews } else { Exit::Good })
}

fn shown(all: &[Diagnostic], format: CheckFormat) -> anyhow::Result<String> {
    Ok(match format {
        CheckFormat::Full => {
            let color = anstream::stdout().current_choice() != ColorChoice::Never;
            findings::full(all, source, color)
        }
        CheckFormat::Concise => findings::concise(all),
        CheckFormat::Json => findings::json(all),
        CheckFormat::Github => findings::github(all),
        CheckFormat::Sarif => sarif(all),
        CheckFormat::Junit => findings::junit(all).context("the findings can't be written as XML")?,
    })
}

fn sarif(all: &[Diagnostic]) -> String {
    let texts: Vec<_> = rules::all().iter().map(|rule| (rule, rule.summary(), rule.page())).collect();
    let rules: Vec<_> = texts
        .iter()
        .map(|(rule, summary, page)| RuleInfo {
            code: rule.code,
            name: rule.name,
            severity: rule.severity,
            summary,
            page,
        })
        .collect();
    findings::sarif(all, &rules, env!("CARGO_PKG_VERSION"))
}
