//! Plans of suites and clusters, and what a change alters, for people and for programs. The documents are
//! `xrdtest.plan/1` and `xrdtest.plan-diff/1`.

mod cluster;
mod diff;
mod page;
mod place;
mod suite;

use serde::Serialize;
use xrdtest_model::Diagnostic;
use xrdtest_model::plan_diff::PlanDiff;
use xrdtest_model::plan_document::{PlanDocument, PlanKind};

use self::page::{BAD, BOLD, DIM, GOOD, Page};
use crate::findings::{Finding, plural};

pub use self::diff::diff;

/// The plan for programs, with a line break at its end.
pub fn json(plan: &PlanDocument) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        plan: &'a PlanDocument,
        diagnostics: Vec<Finding<'a>>,
    }
    pretty(&Document { plan, diagnostics: listed(&plan.diagnostics) })
}

/// What changed, for programs, with a line break at its end.
pub fn diff_json(diff: &PlanDiff) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        diff: &'a PlanDiff,
        introduced: Vec<Finding<'a>>,
        fixed: Vec<Finding<'a>>,
    }
    pretty(&Document { diff, introduced: listed(&diff.introduced), fixed: listed(&diff.fixed) })
}

fn listed(findings: &[Diagnostic]) -> Vec<Finding<'_>> {
    findings.iter().map(Finding::of).collect()
}

fn pretty(document: &impl Serialize) -> String {
    // Serialising strings, numbers and lists into a string can't fail.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// The plan for people, at most so many columns wide where words allow it. Findings are counted here; showing them needs
/// their sources.
pub fn text(plan: &PlanDocument, width: usize) -> String {
    let mut page = Page::new(width);
    head(&mut page, plan);
    if let Some(suite) = &plan.effective.suite {
        suite::stages(&mut page, suite, &plan.effective.clusters);
        suite::tags(&mut page, suite);
        suite::limits(&mut page, suite);
        suite::evidence(&mut page, suite);
        suite::schedule(&mut page, suite);
    }
    for cluster in &plan.effective.clusters {
        cluster::cluster(&mut page, cluster);
    }
    if !plan.effective.clusters.is_empty() {
        place::place(&mut page, plan);
    }
    page.into_text()
}

fn head(page: &mut Page, plan: &PlanDocument) {
    let kind = match plan.kind {
        PlanKind::Suite => "suite",
        PlanKind::Cluster => "cluster",
    };
    page.raw(&format!("{BOLD}{kind} {}{BOLD:#}  {DIM}{}{DIM:#}", plan.name, plan.file));
    if let Some(title) = plan.effective.suite.as_ref().and_then(|suite| suite.title.as_ref()) {
        page.wrapped(0, title);
    }
    let can = if plan.kind == PlanKind::Suite { "be run" } else { "be started" };
    if plan.runnable {
        page.raw(&format!("{GOOD}it can {can}{GOOD:#}"));
        return;
    }
    let errors = plan.diagnostics.iter().filter(|finding| finding.is_error()).count();
    let why = match errors {
        0 => String::new(),
        errors => format!(": {} in the definitions, shown below", plural(errors, "error")),
    };
    page.raw(&format!("{BAD}it can't {can}{BAD:#}{why}"));
    if plan.suite.is_some() && plan.effective.suite.is_none() {
        page.item(
            "- ",
            "it was not evaluated to its end; what it had said until then is shown by --format json",
        );
    }
    let suite = plan.effective.suite.iter().flat_map(|suite| suite.problems.iter().cloned());
    let of = |(name, problem): (&str, &String)| format!("cluster {name}: {problem}");
    let clusters = &plan.effective.clusters;
    let clusters = clusters.iter().filter_map(|one| Some(of((&one.name, one.problem.as_ref()?))));
    for problem in suite.chain(clusters) {
        page.item("- ", &problem);
    }
}
