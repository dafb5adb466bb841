//! Which runs of a history somebody wants to see.

use maud::{Markup, html};
use serde::Deserialize;
use xrdtest_model::api::RunSummary;
use xrdtest_model::{Timestamp, Verdict};
use xrdtest_store::RunFilter;

const VERDICTS: [Verdict; 5] =
    [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled];

/// Runs on one page.
pub(super) const LISTED: u32 = 50;

/// Conditions, as they stand in an address. A word that is none is no condition.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    suite: String,
    #[serde(default)]
    verdict: String,
    /// The first day, of UTC.
    #[serde(default)]
    since: String,
    over: Option<bool>,
    before: Option<Timestamp>,
}

impl History {
    /// Of this suite.
    pub(super) fn of_suite(mut self, suite: &str) -> Self {
        suite.clone_into(&mut self.suite);
        self
    }

    /// Nothing is left out.
    pub(super) fn is_whole(&self) -> bool {
        self.verdict.is_empty() && self.since.is_empty() && self.over.is_none() && self.before.is_none()
    }

    /// In the store's words; one page of them.
    pub(super) fn wanted(&self) -> RunFilter {
        RunFilter {
            suite: Some(self.suite.clone()).filter(|suite| !suite.is_empty()),
            verdict: VERDICTS.into_iter().find(|verdict| verdict.as_str() == self.verdict),
            over: self.over,
            since: begin_of(&self.since),
            before: self.before,
            limit: LISTED,
        }
    }

    /// The form for them; `with_suite`: the suite can be chosen.
    pub(super) fn form(&self, with_suite: bool) -> Markup {
        html! {
            form.choice method="get" {
                @if with_suite { label { "Suite " input name="suite" value=(self.suite); } }
                label {
                    "Verdict "
                    select name="verdict" {
                        option value="" { "any" }
                        @for verdict in VERDICTS {
                            @let word = verdict.as_str();
                            option value=(word) selected[self.verdict == word] { (word.replace('_', " ")) }
                        }
                    }
                }
                label { "Since " input type="date" name="since" value=(self.since); }
                button { "Show" }
            }
        }
    }

    /// The way to those before the last of a page that is full. `address`: of the page.
    pub(super) fn older(&self, address: &str, runs: &[RunSummary]) -> Markup {
        let Some(last) = runs.last().filter(|_| runs.len() == LISTED as usize) else { return html! {} };
        html! {
            form.choice method="get" action=(address) {
                @for (name, value) in [("suite", &self.suite), ("verdict", &self.verdict), ("since", &self.since)] {
                    @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
                }
                @if let Some(over) = self.over { input type="hidden" name="over" value=(over); }
                input type="hidden" name="before" value=(last.queued.as_millis());
                button { "Older" }
            }
        }
    }
}

/// The beginning of a day, of UTC.
fn begin_of(day: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(Timestamp::from_millis(u64::try_from(begin).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!(begin_of("1970-01-02"), Some(Timestamp::from_millis(86_400_000)));
        for nothing in ["", "yesterday", "1969-12-31", "2026-02-30"] {
            assert_eq!(begin_of(nothing), None, "{nothing}");
        }
    }
}
