//! How a suite's cases and numbers have done over its latest runs.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::{
    CaseFailure, CaseTrend, FailureRate, MetricPoint, MetricTrend, RunSummary, SuiteTrends,
};
use xrdtest_model::metric::Number;
use xrdtest_model::{RunId, Verdict};
use xrdtest_store::{CaseVerdict, Measured};

use super::Shared;
use super::problem::Answer;
use super::suites;

/// Runs that are looked at.
pub(crate) const RUNS: u32 = 100;
/// Of them those that are recent.
pub(crate) const RECENT: u32 = 30;

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Json<SuiteTrends>> {
    let suite = suites::one(&engine, &name, RUNS, 1).await?;
    Ok(Json(of(&engine, &name, &suite.runs).await?))
}

/// Of a suite whose latest [`RUNS`] runs these are.
pub(crate) async fn of(engine: &Shared, suite: &str, runs: &[RunSummary]) -> Answer<SuiteTrends> {
    let store = engine.store();
    let (cases, measured) =
        tokio::try_join!(store.cases(suite.to_owned(), RUNS), store.metrics(suite.to_owned(), RUNS))?;
    Ok(SuiteTrends {
        suite: suite.to_owned(),
        runs: RUNS,
        recent: RECENT,
        cases: rates(&cases),
        metrics: lines(&measured, runs),
    })
}

/// The worst first. `cases`: newest run first. A cancelled case is neither good nor bad.
fn rates(cases: &[CaseVerdict]) -> Vec<CaseTrend> {
    let count = |rate: &mut FailureRate, failed: bool| {
        rate.failed += u32::from(failed);
        rate.runs += 1;
    };
    let mut trends: BTreeMap<&str, CaseTrend> = BTreeMap::new();
    let (mut runs, mut run) = (0, None);
    for case in cases {
        if run != Some(&case.run) {
            (runs, run) = (runs + 1, Some(&case.run));
        }
        if case.verdict == Verdict::Cancelled {
            continue;
        }
        let trend = trends.entry(&case.name).or_insert_with(|| CaseTrend {
            name: case.name.clone(),
            recent: FailureRate::default(),
            all: FailureRate::default(),
            last_failure: None,
        });
        let failed = case.verdict != Verdict::Passed;
        count(&mut trend.all, failed);
        if runs <= RECENT {
            count(&mut trend.recent, failed);
        }
        if failed && trend.last_failure.is_none() {
            trend.last_failure = Some(CaseFailure { run: case.run.clone(), verdict: case.verdict });
        }
    }
    let mut trends: Vec<_> = trends.into_values().collect();
    // By the share of failures, in whole numbers.
    let times = |a: FailureRate, b: FailureRate| u64::from(a.failed) * u64::from(b.runs);
    trends.sort_by(|a, b| times(b.all, a.all).cmp(&times(a.all, b.all)));
    trends
}

/// A line for each metric on each machine, its points from the oldest run to the newest. What a run states several times
/// counts with its last value. `measured`: the newest run first, of each run in the order in which it was stated.
fn lines(measured: &[Measured], runs: &[RunSummary]) -> Vec<MetricTrend> {
    let known: HashMap<&RunId, &RunSummary> = runs.iter().map(|run| (&run.run, run)).collect();
    let mut lines: BTreeMap<(&str, &str), MetricTrend> = BTreeMap::new();
    for stated in measured.iter().rev() {
        let (Some(run), Ok(value)) = (known.get(&stated.run), Number::try_from(stated.value)) else {
            continue;
        };
        let line = lines.entry((&stated.name, &stated.machine)).or_insert_with(|| MetricTrend {
            name: stated.name.clone(),
            machine: stated.machine.clone(),
            unit: String::new(),
            points: Vec::new(),
        });
        line.unit.clone_from(&stated.unit);
        // From behind: of one run the last number is met first.
        if line.points.last().is_none_or(|last| last.run != run.run) {
            line.points.push(MetricPoint {
                run: run.run.clone(),
                queued: run.queued,
                verdict: run.verdict,
                value,
            });
        }
    }
    lines.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_case() {
        let case = |run: &str, position, name: &str, verdict| CaseVerdict {
            run: run.into(),
            position,
            name: name.to_owned(),
            verdict,
        };
        let mut cases = Vec::new();
        for index in 0..40 {
            let run = format!("r{index}");
            let verdict = if index >= 30 { Verdict::Failed } else { Verdict::Passed };
            cases.push(case(&run, 0, "good", Verdict::Passed));
            cases.push(case(&run, 1, "bad", verdict));
        }
        cases.push(case("r40", 0, "good", Verdict::Cancelled));
        let rates = rates(&cases);
        assert_eq!(rates.iter().map(|trend| &*trend.name).collect::<Vec<_>>(), ["bad", "good"]);
        let bad = &rates[0];
        assert_eq!(bad.recent, FailureRate { failed: 0, runs: 30 });
        assert_eq!(bad.all, FailureRate { failed: 10, runs: 40 });
        assert_eq!(bad.last_failure, Some(CaseFailure { run: "r30".into(), verdict: Verdict::Failed }));
        assert_eq!(rates[1].all, FailureRate { failed: 0, runs: 40 });
    }
}
