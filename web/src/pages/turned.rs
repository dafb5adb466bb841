//! Suites that were green and are not any more, and the other way round.

use maud::{Markup, html};
use xrdtest_model::api::{RunSummary, SuiteInfo};
use xrdtest_model::time::utc;
use xrdtest_model::{Timestamp, Verdict};

use super::parts::{self, ago, run_link, suite_link};
use super::visit::Visit;

/// Suites that are told; the others are counted.
const SHOWN: usize = 12;

/// A suite that has another colour than before.
#[derive(Debug)]
struct Turn<'a> {
    /// Its first run of the present colour.
    run: &'a RunSummary,
    at: Timestamp,
    red: bool,
}

/// The last change of colour in the latest runs of a suite, newest first. Cancelled runs say nothing of a suite.
fn last_turn(runs: &[RunSummary]) -> Option<Turn<'_>> {
    let said = |run: &&RunSummary| run.verdict.is_some_and(|verdict| verdict != Verdict::Cancelled);
    let mut judged = runs.iter().filter(said);
    let mut first = judged.next()?;
    let is_red = |run: &RunSummary| run.verdict != Some(Verdict::Passed);
    let red = is_red(first);
    for run in judged {
        if is_red(run) != red {
            return Some(Turn { run: first, at: first.finished?, red });
        }
        first = run;
    }
    // A suite that was red from its first run on has turned red with that.
    (red && runs.len() < parts::STRIP).then_some(Turn { run: first, at: first.finished?, red })
}

/// What turned red since the last visit, and what is green again.
pub(super) fn panel(suites: &[SuiteInfo], visit: Visit) -> Markup {
    let turns = suites.iter().filter_map(|suite| last_turn(&suite.runs));
    let mut new: Vec<_> = turns.filter(|turn| turn.at > visit.since()).collect();
    new.sort_by_key(|turn| std::cmp::Reverse(turn.at));
    let (red, green): (Vec<_>, Vec<_>) = new.into_iter().partition(|turn| turn.red);
    let since = match visit.again() {
        true => format!("since your last visit, {}", utc(visit.since())),
        false => "in the last 24 hours".to_owned(),
    };
    html! {
        section.panel {
            h2 { "Turned red " span.quiet { (since) } }
            @if red.is_empty() {
                p.quiet { "No suite that passed before has failed." }
            } @else {
                ul.plain.turned {
                    @for turn in red.iter().take(SHOWN) {
                        li {
                            (suite_link(&turn.run.suite)) " " (parts::verdict(turn.run.verdict, false)) " "
                            span.words { (turn.run.reason) } " "
                            span.quiet { (ago(turn.at)) ", " (run_link(&turn.run.run)) }
                        }
                    }
                }
                @if red.len() > SHOWN { p.quiet { "and " (red.len() - SHOWN) " more" } }
            }
            @if !green.is_empty() {
                p.quiet {
                    "Green again: "
                    @for (index, turn) in green.iter().take(SHOWN).enumerate() {
                        @if index > 0 { ", " } (suite_link(&turn.run.suite))
                    }
                    @if green.len() > SHOWN { " and " (green.len() - SHOWN) " more" }
                }
            }
        }
    }
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
        let long = "f".repeat(parts::STRIP);
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
            let turn = last_turn(&runs).map(|turn| (turn.run.run.as_str(), turn.red));
            assert_eq!(turn, expected, "{words}");
        }
    }
}
