//! Events as lines for people: one per machine that did not pass a stage, one when the stage is over.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use xrdtest_model::crash::crashed;
use xrdtest_model::definition::short_name;
use xrdtest_model::event::{InstanceState, Placement, StageResult};
use xrdtest_model::time::{human, limit};
use xrdtest_model::{Event, EventBody, InstanceId, Outcome, RunPlan, StageId, Timestamp};
use xrdtest_report::findings::plural;
use xrdtest_report::text::readable;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// What has to be remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Whether it is worth a line that a stage begins: where nothing else shows what is going on.
    begins: bool,
    plan: Option<Box<RunPlan>>,
    begin: Option<Timestamp>,
    /// A stage has begun.
    begun: bool,
    stages: BTreeMap<StageId, Stage>,
    clusters: BTreeMap<InstanceId, String>,
}

#[derive(Debug)]
struct Stage {
    since: Timestamp,
    waiting: usize,
    total: usize,
    bad: usize,
}

impl Lines {
    /// `begins`: with a line when a stage begins.
    pub(crate) fn new(begins: bool) -> Self {
        Self { begins, ..Self::default() }
    }

    fn title(&self, stage: StageId) -> String {
        self.plan.as_ref().map_or_else(|| stage.to_string(), |plan| plan.stage_title(stage))
    }

    /// The lines that an event is worth.
    pub(crate) fn of(&mut self, event: &Event) -> Vec<String> {
        let begin = *self.begin.get_or_insert(event.at);
        let clock = format!("{DIM}{:>7}{DIM:#}", human(event.at.since(begin)));
        self.words(event).into_iter().map(|words| format!("{clock}  {words}")).collect()
    }

    fn words(&mut self, event: &Event) -> Vec<String> {
        match &event.body {
            EventBody::RunQueued { run, plan, .. } => {
                self.plan = Some(plan.clone());
                vec![format!("{} {DIM}({run}){DIM:#}", plan.suite)]
            }
            EventBody::RunWaiting { reason, .. } => vec![format!("waiting: {reason}")],
            EventBody::RunPlaced { instances, .. } => {
                let clusters: Vec<_> = instances.iter().map(|placed| placed.cluster.as_str()).collect();
                let words = format!("starting {}", clusters.join(", "));
                let placed = |placed: &Placement| (placed.instance.clone(), placed.cluster.clone());
                self.clusters = instances.iter().map(placed).collect();
                vec![words]
            }
            EventBody::InstanceChanged { instance, state, detail, .. } => {
                let of = self.clusters.get(instance).filter(|_| self.clusters.len() > 1);
                let of = of.map(|cluster| format!("{cluster}: ")).unwrap_or_default();
                instance_words(*state, detail).into_iter().map(|words| format!("{of}{words}")).collect()
            }
            EventBody::StageStarted { stage, machines, .. } => {
                let total = machines.len();
                self.begun = true;
                self.stages.insert(*stage, Stage { since: event.at, waiting: total, total, bad: 0 });
                if self.begins {
                    vec![format!("{}: begins on {}", self.title(*stage), plural(total, "machine"))]
                } else {
                    vec![]
                }
            }
            EventBody::StageFinished { result, .. } => self.finished(event.at, result),
            EventBody::MachineLate { machine } => {
                vec![format!("{BAD}{} is late{BAD:#}: out of contact", machine.host)]
            }
            EventBody::MachineAway { machine } => {
                vec![format!("{} said goodbye; it is expected back", machine.host)]
            }
            EventBody::MachineBack { machine } => vec![format!("{} is back", machine.host)],
            EventBody::MachineLost { machine, reason } => {
                vec![format!("{BAD}{} is lost{BAD:#}: {reason}", machine.host)]
            }
            EventBody::CancelRequested { by, reason, force, .. } => {
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                let how = match (self.begun, force) {
                    (false, _) => "",
                    (true, true) => " (at once)",
                    (true, false) => " (finalize stages still run)",
                };
                vec![format!("{BAD}cancelled{BAD:#} by {by}{why}{how}")]
            }
            EventBody::RunTimedOut { .. } => vec![format!("{BAD}the run's time limit is over{BAD:#}")],
            EventBody::RunFinished { verdict, .. } => {
                let style = if verdict.as_str() == "passed" { GOOD } else { BAD };
                vec![format!("{style}{verdict}{style:#}")]
            }
            EventBody::MachineRebooting { machine, within_ms } => {
                let within = limit(Duration::from_millis(*within_ms));
                vec![format!("{} reboots, as its script announced; it has {within}", machine.host)]
            }
            // Who comes and goes besides is no news of this run: what it means for the run is told by other events.
            // What machines start from is in the record; what is kept is told when the run is over.
            EventBody::ImagesUsed { .. }
            | EventBody::ClusterOrdered { .. }
            | EventBody::InstanceKept { .. }
            | EventBody::HoldBegan { .. }
            | EventBody::HoldEnded { .. }
            | EventBody::AgentConnected { .. }
            | EventBody::AgentGone { .. }
            | EventBody::AgentRevoked { .. }
            | EventBody::StageReported { .. }
            | EventBody::MachineConnected { .. }
            | EventBody::CaseFinished { .. } => vec![],
        }
    }

