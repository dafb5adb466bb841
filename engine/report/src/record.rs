//! Events folded into the run document.

use std::collections::BTreeMap;

use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::document::{
    CONSOLE_LINES, CaseRecord, ClusterRecord, ConsoleRecord, LogRecord, RunRecord, StageRecord,
};
use xrdtest_model::event::{CollectedLog, ImageUsed, Placement, StageResult};
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::time::millis;
use xrdtest_model::{Event, EventBody, InstanceId, Outcome, RunId, RunPlan, StageId, Timestamp, Verdict};

/// How a kernel begins its last words.
const PANIC: &str = "Kernel panic - not syncing";

/// Where the record finds what does not go through the journal.
pub trait Evidence {
    /// File of a stage's output relative to the run's folder, and the output's last
    /// [`xrdtest_model::document::OUTPUT_TAIL`] bytes; `None` where there is no file.
    fn output(&self, plan: &RunPlan, result: &StageResult) -> Option<(String, Vec<u8>)>;

    /// File of a collected log or an artifact relative to the run's folder; `None` where there is none.
    fn log(&self, plan: &RunPlan, result: &StageResult, log: &CollectedLog) -> Option<String>;

    /// File of a machine's serial console relative to the run's folder, its length, and its last bytes: at least
    /// [`CONSOLE_LINES`] lines as far as there are that many; `None` where there is no file.
    fn console(&self, host: &str) -> Option<(String, u64, Vec<u8>)>;
}

/// Collects the events of one run.
#[derive(Clone, Debug)]
pub struct RunRecorder {
    run: RunId,
    queued: Option<(Timestamp, Box<RunPlan>)>,
    /// Who or what asked for it.
    trigger: String,
    began: Option<Timestamp>,
    stages: BTreeMap<(usize, usize), StageResult>,
    cases: BTreeMap<u32, (Verdict, String)>,
    finished: Option<(Timestamp, Verdict, String)>,
    placed: Vec<Placement>,
    images: Vec<ImageUsed>,
    /// The time of the latest event.
    latest: Timestamp,
}

