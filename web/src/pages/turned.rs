//! Suites that were green and are not any more, and the other way round.

use maud::{Markup, html};
use xrdtest_model::api::SuiteInfo;
use xrdtest_model::time::utc;

use super::parts::{self, ago, run_link, suite_link};
use super::visit::Visit;
use crate::api::turns;

/// Suites that are told; the others are counted.
const SHOWN: usize = 12;

/// What turned red since the last visit, and what is green again.
pub(super) fn panel(suites: &[SuiteInfo], visit: Visit) -> Markup {
    let (red, green): (Vec<_>, Vec<_>) =
        turns::after(suites, visit.since()).into_iter().partition(|turn| turn.red);
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
                            (suite_link(&turn.suite)) " " (parts::verdict(Some(turn.verdict), false)) " "
                            span.words { (turn.reason) } " "
                            span.quiet { (ago(turn.at)) ", " (run_link(&turn.run)) }
                        }
                    }
                }
                @if red.len() > SHOWN { p.quiet { "and " (red.len() - SHOWN) " more" } }
            }
            @if !green.is_empty() {
                p.quiet {
                    "Green again: "
                    @for (index, turn) in green.iter().take(SHOWN).enumerate() {
                        @if index > 0 { ", " } (suite_link(&turn.suite))
                    }
                    @if green.len() > SHOWN { " and " (green.len() - SHOWN) " more" }
                }
            }
        }
    }
}
