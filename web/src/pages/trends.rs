//! How a suite's cases and numbers have done over its runs.

use std::collections::BTreeMap;

use maud::{Markup, html};
use xrdtest_model::Verdict;
use xrdtest_model::api::{FailureRate, MetricTrend, SuiteTrends};
use xrdtest_model::definition::short_name;
use xrdtest_report::findings::plural;

/// Metrics that are drawn; a metric of each machine is one of its own.
const DRAWN: usize = 12;

/// How often each case did not pass.
pub(super) fn failure_rates(trends: &SuiteTrends) -> Markup {
    if trends.cases.is_empty() {
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
                            th.number { "Last " (plural(trends.recent, "run")) } th.number { "Last " (plural(trends.runs, "run")) } th { "" }
                            th { "Last that did not pass" }
                        }
                    }
                    tbody {
                        @for case in &trends.cases {
                            tr {
                                td { (case.name) }
                                td.number { (words(case.recent)) }
                                td.number { (words(case.all)) }
                                td { meter min="0" max="1" value=(format!("{:.2}", share(case.all))) title=(words(case.all)) {} }
                                td {
                                    @match &case.last_failure {
                                        Some(last) => a class={ "badge " (last.verdict.as_str()) }
                                            href={ "/runs/" (last.run) } { (last.verdict) },
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

fn share(rate: FailureRate) -> f64 {
    f64::from(rate.failed) / f64::from(rate.runs.max(1))
}

/// `25 % (10 of 40)`
fn words(rate: FailureRate) -> String {
    format!("{:.0} % ({} of {})", 100.0 * share(rate), rate.failed, rate.runs)
}

/// The numbers that its scripts stated, over its latest runs.
pub(super) fn plots(trends: &SuiteTrends) -> Markup {
    if trends.metrics.is_empty() {
        return html! {};
    }
    let mut machines: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &trends.metrics {
        *machines.entry(&line.name).or_default() += 1;
    }
    let title = |line: &MetricTrend| match machines.get(&*line.name) {
        Some(1) => line.name.clone(),
        _ => format!("{} on {}", line.name, short_name(&line.machine)),
    };
    html! {
        section.panel {
            h2 { "Metrics" }
            div.plots {
                @for line in trends.metrics.iter().take(DRAWN) { (plot(&title(line), line)) }
            }
            @if trends.metrics.len() > DRAWN { p.quiet { "and " (trends.metrics.len() - DRAWN) " more" } }
        }
    }
}

fn plot(title: &str, MetricTrend { unit, points, .. }: &MetricTrend) -> Markup {
    const WIDTH: f64 = 480.0;
    const HEIGHT: f64 = 90.0;
    let values = points.iter().map(|point| point.value.get());
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
        .map(|(index, point)| {
            let (x, y) = at(index, point.value.get());
            format!("{x} {y}")
        })
        .collect();
    let last = points.last().map_or(0.0, |point| point.value.get());
    html! {
        figure.plot {
            figcaption { (title) " " strong { (short(last)) " " (unit) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="group"
                aria-label={ (title) " over " (plural(points.len(), "run")) ": " (short(low)) " to " (short(high)) " " (unit) } {
                path d={ "M" (path.join("L")) } {}
                @for (index, point) in points.iter().enumerate() {
                    @let (x, y) = at(index, point.value.get());
                    a href={ "/runs/" (point.run) } {
                        circle class=(point.verdict.map_or("running", Verdict::as_str)) cx=(x) cy=(y) r="3" {
                            title { (point.value) " " (unit) }
                        }
                    }
                }
            }
            p.quiet { (short(low)) " to " (short(high)) " " (unit) " in " (plural(points.len(), "run")) }
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
    fn rates_are_told() {
        assert_eq!(words(FailureRate { failed: 0, runs: 30 }), "0 % (0 of 30)");
        assert_eq!(words(FailureRate { failed: 10, runs: 40 }), "25 % (10 of 40)");
        assert_eq!(words(FailureRate::default()), "0 % (0 of 0)");
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
