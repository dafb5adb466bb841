//! One run, from the queue to its verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashSet;
use xrdtest_model::event::StageResult;
use xrdtest_model::{
    AttemptId, EventBody, InstanceId, MachineId, Outcome, RunId, RunPlan, StageId, Timestamp, Verdict,
};

/// A run that is not over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// The number of the event that queued it: its place in the queue.
    pub(crate) number: u64,
    pub(crate) queued: Timestamp,
    pub(crate) plan: Arc<RunPlan>,
    pub(crate) trigger: String,
    /// Why it waits, as last said.
    pub(crate) waiting: Option<String>,
    pub(crate) placed: Option<Timestamp>,
    /// In the order of the plan's clusters; empty until it is placed.
    pub(crate) instances: Vec<InstanceId>,
    /// By the host's name, those without scripts included.
    pub(crate) machines: BTreeMap<String, MachineId>,
    /// The names of the hosts that run scripts, to be found fast among hundreds.
    scripted: HashSet<String>,
    /// The further names of the hosts that have any.
    aliases: BTreeMap<String, Vec<String>>,
    /// When the first stage began.
    pub(crate) began: Option<Timestamp>,
    /// The stage that was begun last.
    pub(crate) barrier: Option<Barrier>,
    /// Final results by stage and host.
    pub(crate) results: BTreeMap<StageId, BTreeMap<String, Brief>>,
    /// The cases that are over, from the first on.
    pub(crate) cases: Vec<CaseEnd>,
    pub(crate) cancel: Option<Cancel>,
    /// When it hit its own limit.
    pub(crate) timed_out: Option<Timestamp>,
    /// Bytes of the core dumps that its machines have reported so far.
    pub(crate) core_bytes: u64,
}

/// A stage that has begun, until the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Barrier {
    pub(crate) stage: StageId,
    pub(crate) started: Timestamp,
    /// By the host's name.
    pub(crate) attempts: BTreeMap<String, Attempt>,
    /// How many of them have no final result.
    pub(crate) left: usize,
}

/// One machine's part in a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    /// What the machine reported, and when; its output may still be on its way.
    pub(crate) report: Option<(Timestamp, StageResult)>,
    /// The boot of the machine that its script announced.
    pub(crate) boot: Option<Boot>,
    /// Its result is final.
    pub(crate) done: bool,
}

/// A boot that a script announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    pub(crate) announced: Timestamp,
    /// How long the machine may take for it.
    pub(crate) within_ms: u64,
    /// The machine is back from it.
    pub(crate) done: bool,
}

/// What of a result decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) outcome: Outcome,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) reason: String,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaseEnd {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

/// Who cancelled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cancel {
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) force: bool,
}

impl Run {
    pub(crate) fn new(id: RunId, number: u64, queued: Timestamp, plan: Arc<RunPlan>, trigger: &str) -> Self {
        let scripted = plan.machines.iter().cloned().collect();
        let aliases =
            plan.aliases().into_iter().map(|(host, names)| (host.to_owned(), names.to_vec())).collect();
        Self {
            id,
            number,
            queued,
            plan,
            trigger: trigger.to_owned(),
            waiting: None,
            placed: None,
            instances: Vec::new(),
            machines: BTreeMap::new(),
            scripted,
            aliases,
            began: None,
            barrier: None,
            results: BTreeMap::new(),
            cases: Vec::new(),
            cancel: None,
            timed_out: None,
            core_bytes: 0,
        }
    }

    /// Takes over an event of this run.
    pub(super) fn apply(&mut self, at: Timestamp, body: &EventBody) {
        match body {
            EventBody::RunWaiting { reason, .. } => self.waiting = Some(reason.clone()),
            EventBody::StageStarted { stage, machines, .. } => self.begin(at, *stage, machines),
            EventBody::StageReported { result, .. } => {
                if let Some(attempt) = self.attempt_of(result) {
                    attempt.report = Some((at, result.as_ref().clone()));
                }
            }
            EventBody::StageFinished { result, .. } => self.finish_stage(result),
            EventBody::CancelRequested { by, reason, force, .. } => self.cancel(at, by, reason, *force),
            EventBody::RunTimedOut { .. } => self.timed_out = Some(at),
            EventBody::CaseFinished { verdict, reason, .. } => {
                self.cases.push(CaseEnd { verdict: *verdict, reason: reason.clone() });
            }
            _ => {}
        }
    }

