//! `xrdtest rule`

use std::io::Write;

use anyhow::anyhow;
use xrdtest_definitions::rules;

use crate::args::RuleArgs;
use crate::exit::Exit;

pub(crate) fn rule(args: &RuleArgs) -> anyhow::Result<Exit> {
    let mut stdout = anstream::stdout();
    match &args.code {
        None => {
            for rule in rules::all() {
                writeln!(stdout, "{}  {:7}  {}", rule.code, rule.severity, rule.name)?;
            }
        }
        Some(code) => {
            let rule = rules::find(code)
                .ok_or_else(|| anyhow!("there is no rule `{code}`; `xrdtest rule` lists all rules"))?;
            stdout.write_all(rule.page().as_bytes())?;
        }
    }
    stdout.flush()?;
    Ok(Exit::Good)
}
