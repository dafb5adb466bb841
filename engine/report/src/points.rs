//! What reports have a line, a point or an element for: suite initialize, each case, suite finalize.

use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::{Outcome, StageKind, Verdict};

use crate::summary::{case_title, stage_title};

/// One thing that passed or did not.
#[derive(Clone, Debug)]
pub(crate) struct Point<'a> {
    /// `suite initialize`, `copy_to`, `copy_to (2)`; `run` for what no stage tells.
    pub(crate) name: String,
    /// `None`: it was not begun, or is not over.
    pub(crate) verdict: Option<Verdict>,
    /// Why, where it did not pass.
    pub(crate) reason: String,
    /// Its stages on their machines.
    pub(crate) stages: Vec<&'a StageRecord>,
}

impl Point<'_> {
    /// When it began, and how long it took, in milliseconds of the run.
    pub(crate) fn span(&self) -> (u64, u64) {
        let begin = self.stages.iter().map(|stage| stage.offset_ms).min().unwrap_or(0);
        let end = self.stages.iter().map(|stage| stage.offset_ms + stage.duration_ms).max().unwrap_or(begin);
        (begin, end - begin)
    }

    /// Stages that did not pass.
    pub(crate) fn bad(&self) -> impl Iterator<Item = &StageRecord> {
        self.stages.iter().copied().filter(|stage| stage.outcome != Outcome::Passed)
    }
}

/// All of a run, in order.
pub(crate) fn points(run: &RunRecord) -> Vec<Point<'_>> {
    let cases = run.cases.iter().map(|case| Point {
        name: case_title(run, case.index),
        verdict: case.verdict,
        reason: case.reason.clone(),
        stages: run.stages.iter().filter(|stage| stage.case_index == Some(case.index)).collect(),
    });
    let mut points: Vec<_> = of_suite(run, StageKind::Initialize)
        .into_iter()
        .chain(cases)
        .chain(of_suite(run, StageKind::Finalize))
        .collect();
    // A run that ended badly beside its stages, or is not over, must not look green.
    let is_bad = |point: &Point<'_>| point.verdict.is_some_and(|verdict| verdict != Verdict::Passed);
    if run.verdict != Some(Verdict::Passed) && !points.iter().any(is_bad) {
        let reason = if run.verdict.is_some() { &run.reason } else { "it is not over" };
        points.push(Point {
            name: "run".to_owned(),
            verdict: run.verdict,
            reason: reason.to_owned(),
            stages: Vec::new(),
        });
    }
    points
}

fn of_suite(run: &RunRecord, kind: StageKind) -> Option<Point<'_>> {
    let is_it = |stage: &&StageRecord| stage.case_index.is_none() && stage.stage == kind;
    let stages: Vec<_> = run.stages.iter().filter(is_it).collect();
    let name = stage_title(run, stages.first()?);
    let worst = stages.iter().map(|stage| stage.outcome).max_by_key(|outcome| rank(*outcome))?;
    let reason = if worst == Outcome::Passed { String::new() } else { format!("{name} {worst}") };
    Some(Point { reason, name, verdict: Some(verdict_of(worst)), stages })
}

/// How bad an outcome is for the stage as a whole.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Passed => 0,
        Outcome::NotRun => 1,
        Outcome::TimedOut => 2,
        Outcome::Failed => 3,
        Outcome::Killed => 4,
        Outcome::Lost => 5,
        Outcome::Cancelled => 6,
    }
}

fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Passed => Verdict::Passed,
        Outcome::Failed | Outcome::Killed | Outcome::NotRun => Verdict::Failed,
        Outcome::TimedOut => Verdict::TimedOut,
        Outcome::Lost => Verdict::Error,
        Outcome::Cancelled => Verdict::Cancelled,
    }
}

/// What is worth saying of a run as names and values, in this order: what it was, what it was made from and on what.
pub(crate) fn properties(run: &RunRecord) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: &str| {
        if !value.is_empty() {
            all.push((name.to_owned(), value.to_owned()));
        }
    };
    say("run", &run.id);
    say("verdict", run.verdict.map_or("", Verdict::as_str));
    say("reason", &run.reason);
    say("trigger", &run.trigger);
    for cluster in &run.clusters {
        say("cluster", &cluster.name);
        say("hypervisor", &cluster.hypervisor);
    }
    for image in &run.images {
        say(&format!("image.{}", image.name), &image.digest);
    }
    if let Some(origin) = &run.origin {
        say("origin.repository", &origin.repository);
        say("origin.branch", origin.branch.as_deref().unwrap_or_default());
        say("origin.commit", origin.commit.as_deref().unwrap_or_default());
        say("origin.author", origin.author.as_deref().unwrap_or_default());
        say("origin.dirty", origin.dirty.map_or("", |dirty| if dirty { "true" } else { "false" }));
    }
    for (name, value) in &run.tags {
        say(&format!("tag.{name}"), value);
    }
    for stage in &run.stages {
        let place = format!("{}, {}", stage.machine, stage_title(run, stage));
        for crash in &stage.crashes {
            say(&format!("crash ({place})"), &crash.to_string());
        }
        say(&format!("no_core_dumps ({})", stage.machine), &stage.no_cores);
    }
    for stage in &run.stages {
        for metric in &stage.metrics {
            let name = format!("metric.{} ({}, {})", metric.name, stage.machine, stage_title(run, stage));
            let unit = if metric.unit.is_empty() { String::new() } else { format!(" {}", metric.unit) };
            say(&name, &format!("{}{unit}", metric.value));
        }
    }
    all
}