impl RunRecorder {
    /// Nothing is known of `run` yet.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            queued: None,
            trigger: String::new(),
            began: None,
            stages: BTreeMap::new(),
            cases: BTreeMap::new(),
            finished: None,
            placed: Vec::new(),
            images: Vec::new(),
            latest: Timestamp::default(),
        }
    }

    /// Takes the next event; those of other runs are passed over.
    pub fn apply(&mut self, event: &Event) {
        self.latest = self.latest.max(event.at);
        match &event.body {
            EventBody::RunQueued { run, plan, trigger } if *run == self.run => {
                self.trigger.clone_from(trigger);
                self.queued = Some((event.at, plan.clone()));
            }
            EventBody::RunPlaced { run, instances } if *run == self.run => {
                self.placed.clone_from(instances);
            }
            EventBody::ImagesUsed { instance, images } if self.has(instance) => {
                let new = images.iter().filter(|image| !self.images.contains(image));
                let new: Vec<ImageUsed> = new.cloned().collect();
                self.images.extend(new);
            }
            EventBody::StageStarted { run, .. } if *run == self.run => {
                self.began.get_or_insert(event.at);
            }
            EventBody::StageFinished { run, result } if *run == self.run => {
                if let Some(key) = self.key(result) {
                    self.stages.insert(key, (**result).clone());
                }
            }
            EventBody::CaseFinished { run, case, verdict, reason } if *run == self.run => {
                self.cases.insert(*case, (*verdict, reason.clone()));
            }
            EventBody::RunFinished { run, verdict, reason } if *run == self.run => {
                self.finished = Some((event.at, *verdict, reason.clone()));
            }
            _ => {}
        }
    }

    fn has(&self, instance: &InstanceId) -> bool {
        self.placed.iter().any(|placed| placed.instance == *instance)
    }

    /// The run's plan, once it is known.
    pub fn plan(&self) -> Option<&RunPlan> {
        self.queued.as_ref().map(|(_, plan)| &**plan)
    }

    /// What the run amounts to, once it is over.
    pub fn verdict(&self) -> Option<Verdict> {
        self.finished.as_ref().map(|(_, verdict, _)| *verdict)
    }

    /// Position of a result: stages in order of execution, machines in the order of the definition.
    fn key(&self, result: &StageResult) -> Option<(usize, usize)> {
        let plan = self.plan()?;
        let stage = plan.stages().position(|stage| stage == result.stage)?;
        let machine = plan.machines.iter().position(|host| *host == result.machine.host)?;
        Some((stage, machine))
    }

    /// The record of the run as far as the events tell it; `None` while they do not tell its plan.
    pub fn record(&self, evidence: &impl Evidence) -> Option<RunRecord> {
        self.record_at(self.latest, evidence)
    }

    /// The same at a time, which says how long a run has taken that is not over.
    pub fn record_at(&self, now: Timestamp, evidence: &impl Evidence) -> Option<RunRecord> {
        let (queued, plan) = self.queued.as_ref()?;
        let started = self.began.unwrap_or(*queued);
        let (ended, verdict, reason) = match &self.finished {
            Some((ended, verdict, reason)) => (*ended, Some(*verdict), reason.clone()),
            None => (now, None, String::new()),
        };
        let mut stages: Vec<StageRecord> =
            self.stages.values().map(|result| stage_record(plan, result, started, evidence)).collect();
        panics(&mut stages, evidence);
        Some(RunRecord {
            id: self.run.to_string(),
            suite: plan.suite.clone(),
            trigger: self.trigger.clone(),
            verdict,
            reason,
            phase: None,
            started: rfc3339(started),
            duration_ms: millis(ended.since(started)),
            cases: self.case_records(plan),
            stages,
            origin: plan.origin.clone(),
            clusters: self.cluster_records(plan),
            tags: plan.tags.clone(),
            images: self.images.clone(),
            consoles: console_records(plan, verdict, evidence),
            directory: None,
        })
    }

    fn cluster_records(&self, plan: &RunPlan) -> Vec<ClusterRecord> {
        let hypervisor = |cluster: &str| {
            let placed = self.placed.iter().find(|placed| placed.cluster == cluster)?;
            Some(placed.hypervisor.to_string()).filter(|hypervisor| hypervisor != EXTERNAL)
        };
        let record = |name: &String| ClusterRecord {
            name: name.clone(),
            hypervisor: hypervisor(name).unwrap_or_default(),
        };
        plan.clusters.iter().map(|cluster| record(&cluster.name)).collect()
    }

    fn case_records(&self, plan: &RunPlan) -> Vec<CaseRecord> {
        let record = |(index, name): (u32, &String)| match self.cases.get(&index) {
            Some((verdict, reason)) => {
                CaseRecord { index, name: name.clone(), verdict: Some(*verdict), reason: reason.clone() }
            }
            None => {
                // Of a run that goes on nobody can say yet that a case will not be begun.
                let reason = if self.finished.is_some() { "it was not begun" } else { "" };
                CaseRecord { index, name: name.clone(), verdict: None, reason: reason.to_owned() }
            }
        };
        (0u32..).zip(plan.cases.iter().map(|case| &case.name)).map(record).collect()
    }
}

