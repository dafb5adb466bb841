//! Case × stage × machine.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};
use xrdtest_model::crash::crashed;
use xrdtest_model::document::StageRecord;
use xrdtest_model::time::human;
use xrdtest_model::{Outcome, StageId};

use super::view::{self, RunView};

/// A row per stage, a column per machine.
pub(super) fn table(view: &RunView) -> Markup {
    let machines = view.plan.hosts_that_take_part();
    let results: BTreeMap<(StageId, &str), &StageRecord> = view
        .record
        .stages
        .iter()
        .map(|stage| ((view::stage_id(stage), stage.machine.as_str()), stage))
        .collect();
    html! {
        div.scroll {
            table.matrix {
                thead {
                    tr {
                        th { "Case" } th { "Stage" }
                        @for machine in &machines { th title=(machine) { (machine.split('.').next().unwrap_or(machine)) } }
                    }
                }
                @for (title, stages) in view::groups(&view.plan) {
                    tbody {
                        @for (index, stage) in stages.iter().enumerate() {
                            tr {
                                @if index == 0 { th.case scope="rowgroup" rowspan=(stages.len()) { (title) } }
                                th scope="row" { (stage.kind.as_str()) }
                                @for machine in &machines {
                                    (cell(view, *stage, machine, results.get(&(*stage, *machine)).copied()))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(view: &RunView, stage: StageId, machine: &str, result: Option<&StageRecord>) -> Markup {
    if let Some(result) = result {
        return over(view, result);
    }
    if view.going_on.contains_key(&(stage, machine.to_owned())) {
        let address = format!("/runs/{}/outputs/{}/{machine}", view.record.id, view.plan.stage_folder(stage));
        return html! { td.cell.running { a href=(address) { "running" } } };
    }
    let takes_part = view.plan.machines_of(stage).iter().any(|known| known == machine);
    let has_script = view.plan.script(stage).is_some();
    html! {
        @if !takes_part { td.cell.aside title="This machine does not take part" { "" } }
        @else if !has_script { td.cell.aside title="There is no such script" { "–" } }
        @else { td.cell.ahead title="Not begun" { "" } }
    }
}

fn over(view: &RunView, result: &StageRecord) -> Markup {
    let took = human(Duration::from_millis(result.duration_ms));
    let word = result.outcome.as_str();
    // Most have passed: what catches the eye shall be the others.
    let words = match result.outcome {
        Outcome::Passed => html! { span.hidden { "passed " } (took) },
        _ => html! { (word.replace('_', " ")) },
    };
    html! {
        td class={ "cell " (word) } title=(result.reason) {
            @match view.output_address(result).filter(|_| result.outcome != Outcome::NotRun) {
                Some(address) => a href=(address) { (words) },
                None => (words),
            }
            @if !result.crashes.is_empty() {
                a.crash href="#crashes" title=(crashed(&result.crashes)) { "crashed" }
            }
            @if !matches!(result.outcome, Outcome::NotRun | Outcome::Passed) {
                span.took {
                    (took)
                    @if let Some(code) = result.exit_code.filter(|code| *code != 0) { " · code " (code) }
                    @if let Some(signal) = result.signal { " · signal " (signal) }
                }
            }
        }
    }
}
