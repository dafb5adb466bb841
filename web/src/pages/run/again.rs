//! The command that repeats a run.

use xrdtest_model::RunPlan;
use xrdtest_model::definition::Catalogue;

/// As one types it, with the cases where they were not all of the suite's.
pub(super) fn command(plan: &RunPlan, catalogue: &Catalogue) -> String {
    let mut command = format!("xrdtest run {}", quoted(&plan.suite));
    let mut names: Vec<&str> = plan.cases.iter().map(|case| case.name.as_str()).collect();
    let all = catalogue
        .suites
        .get(&plan.suite)
        .is_none_or(|suite| suite.tests.iter().map(|case| case.name.as_str()).eq(names.iter().copied()));
    if !all {
        names.sort_unstable();
        names.dedup();
        for name in names {
            command.push_str(&format!(" --case {}", quoted(name)));
        }
    }
    if plan.keep_on_failure {
        command.push_str(" --keep-on-failure");
    }
    command
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use xrdtest_model::definition::{CaseDefinition, SuiteDefinition};
    use xrdtest_store::conformance::story::Story;

    use super::*;

    #[test]
    fn with_the_cases_where_they_were_chosen() {
        let mut plan = Story::new("r", "s", 1).plan;
        let mut catalogue = Catalogue::default();
        assert_eq!(command(&plan, &catalogue), "xrdtest run s", "nobody knows better");
        let mut suite: SuiteDefinition = serde_json::from_value(serde_json::json!({
            "name": "s", "desc_name": null, "clusters": [], "machines": [], "schedule": null, "tests": [],
            "initialize": null, "finalize": null, "logs": [], "alert_emails": [], "alert_success": "NONE",
            "alert_failure": "NONE", "timeout_ms": null, "stage_timeout_ms": null, "tags": {},
            "source": { "repository": "", "file": "", "folder": "", "broken": false }
        }))
        .unwrap();
        for name in ["copy_to", "other"] {
            let (machines, none) = (Vec::new(), None);
            let case = CaseDefinition {
                name: name.to_owned(),
                machines,
                initialize: none.clone(),
                run: none.clone(),
                finalize: none,
            };
            suite.tests.push(case);
        }
        catalogue.suites.insert("s".to_owned(), Arc::new(suite));
        plan.keep_on_failure = true;
        assert_eq!(command(&plan, &catalogue), "xrdtest run s --case copy_to --keep-on-failure");
    }

    #[test]
    fn words_of_a_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