fn stage_record(
    plan: &RunPlan,
    result: &StageResult,
    started: Timestamp,
    evidence: &impl Evidence,
) -> StageRecord {
    let StageId { case, kind } = result.stage;
    let (output_file, tail) = evidence.output(plan, result).unzip();
    let log = |log: &CollectedLog| LogRecord {
        path: log.path.clone(),
        length: log.length,
        note: log.note.clone(),
        file: evidence.log(plan, result, log).unwrap_or_default(),
    };
    StageRecord {
        case_index: case,
        case: case.and_then(|index| plan.case(index)).map(|case| case.name.clone()),
        stage: kind,
        machine: result.machine.host.clone(),
        outcome: result.outcome,
        exit_code: result.exit_code,
        signal: result.signal,
        reason: result.reason.clone(),
        offset_ms: millis(result.started.since(started)),
        duration_ms: result.duration_ms,
        output: tail.map(|tail| text_of_tail(&tail)).unwrap_or_default(),
        output_length: result.output_length,
        output_complete: result.output_complete,
        output_file,
        leftovers: result.leftovers.clone(),
        logs: result.logs.iter().filter(|log| !log.artifact).map(log).collect(),
        artifacts: result.logs.iter().filter(|log| log.artifact).map(log).collect(),
        metrics: result.metrics.clone(),
        crashes: result.crashes.clone(),
        no_cores: result.no_cores.clone(),
    }
}

/// Names the cause where a machine is lost and the end of its console says that its kernel gave up.
fn panics(stages: &mut [StageRecord], evidence: &impl Evidence) {
    for stage in stages.iter_mut().filter(|stage| stage.outcome == Outcome::Lost) {
        let Some((_, _, end)) = evidence.console(&stage.machine) else { continue };
        let text = String::from_utf8_lossy(&end);
        let Some((_, words)) = text.lines().find_map(|line| line.split_once(PANIC)) else { continue };
        let subject = format!("{PANIC}{}", words.trim_end());
        let note = "the end of the machine's console says so".to_owned();
        stage.crashes.push(Crash { kind: CrashKind::Kernel, subject, note, ..Crash::default() });
    }
}

fn console_records(plan: &RunPlan, verdict: Option<Verdict>, evidence: &impl Evidence) -> Vec<ConsoleRecord> {
    let hosts = plan.clusters.iter().flat_map(|cluster| &cluster.hosts);
    let records = hosts.filter_map(|host| {
        let (file, length, end) = evidence.console(&host.name)?;
        let tail = match verdict {
            Some(Verdict::Error) => last_lines(&end),
            _ => String::new(),
        };
        Some(ConsoleRecord { machine: host.name.clone(), file, length, tail })
    });
    records.collect()
}

/// The last lines of a console that say anything, without what moves a terminal's cursor. Where its kernel gave up, all
/// from there on: where that happened is said first.
fn last_lines(end: &[u8]) -> String {
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let usual = lines.len().saturating_sub(CONSOLE_LINES);
    let panic = lines.iter().position(|line| line.contains(PANIC)).unwrap_or(usual);
    lines[usual.min(panic)..].join("\n")
}

/// The tail of an output as text: a character that the cut divided is left out, other bytes that are not UTF-8 are
/// replaced.
fn text_of_tail(tail: &[u8]) -> String {
    let begin = tail.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    String::from_utf8_lossy(&tail[begin..]).into_owned()
}

/// A point in time as RFC 3339 text in UTC, with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_console() {
        let lines =
            |from: usize, to: usize| (from..to).map(|line| format!("line {line}")).collect::<Vec<_>>();
        let quiet = lines(0, 100).join("\r\n\r\n");
        assert_eq!(last_lines(quiet.as_bytes()), lines(70, 100).join("\n"));
        assert_eq!(last_lines(lines(0, 3).join("\n").as_bytes()), lines(0, 3).join("\n"));
        // Longer than usual, or not as long.
        for after in [90, 3] {
            let panic = ["[ 4.4] Kernel panic - not syncing: sysrq triggered crash".to_owned()];
            let all = [lines(0, 50), panic.to_vec(), lines(0, after)].concat();
            let told = last_lines(all.join("\n").as_bytes());
            let count = told.lines().count();
            assert!(told.contains("Kernel panic") && count == CONSOLE_LINES.max(after + 1), "{told}");
        }
    }
}
