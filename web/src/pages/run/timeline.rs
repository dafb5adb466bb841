//! Stages on machines over time: one sees at a glance who was late at which barrier.

use std::time::Duration;

use maud::{Markup, html};
use xrdtest_model::document::StageRecord;
use xrdtest_model::time::human;
use xrdtest_model::{Outcome, StageId};
use xrdtest_report::findings::plural;

use super::view::{self, RunView};

/// Sizes in the drawing's units.
const LABEL: f64 = 110.0;
const WIDTH: f64 = 960.0;
const ROW: f64 = 26.0;
const TOP: f64 = 24.0;
/// Marks on the axis.
const MARKS: u32 = 6;

pub(super) fn drawing(view: &RunView) -> Markup {
    let machines = view.plan.hosts_that_take_part();
    let ran: Vec<&StageRecord> =
        view.record.stages.iter().filter(|stage| stage.outcome != Outcome::NotRun).collect();
    let end = ran.iter().map(|stage| stage.offset_ms + stage.duration_ms).max().unwrap_or(0);
    if end == 0 {
        return html! { p.quiet { "Nothing is over yet." } };
    }
    let scale = Scale { end: to_f64(end) };
    let height = TOP + ROW * to_f64(machines.len() as u64) + 8.0;
    html! {
        div.scroll {
            svg.timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="group"
                aria-label={ "Stages on " (plural(machines.len(), "machine")) " over " (human(Duration::from_millis(end))) } {
                @for mark in 0..=MARKS {
                    @let at = to_f64(end) * f64::from(mark) / f64::from(MARKS);
                    path.grid d={ "M" (scale.x(at)) " " (TOP - 6.0) "V" (height) } {}
                    text.small x=(scale.x(at)) y="12" { (scale.mark(at)) }
                }
                @for barrier in barriers(&ran) {
                    path.barrier d={ "M" (scale.x(to_f64(barrier))) " " (TOP - 6.0) "V" (height) } {}
                }
                @for (row, machine) in machines.iter().enumerate() {
                    @let y = TOP + ROW * to_f64(row as u64);
                    text.machine x="0" y=(y + 16.0) { (machine.split('.').next().unwrap_or(machine)) }
                    @for stage in ran.iter().filter(|stage| stage.machine == *machine) {
                        (bar(view, stage, &scale, y))
                    }
                }
            }
        }
    }
}

fn bar(view: &RunView, stage: &StageRecord, scale: &Scale, y: f64) -> Markup {
    let x = scale.x(to_f64(stage.offset_ms));
    let width = (scale.x(to_f64(stage.offset_ms + stage.duration_ms)) - x).max(1.5);
    let words = format!(
        "{} on {}: {}, {}",
        view::stage_title(stage),
        stage.machine,
        stage.outcome,
        human(Duration::from_millis(stage.duration_ms))
    );
    html! {
        a href=[view.output_address(stage)] {
            rect class=(stage.outcome.as_str()) x=(format!("{x:.1}")) y=(y + 3.0) width=(format!("{width:.1}"))
                height=(ROW - 6.0) rx="3" { title { (words) } }
        }
    }
}

/// When each stage was over on all machines.
fn barriers(stages: &[&StageRecord]) -> Vec<u64> {
    let mut ends: Vec<(StageId, u64)> = Vec::new();
    for stage in stages {
        let (id, end) = (view::stage_id(stage), stage.offset_ms + stage.duration_ms);
        match ends.iter_mut().find(|(known, _)| *known == id) {
            Some((_, latest)) => *latest = end.max(*latest),
            None => ends.push((id, end)),
        }
    }
    ends.into_iter().map(|(_, end)| end).collect()
}

struct Scale {
    /// Milliseconds at the right border.
    end: f64,
}

impl Scale {
    fn x(&self, milliseconds: f64) -> f64 {
        let x = LABEL + (WIDTH - LABEL - 30.0) * milliseconds / self.end;
        (x * 10.0).round() / 10.0
    }

    fn mark(&self, milliseconds: f64) -> String {
        let seconds = milliseconds / 1000.0;
        if self.end < 20_000.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing's coordinates")]
fn to_f64(number: u64) -> f64 {
    number as f64
}