    fn begin(&mut self, at: Timestamp, stage: StageId, machines: &[(MachineId, u32)]) {
        self.began.get_or_insert(at);
        let attempts = machines.iter().map(|(machine, number)| {
            let id = AttemptId { run: self.id.clone(), stage, machine: machine.clone(), number: *number };
            let attempt = Attempt { id, report: None, boot: None, done: false };
            (machine.host.clone(), attempt)
        });
        let attempts: BTreeMap<String, Attempt> = attempts.collect();
        let left = attempts.len();
        self.barrier = Some(Barrier { stage, started: at, attempts, left });
    }

    fn finish_stage(&mut self, result: &StageResult) {
        self.core_bytes = self.core_bytes.saturating_add(core_bytes(result));
        let attempt = self.attempt_of(result);
        let news = attempt.is_some_and(|attempt| !std::mem::replace(&mut attempt.done, true));
        if let Some(barrier) = self.barrier.as_mut().filter(|_| news) {
            barrier.left -= 1;
        }
        let brief = Brief {
            outcome: result.outcome,
            exit_code: result.exit_code,
            signal: result.signal,
            reason: result.reason.clone(),
        };
        let of_stage = self.results.entry(result.stage).or_default();
        of_stage.insert(result.machine.host.clone(), brief);
    }

    /// The first cancel gives the name and the reason; a later one may add force.
    fn cancel(&mut self, at: Timestamp, by: &str, reason: &str, force: bool) {
        let cancel = self.cancel.get_or_insert_with(|| Cancel {
            at,
            by: by.to_owned(),
            reason: reason.to_owned(),
            force,
        });
        cancel.force |= force;
    }

    fn attempt_of(&mut self, result: &StageResult) -> Option<&mut Attempt> {
        let barrier = self.barrier.as_mut()?;
        if barrier.stage != result.stage {
            return None;
        }
        let attempt = barrier.attempts.get_mut(&result.machine.host)?;
        (attempt.id.number == result.attempt).then_some(attempt)
    }

    /// The stage that goes on, where one does.
    pub(crate) fn open_barrier(&self) -> Option<&Barrier> {
        self.barrier.as_ref().filter(|barrier| !barrier.is_over())
    }

    /// A machine's part in the last stage begun.
    pub(crate) fn attempt_on(&self, host: &str) -> Option<&Attempt> {
        self.barrier.as_ref()?.attempts.get(host)
    }

    /// The attempt with this id, where its stage is the last one begun.
    pub(crate) fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        let barrier = self.barrier.as_ref()?;
        let attempt = barrier.attempts.get(&id.machine.host)?;
        (attempt.id == *id).then_some(attempt)
    }

    /// The machines that run scripts, in the order of the plan. Empty until the run is placed.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &MachineId> {
        self.plan.machines.iter().filter_map(|host| self.machines.get(host))
    }

    /// The machine of this name, where it runs scripts.
    pub(crate) fn awaited_on(&self, host: &String) -> Option<&MachineId> {
        self.scripted.get(host).and_then(|host| self.machines.get(host))
    }

    /// The further names of a host.
    pub(crate) fn aliases(&self, host: &str) -> Vec<String> {
        self.aliases.get(host).cloned().unwrap_or_default()
    }

    /// Whether its instances outlive it, now that it has this verdict.
    pub(crate) fn is_left_as_it_is(&self, verdict: Verdict) -> bool {
        self.plan.keep_on_failure && matches!(verdict, Verdict::Failed | Verdict::TimedOut | Verdict::Error)
    }

    /// Whether a cancel without finalize stages was asked for.
    pub(crate) fn is_forced(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.force)
    }
}

impl Attempt {
    /// The boot that its script announced and that has not been seen yet; the end of the script says that there will be
    /// none.
    pub(crate) fn awaited_boot(&self) -> Option<Boot> {
        let open = !self.done && self.report.is_none();
        self.boot.filter(|boot| open && !boot.done)
    }
}

impl Barrier {
    /// Every machine has an outcome.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The attempts without a final result.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.values().filter(|attempt| !attempt.done)
    }
}

impl Cancel {
    /// `cancelled by alice: wrong branch`.
    pub(crate) fn words(&self) -> String {
        match self.reason.as_str() {
            "" => format!("cancelled by {}", self.by),
            reason => format!("cancelled by {}: {reason}", self.by),
        }
    }
}

/// Bytes of the core dumps that a machine keeps with a stage.
fn core_bytes(result: &StageResult) -> u64 {
    let is_core = |path: &str| result.crashes.iter().any(|crash| crash.core == path);
    let cores = result.logs.iter().filter(|log| log.artifact && is_core(&log.path));
    cores.map(|log| log.length).fold(0, u64::saturating_add)
}