    /// A machine that did not pass is told at once, the stage as a whole when the last machine is done.
    fn finished(&mut self, now: Timestamp, result: &StageResult) -> Vec<String> {
        let title = self.title(result.stage);
        let mut lines = Vec::new();
        if !matches!(result.outcome, Outcome::Passed | Outcome::NotRun) {
            lines.push(format!("{title}: {} {BAD}{}{BAD:#}", result.machine.host, ending(result)));
        }
        let crashed = crashed(&result.crashes);
        if !crashed.is_empty() && !result.reason.contains(&crashed) {
            lines.push(format!("{title}: {} {BAD}{}{BAD:#}", result.machine.host, readable(&crashed)));
        }
        if let Some(stage) = self.stages.get_mut(&result.stage) {
            stage.waiting = stage.waiting.saturating_sub(1);
            stage.bad += usize::from(result.outcome != Outcome::Passed);
            if stage.waiting == 0 {
                let machines = plural(stage.total, "machine");
                let time = human(now.since(stage.since));
                lines.push(match stage.bad {
                    0 => format!("{title}: {GOOD}passed{GOOD:#} on {machines} {DIM}in {time}{DIM:#}"),
                    bad => format!(
                        "{title}: {BAD}not passed{BAD:#} on {bad} of {machines} {DIM}in {time}{DIM:#}"
                    ),
                });
                self.stages.remove(&result.stage);
            }
        }
        lines
    }
}

fn instance_words(state: InstanceState, detail: &str) -> Option<String> {
    let words = match state {
        InstanceState::Starting => return None,
        InstanceState::WaitingSlaves => "the machines are made, their agents are awaited",
        InstanceState::Active => "all machines are up",
        InstanceState::Stopping => "stopping the machines",
        InstanceState::Stopped => "nothing is left of the machines",
        InstanceState::Failed => return Some(format!("{BAD}the cluster failed{BAD:#}: {detail}")),
    };
    Some(words.to_owned())
}

/// `failed (exit code 3)`, `lost (out of contact for 30 s)`.
fn ending(result: &StageResult) -> String {
    let mut details = Vec::new();
    match (result.exit_code, result.signal) {
        (Some(code), _) if result.outcome == Outcome::Failed && code != 0 => {
            details.push(format!("exit code {code}"));
        }
        (_, Some(signal)) if result.outcome == Outcome::Killed && result.reason.is_empty() => {
            details.push(format!("signal {signal}"));
        }
        _ => {}
    }
    if !result.reason.is_empty() {
        details.push(result.reason.clone());
    }
    if details.is_empty() {
        result.outcome.to_string()
    } else {
        format!("{} ({})", result.outcome, details.join(": "))
    }
}

/// `ds1, ds2 and 3 more`.
pub(crate) fn names<'a>(machines: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 4;
    let all: Vec<_> = machines.map(short_name).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] if all.len() <= SHOWN => format!("{} and {last}", most.join(", ")),
        _ => format!("{} and {} more", all[..SHOWN - 1].join(", "), all.len() + 1 - SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_for_people() {
        assert_eq!(names(["a.x", "b.x", "c.x"].into_iter()), "a, b and c");
        assert_eq!(names(["a", "b", "c", "d", "e", "f"].into_iter()), "a, b, c and 3 more");
        assert_eq!(names(["a.x"].into_iter()), "a");
    }
}
