//! How a suite's cases and numbers have done over its runs.

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use xrdtest_model::api::RunSummary;
use xrdtest_model::definition::short_name;
use xrdtest_model::{RunId, Verdict};
use xrdtest_store::{CaseVerdict, Measured};

use super::failure::PageAnswer;
use crate::api::Shared;

/// Runs that are looked at.
pub(super) const RUNS: u32 = 100;
/// Of them those that are recent.
const RECENT: usize = 30;
/// Metrics that are drawn; a metric of each machine is one of its own.
const DRAWN: usize = 12;

/// What is known of the latest runs of a suite.
#[derive(Debug)]
pub(super) struct Trends {
    cases: Vec<CaseVerdict>,
    metrics: Vec<Measured>,
}

impl Trends {
    pub(super) async fn read(engine: &Shared, suite: &str) -> PageAnswer<Self> {
        let store = engine.store();
        let (cases, metrics) =
            tokio::try_join!(store.cases(suite.to_owned(), RUNS), store.metrics(suite.to_owned(), RUNS))?;
        Ok(Self { cases, metrics })
    }

    /// How often each case did not pass.
    pub(super) fn failure_rates(&self) -> Markup {
        let rates = rates(&self.cases);
        if rates.is_empty() {
            return html! {};
        }
        html! {
            section.panel {
                h2 { "Failures by case" }
                div.scroll tabindex="0" {
                    table.rates {
                        thead {
                            tr {
                                th { "Case" }
                                th.number { "Last " (RECENT) " runs" } th.number { "Last " (RUNS) " runs" } th { "" }
                                th { "Last that did not pass" }
                            }
                        }
                        tbody {
                            @for (name, rate) in &rates {
                                tr {
                                    td { (name) }
                                    td.number { (rate.recent) }
                                    td.number { (rate.all) }
                                    td { meter min="0" max="1" value=(format!("{:.2}", rate.all.share())) title=(rate.all) {} }
                                    td {
                                        @match &rate.last {
                                            Some((run, verdict)) => a class={ "badge " (verdict.as_str()) }
                                                href={ "/runs/" (run) } { (verdict) },
                                            None => span.quiet { "none" },
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The numbers that its scripts stated, over its latest runs.
    pub(super) fn plots(&self, runs: &[RunSummary]) -> Markup {
        let lines = lines(&self.metrics, runs);
        if lines.is_empty() {
            return html! {};
        }
        html! {
            section.panel {
                h2 { "Metrics" }
                div.plots {
                    @for (title, unit, points) in lines.iter().take(DRAWN) { (plot(title, unit, points)) }
                }
                @if lines.len() > DRAWN { p.quiet { "and " (lines.len() - DRAWN) " more" } }
            }
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    failed: u32,
    all: u32,
}

impl Share {
    fn count(&mut self, failed: bool) {
        self.failed += u32::from(failed);
        self.all += 1;
    }

    fn share(self) -> f64 {
        f64::from(self.failed) / f64::from(self.all.max(1))
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} % ({} of {})", 100.0 * self.share(), self.failed, self.all)
    }
}

#[derive(Debug, Default)]
struct Rate {
    recent: Share,
    all: Share,
    last: Option<(RunId, Verdict)>,
}

/// By name of the case, the worst first. `cases`: newest run first. A cancelled case is neither good nor bad.
fn rates(cases: &[CaseVerdict]) -> Vec<(&str, Rate)> {
    let mut rates: BTreeMap<&str, Rate> = BTreeMap::new();
    let (mut runs, mut run) = (0, None);
    for case in cases {
        if run != Some(&case.run) {
            (runs, run) = (runs + 1, Some(&case.run));
        }
        if case.verdict == Verdict::Cancelled {
            continue;
        }
        let rate = rates.entry(&case.name).or_default();
        let failed = case.verdict != Verdict::Passed;
        rate.all.count(failed);
        if runs <= RECENT {
            rate.recent.count(failed);
        }
        if failed && rate.last.is_none() {
            rate.last = Some((case.run.clone(), case.verdict));
        }
    }
    let mut rates: Vec<_> = rates.into_iter().collect();
    rates.sort_by(|(_, a), (_, b)| b.all.share().total_cmp(&a.all.share()));
    rates
}

/// A number of a run.
type Point<'a> = (&'a RunSummary, f64);

/// A line for each metric on each machine, its points from the oldest run to the newest. What a run states several times
/// counts with its last value.
fn lines<'a>(metrics: &'a [Measured], runs: &'a [RunSummary]) -> Vec<(String, &'a str, Vec<Point<'a>>)> {
    let known: HashMap<&RunId, &RunSummary> = runs.iter().map(|run| (&run.run, run)).collect();
    let mut machines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut points: BTreeMap<(&str, &str), (&str, Vec<Point<'_>>)> = BTreeMap::new();
    for measured in metrics.iter().rev() {
        let Some(run) = known.get(&measured.run) else { continue };
        let of_metric = machines.entry(&measured.name).or_default();
        if !of_metric.contains(&&*measured.machine) {
            of_metric.push(&measured.machine);
        }
        let (unit, line) = points.entry((&measured.name, &measured.machine)).or_default();
        *unit = &measured.unit;
        // The newest first, and of one run the last: the first that is met from behind is the first that was stated.
        match line.last_mut().filter(|(last, _)| last.run == run.run) {
            Some((_, value)) => *value = measured.value,
            None => line.push((run, measured.value)),
        }
    }
    let title = |name: &str, machine: &str| match machines.get(name).map(Vec::len) {
        Some(1) => name.to_owned(),
        _ => format!("{name} on {}", short_name(machine)),
    };
    points.into_iter().map(|((name, machine), (unit, line))| (title(name, machine), unit, line)).collect()
}

fn plot(title: &str, unit: &str, points: &[Point<'_>]) -> Markup {
    const WIDTH: f64 = 480.0;
    const HEIGHT: f64 = 90.0;
    let values = points.iter().map(|(_, value)| *value);
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let range = if high > low { high - low } else { 1.0 };
    let step = WIDTH / f64::from(u32::try_from(points.len()).unwrap_or(1).max(1));
    let at = |index: usize, value: f64| {
        let x = step * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5);
        (format!("{x:.1}"), format!("{:.1}", 8.0 + (HEIGHT - 16.0) * (high - value) / range))
    };
    let path: Vec<String> = points
        .iter()
        .enumerate()
        .map(|(index, (_, value))| {
            let (x, y) = at(index, *value);
            format!("{x} {y}")
        })
        .collect();
    let last = points.last().map_or(0.0, |(_, value)| *value);
    html! {
        figure.plot {
            figcaption { (title) " " strong { (short(last)) " " (unit) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="group"
                aria-label={ (title) " over " (points.len()) " runs: " (short(low)) " to " (short(high)) " " (unit) } {
                path d={ "M" (path.join("L")) } {}
                @for (index, (run, value)) in points.iter().enumerate() {
                    @let (x, y) = at(index, *value);
                    a href={ "/runs/" (run.run) } {
                        circle class=(run.verdict.map_or("running", Verdict::as_str)) cx=(x) cy=(y) r="3" {
                            title { (value) " " (unit) }
                        }
                    }
                }
            }
            p.quiet { (short(low)) " to " (short(high)) " " (unit) " in " (points.len()) " runs" }
        }
    }
}

/// A number with as many digits as people read.
fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(0.001..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = if size >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
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
        assert_eq!(rates.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["bad", "good"]);
        let (_, bad) = &rates[0];
        assert_eq!(
            (bad.recent.to_string(), bad.all.to_string()),
            ("0 % (0 of 30)".into(), "25 % (10 of 40)".into())
        );
        assert_eq!(bad.last, Some(("r30".into(), Verdict::Failed)));
        assert_eq!(rates[1].1.all, Share { failed: 0, all: 40 });
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (81.5, "81.5"), (0.12345, "0.123"), (1234.5, "1234"), (-2.0, "-2"), (1e9, "1.00e9")]
        {
            assert_eq!(short(value), text);
        }
    }
}
