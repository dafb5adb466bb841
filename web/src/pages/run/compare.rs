//! `/runs/RUN/compare/OTHER`: what is different between two runs.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use xrdtest_model::api::{ComparedMetric, ComparedRun, ComparedStage, Comparison, MetricValue, StageEnd};
use xrdtest_model::definition::short_name;
use xrdtest_model::time::{human, utc};
use xrdtest_model::{Outcome, RunId, StageKind};

use super::super::failure::PageAnswer;
use super::super::parts::{self, run_link, suite_link};
use super::super::shell::Shell;
use crate::api::{Shared, comparison};

/// With the last run of the suite before it that passed; where there is none, with the one before it.
pub(in super::super) async fn with_last_passed(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
) -> PageAnswer<Redirect> {
    let other = comparison::last_good_before(&engine, &run).await?;
    Ok(Redirect::temporary(&format!("/runs/{run}/compare/{other}")))
}

pub(in super::super) async fn page(
    State(engine): State<Shared>,
    Path((run, other)): Path<(RunId, RunId)>,
) -> PageAnswer<Markup> {
    let compared = comparison::compare(&engine, &other, &run).await?;
    let content = html! {
        header.title {
            h1 { (suite_link(&compared.new.summary.suite)) }
            p.quiet { (run_link(&run)) " compared with " (run_link(&other)) }
        }
        section.panel { h2 { "The runs" } (facts(&compared.old, &compared.new)) }
        section.panel { h2 { "Definition" } (definitions(&compared.definition)) }
        section.panel { h2 { "Stages" } (stages(&compared)) }
        (metrics(&compared.metrics))
        p { a.button href={ "/runs/" (other) "/compare/" (run) } { "The other way round" } }
    };
    Ok(Shell::new(&format!("{run} compared")).area("/runs").render(&content))
}

fn facts(old: &ComparedRun, new: &ComparedRun) -> Markup {
    let took = |run: &ComparedRun| human(Duration::from_millis(run.duration_ms));
    let origin = |run: &ComparedRun| run.origin.as_ref().map_or("–".to_owned(), ToString::to_string);
    let images = |run: &ComparedRun| {
        let images: Vec<_> =
            run.images.iter().map(|image| format!("{} {:.12}", image.name, image.digest)).collect();
        images.join(", ")
    };
    let (before, after) = (&old.summary, &new.summary);
    let rows = [
        ("By", before.trigger.clone(), after.trigger.clone()),
        ("Files", origin(old), origin(new)),
        ("Images", images(old), images(new)),
        ("Why", before.reason.clone(), after.reason.clone()),
    ];
    html! {
        div.scroll tabindex="0" {
            table.compared {
                thead { tr { th { "" } th { (run_link(&before.run)) } th { (run_link(&after.run)) } } }
                tbody {
                    tr {
                        th scope="row" { "Verdict" }
                        td { (parts::verdict(before.verdict, false)) }
                        td { (parts::verdict(after.verdict, false)) }
                    }
                    // These are always different.
                    tr { th scope="row" { "Asked for" } td { (utc(before.queued)) } td { (utc(after.queued)) } }
                    tr { th scope="row" { "Took" } td { (took(old)) } td { (took(new)) } }
                    @for (what, old, new) in rows.iter().filter(|(_, old, new)| !old.is_empty() || !new.is_empty()) {
                        tr.changed[old != new] { th scope="row" { (what) } td.words { (old) } td.words { (new) } }
                    }
                }
            }
        }
    }
}

/// What of the definition is different, as far as it was used.
fn definitions(differences: &[String]) -> Markup {
    html! {
        @if differences.is_empty() {
            p.quiet { "It is the same: cases, scripts, machines, clusters, tags and limits." }
        } @else {
            ul { @for difference in differences { li.words { (difference) } } }
        }
    }
}

