//! Suites that were green and are not any more, and the other way round.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use xrdtest_model::api::{RunSummary, SuiteInfo, SuiteTurn};
use xrdtest_model::{Timestamp, Verdict};

use super::Shared;
use super::extract::{Params, now};
use super::problem::Answer;
use super::suites;

/// Runs of each suite that are looked at.
pub(crate) const RUNS: usize = 30;
/// What counts as new, where nothing else is said.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only those that turned after this time, in milliseconds since 1970; absent: in the last 24 hours.
    since: Option<Timestamp>,
}

pub(crate) async fn list(
    State(engine): State<Shared>,
    Params(Which { since }): Params<Which>,
) -> Answer<Json<Vec<SuiteTurn>>> {
    let suites = suites::all(&engine, RUNS).await?;
    Ok(Json(after(&suites, since.unwrap_or_else(|| now().before(DAY)))))
}

/// Those that turned after this time, the latest first. Each suite comes with its latest [`RUNS`] runs.
pub(crate) fn after(suites: &[SuiteInfo], since: Timestamp) -> Vec<SuiteTurn> {
    let turns = suites.iter().filter_map(|suite| last_turn(&suite.runs));
    let mut new: Vec<_> = turns.filter(|turn| turn.at > since).collect();
    new.sort_by_key(|turn| std::cmp::Reverse(turn.at));
    new
}

/// The last change of colour in the latest runs of a suite, newest first. Cancelled runs say nothing of a suite.
fn last_turn(runs: &[RunSummary]) -> Option<SuiteTurn> {
    let said = |run: &&RunSummary| run.verdict.is_some_and(|verdict| verdict != Verdict::Cancelled);
    let mut judged = runs.iter().filter(said);
    let mut first = judged.next()?;
    let is_red = |run: &RunSummary| run.verdict != Some(Verdict::Passed);
    let red = is_red(first);
    for run in judged {
        if is_red(run) != red {
            return turn(first);
        }
        first = run;
    }
    // A suite that was red from its first run on has turned red with that.
    if red && runs.len() < RUNS { turn(first) } else { None }
}

fn turn(run: &RunSummary) -> Option<SuiteTurn> {
    let verdict = run.verdict?;
    Some(SuiteTurn {
        suite: run.suite.clone(),
        red: verdict != Verdict::Passed,
        run: run.run.clone(),
        at: run.finished?,
        verdict,
        reason: run.reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with these verdicts, newest first: `p`assed, `f`ailed, `c`ancelled, `r`unning.
    fn runs(words: &str) -> Vec<RunSummary> {
        let count = words.len() as u64;
        let run = |(index, word): (u64, char)| RunSummary {
            run: format!("r{index}").as_str().into(),
            suite: "s".to_owned(),
            trigger: "alice".to_owned(),
            queued: Timestamp::from_millis(count - index),
            started: None,
            finished: (word != 'r').then(|| Timestamp::from_millis(100 + count - index)),
            verdict: match word {
                'p' => Some(Verdict::Passed),
                'f' => Some(Verdict::Failed),
                'c' => Some(Verdict::Cancelled),
                _ => None,
            },
            reason: String::new(),
            pinned: false,
            evidence_bytes: 0,
            evidence_removed: None,
            archive: None,
        };
        (0..).zip(words.chars()).map(run).collect()
    }

    #[test]
    fn the_first_run_of_the_present_colour() {
        let long = "f".repeat(RUNS);
        for (words, expected) in [
            ("", None),
            ("r", None),
            ("ppp", None),
            ("fp", Some(("r0", true))),
            ("fffp", Some(("r2", true))),
            ("rfcfpf", Some(("r3", true))),
            ("pfp", Some(("r0", false))),
            ("ff", Some(("r1", true))),
            (&*long, None),
        ] {
            let runs = runs(words);
            let turn = last_turn(&runs);
            let turn = turn.as_ref().map(|turn| (turn.run.as_str(), turn.red));
            assert_eq!(turn, expected, "{words}");
        }
    }
}
