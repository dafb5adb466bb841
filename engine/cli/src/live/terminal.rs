//! Lines at the bottom of a terminal: what the run is doing, and each machine that is still busy with its last
//! line of output.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use xrdtest_engine::OutputChunk;
use xrdtest_model::definition::short_name;
use xrdtest_model::{AttemptId, StageId};
use xrdtest_orchestrator::{Progress, RunPhase, RunStatus};

use super::last_line::LastLine;
use super::lines::names;

/// Machines shown with a line of their own; the others are counted.
const SHOWN: usize = 12;
/// How often the elapsed time moves.
const TICK: Duration = Duration::from_millis(250);

pub(crate) struct Terminal {
    area: MultiProgress,
    title: ProgressBar,
    machines: Vec<ProgressBar>,
    stage: Option<StageId>,
    output: HashMap<AttemptId, LastLine>,
    busy: Vec<(String, bool)>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let area = MultiProgress::new();
        let title = area.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg} ({elapsed})")));
        title.enable_steady_tick(TICK);
        Self { area, title, machines: Vec::new(), stage: None, output: HashMap::new(), busy: Vec::new() }
    }

    pub(crate) fn say(&mut self, line: &str) {
        let _ = self.area.println(line);
    }

    pub(crate) fn output(&mut self, chunk: &OutputChunk) {
        self.output.entry(chunk.attempt.clone()).or_default().push(&chunk.bytes);
        self.draw();
    }

    pub(crate) fn status(&mut self, status: Option<&RunStatus>) {
        let (stage, title) = match status {
            None => (None, "taking the machines away".to_owned()),
            Some(status) => (stage_of(status), title_of(status)),
        };
        if self.stage != stage {
            self.stage = stage;
            self.output.retain(|attempt, _| Some(attempt.stage) == stage);
            self.title.reset_elapsed();
        }
        self.title.set_message(title);
        self.busy = status.into_iter().flat_map(busy_of).collect();
        self.draw();
    }

    /// One line per busy machine.
    fn draw(&mut self) {
        let shown = self.busy.len().min(SHOWN);
        while self.machines.len() > shown {
            if let Some(bar) = self.machines.pop() {
                bar.finish_and_clear();
                self.area.remove(&bar);
            }
        }
        while self.machines.len() < shown {
            self.machines.push(self.area.add(ProgressBar::new_spinner().with_style(style("  {wide_msg}"))));
        }
        let width = self.busy.iter().map(|(host, _)| short_name(host).len()).max().unwrap_or(0);
        for ((host, late), bar) in self.busy.iter().zip(&self.machines) {
            let output = self.output.iter().find(|(attempt, _)| attempt.machine.host == *host);
            let last = if *late { "out of contact" } else { output.map_or("", |(_, last)| last.text()) };
            bar.set_message(format!("{:width$}  {last}", short_name(host)));
        }
    }

    pub(crate) fn close(&mut self) {
        self.busy.clear();
        self.draw();
        self.title.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn stage_of(status: &RunStatus) -> Option<StageId> {
    match &status.phase {
        RunPhase::InStage { stage, .. } => Some(*stage),
        RunPhase::Waiting { .. } | RunPhase::Starting { .. } => None,
    }
}

fn title_of(status: &RunStatus) -> String {
    let ending = status.ending.as_ref().map(|ending| format!(" ({ending})")).unwrap_or_default();
    let doing = match &status.phase {
        RunPhase::Waiting { reason } => format!("waiting: {reason}"),
        RunPhase::Starting { missing, .. } if missing.is_empty() => "starting the machines".to_owned(),
        RunPhase::Starting { missing, .. } => {
            format!("starting: waiting for {}", names(missing.iter().map(|machine| machine.host.as_str())))
        }
        RunPhase::InStage { title, machines, .. } => {
            let waits = names(status.waits_for().map(|machine| machine.machine.host.as_str()));
            let done =
                machines.iter().filter(|machine| matches!(machine.progress, Progress::Done(_))).count();
            format!("{title}: {done} of {} done, waiting for {waits}", machines.len())
        }
    };
    format!("{}  {doing}{ending}", status.suite)
}

/// The machines for which the barrier waits, and whether they are out of contact.
fn busy_of(status: &RunStatus) -> Vec<(String, bool)> {
    status.waits_for().map(|machine| (machine.machine.host.clone(), machine.late)).collect()
}