/// A row per stage, a column per machine; what ended otherwise than before stands out.
fn stages(compared: &Comparison) -> Markup {
    let mut machines: Vec<&str> = compared.new.machines.iter().map(String::as_str).collect();
    for machine in &compared.old.machines {
        if !machines.contains(&machine.as_str()) {
            machines.push(machine);
        }
    }
    let mut rows: Vec<(&Option<String>, StageKind, Vec<&ComparedStage>)> = Vec::new();
    for stage in &compared.stages {
        match rows.last_mut().filter(|(case, kind, _)| (*case, *kind) == (&stage.case, stage.stage)) {
            Some((_, _, cells)) => cells.push(stage),
            None => rows.push((&stage.case, stage.stage, vec![stage])),
        }
    }
    let run = &compared.new.summary.run;
    html! {
        div.scroll tabindex="0" {
            table.matrix {
                thead { tr { th { "Case" } th { "Stage" } @for machine in &machines { th title=(machine) { (short_name(machine)) } } } }
                tbody {
                    @for (case, kind, cells) in &rows {
                        tr {
                            th scope="row" { (case.as_deref().unwrap_or("suite")) }
                            th scope="row" { (kind) }
                            @for machine in &machines {
                                (cell(cells.iter().find(|cell| cell.machine == *machine).copied(), run))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(compared: Option<&ComparedStage>, run: &RunId) -> Markup {
    let Some(ComparedStage { old, new, machine, .. }) = compared else {
        return html! { td.cell.aside { "–" } };
    };
    let word = |end: &Option<StageEnd>| end.as_ref().map(|end| end.outcome.as_str().replace('_', " "));
    let (before, after) = (word(old), word(new));
    let folder =
        new.as_ref().filter(|end| end.outcome != Outcome::NotRun).and_then(|end| end.folder.as_ref());
    let address = folder.map(|folder| format!("/runs/{run}/outputs/{folder}/{machine}"));
    html! {
        td class={ "cell " (new.as_ref().map_or("aside", |end| end.outcome.as_str())) } {
            @match &before {
                Some(word) if before != after => { s.quiet { (word) } " " },
                Some(_) => {},
                None => span.quiet { "– " },
            }
            @match &after { Some(word) => a href=[address] { (word) }, None => "–" }
            @if let (Some(old), Some(new)) = (old, new) {
                span.took { (durations(old.duration_ms, new.duration_ms)) }
            }
        }
    }
}

/// `1.2 s, was 3.4 s`; where they are much the same only the new one.
fn durations(old: u64, new: u64) -> String {
    let text = |millis: u64| human(Duration::from_millis(millis));
    let much = old.abs_diff(new) > 200 && old.abs_diff(new) * 4 > old.min(new);
    if much { format!("{}, was {}", text(new), text(old)) } else { text(new) }
}

fn metrics(compared: &[ComparedMetric]) -> Markup {
    let value = |of: &Option<MetricValue>| {
        of.as_ref().map_or("–".to_owned(), |MetricValue { value, unit }| format!("{value} {unit}"))
    };
    html! {
        @if !compared.is_empty() {
            section.panel {
                h2 { "Metrics" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th { "Name" } th { "Machine" } th.number { "Before" } th.number { "Now" } th.number { "Change" } } }
                        tbody {
                            @for metric in compared {
                                tr {
                                    td { (metric.name) } td { (short_name(&metric.machine)) }
                                    td.number { (value(&metric.old)) } td.number { (value(&metric.new)) }
                                    td.number { (change(metric.old.as_ref(), metric.new.as_ref())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn change(old: Option<&MetricValue>, new: Option<&MetricValue>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old.unit == new.unit && old.value.get() != 0.0 => {
            let (old, new) = (old.value.get(), new.value.get());
            format!("{:+.1} %", 100.0 * (new - old) / old.abs())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_matter() {
        assert!(!durations(1000, 1100).contains("was"), "{}", durations(1000, 1100));
        assert!(durations(1000, 3000).contains(", was 1"), "{}", durations(1000, 3000));
        let number = |value: f64| MetricValue { value: value.try_into().unwrap(), unit: "MB/s".to_owned() };
        assert_eq!(change(Some(&number(80.0)), Some(&number(60.0))), "-25.0 %");
        assert_eq!(change(None, Some(&number(60.0))), "");
    }
}
