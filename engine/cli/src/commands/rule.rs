//! `xrdtest rule`

use anyhow::anyhow;
use xrdtest_definitions::rules;

use crate::args::RuleArgs;
use crate::exit::{Exit, print};

pub(crate) fn rule(args: &RuleArgs) -> anyhow::Result<Exit> {
    let text = match &args.code {
        None => {
            let line = |rule: &rules::Rule| format!("{}  {:7}  {}\n", rule.code, rule.severity, rule.name);
            rules::all().iter().map(line).collect()
        }
        Some(code) => rules::find(code)
            .ok_or_else(|| anyhow!("there is no rule `{code}`; `xrdtest rule` lists all rules"))?
            .page(),
    };
    print(&text)?;
    Ok(Exit::Good)
}
