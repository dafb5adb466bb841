//! The decisions of a fake slave agent: pure, with time as an argument.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use xrdtest_model::order::{EndCause, StageOrder, StageReport};
use xrdtest_model::{AttemptId, MachineId, Outcome, Timestamp};

use super::said::{ended, exited, lies};
use crate::random::Random;
use crate::rule::{Behaviours, Kind};

/// Messages of a flood.
const FLOOD: usize = 5000;
/// Before an upload that the engine did not take is tried again.
const UPLOAD_AGAIN: Duration = Duration::from_secs(1);

/// What happens to a fake slave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The engine has accepted its hello.
    Connected,
    /// An order.
    Order(Box<StageOrder>),
    /// A stage is to be ended.
    EndStage {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        why: EndCause,
    },
    /// The engine needs a record no more.
    Forget(AttemptId),
    /// The engine has the whole output.
    Uploaded(AttemptId),
    /// The engine did not take the output.
    UploadFailed(AttemptId),
    /// Time has passed: see [`Core::next_wakeup`].
    Tick,
}

/// What a fake slave does. Without a connection what it would send is left out: its next hello says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Say what is known.
    Report(AttemptId, StageReport),
    /// Upload output of this many bytes; `None`: without end.
    Upload(AttemptId, Option<u64>),
    /// Send this many reports on the attempt, and as many messages that nobody knows.
    Flood(AttemptId, usize),
    /// Drop the connection and make it again.
    Drop,
    /// Drop the connection for ever.
    Leave,
}

/// An attempt that it knows.
#[derive(Clone, Debug)]
struct Attempt {
    kind: Kind,
    started: Timestamp,
    report: StageReport,
    /// Bytes of output (`None`: without end), where the engine may not have them all.
    output: Option<Option<u64>>,
    /// The output's limit by the order.
    limit: u64,
    forgotten: bool,
}

/// What is to be done later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Finish(AttemptId),
    Upload(AttemptId),
    Drop,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    machine: MachineId,
    boot_id: String,
    behaviours: Behaviours,
    random: Random,
    attempts: HashMap<AttemptId, Attempt>,
    due: BTreeMap<(Timestamp, u64), Due>,
    /// Counts what was ever due, so that what is due at the same time keeps its order.
    counter: u64,
}

impl Core {
    /// A slave that knows of no order yet.
    pub fn new(machine: MachineId, boot_id: String, behaviours: Behaviours, random: Random) -> Self {
        let (attempts, due) = (HashMap::new(), BTreeMap::new());
        Self { machine, boot_id, behaviours, random, attempts, due, counter: 0 }
    }

    /// Whom it speaks for.
    pub fn machine(&self) -> &MachineId {
        &self.machine
    }

    /// What its hello calls this boot.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// What its hello says.
    pub fn known(&self) -> Vec<(AttemptId, StageReport)> {
        let mut known: Vec<_> =
            self.attempts.iter().map(|(attempt, known)| (attempt.clone(), known.report.clone())).collect();
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    }

    /// When it wants an [`Input::Tick`].
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// What it does about something.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        match input {
            Input::Connected => self.connected(now),
            Input::Order(order) => self.order(now, &order),
            Input::EndStage { attempt, why } => self.end_stage(now, &attempt, why),
            Input::Forget(attempt) => {
                if let Some(known) = self.attempts.get_mut(&attempt) {
                    known.forgotten = true;
                }
                self.clear(&attempt);
                Vec::new()
            }
            Input::Uploaded(attempt) => {
                if let Some(known) = self.attempts.get_mut(&attempt) {
                    known.output = None;
                }
                self.clear(&attempt);
                Vec::new()
            }
            Input::UploadFailed(attempt) => {
                self.upload_failed(now, &attempt);
                Vec::new()
            }
            Input::Tick => self.tick(now),
        }
    }

    fn upload_failed(&mut self, now: Timestamp, attempt: &AttemptId) {
        match self.attempts.get_mut(attempt) {
            // Who needs the record no more needs the output no more.
            Some(known) if known.forgotten => known.output = None,
            Some(_) => self.later(now, UPLOAD_AGAIN, Due::Upload(attempt.clone())),
            None => {}
        }
        self.clear(attempt);
    }

    /// Uploads that a connection broke are begun again.
    fn connected(&mut self, now: Timestamp) -> Vec<Action> {
        self.due.retain(|_, due| matches!(due, Due::Finish(_)));
        if let Some(mean) = self.behaviours.flapping(&self.machine.host) {
            let after = self.random.around(mean);
            self.later(now, after, Due::Drop);
        }
        let mut uploads: Vec<_> = self
            .attempts
            .iter()
            .filter_map(|(attempt, known)| Some(Action::Upload(attempt.clone(), known.output?)))
            .collect();
        uploads.sort_by_key(|action| match action {
            Action::Upload(attempt, _) => Some(attempt.clone()),
            _ => None,
        });
        uploads
    }

    fn order(&mut self, now: Timestamp, order: &StageOrder) -> Vec<Action> {
        let attempt = &order.attempt;
        if let Some(known) = self.attempts.get(attempt) {
            return vec![Action::Report(attempt.clone(), known.report.clone())];
        }
        if attempt.machine != self.machine || order.boot_id != self.boot_id {
            let reason = format!("the order is for {} of boot {}", attempt.machine, order.boot_id);
            let lost = ended(Outcome::Lost, &reason, now, now);
            return vec![Action::Report(attempt.clone(), StageReport::Finished(Box::new(lost)))];
        }
        let kind = self.behaviours.on_order(&self.machine.host, Some(attempt.stage));
        let output = match kind {
            Kind::Output(0) => None,
            Kind::Output(bytes) => Some(Some(bytes)),
            Kind::Flooding => Some(None),
            _ => None,
        };
        let (report, limit) = (StageReport::Accepted, order.output_limit);
        let known = Attempt { kind, started: now, report, output, limit, forgotten: false };
        self.attempts.insert(attempt.clone(), known);
        // Real agents say so only of a stage that goes on for a while.
        let is_over_at_once = matches!(kind, Kind::Prompt | Kind::Output(_) | Kind::Fails(_));
        let accepted = Action::Report(attempt.clone(), StageReport::Accepted);
        let mut actions = if is_over_at_once { Vec::new() } else { vec![accepted] };
        if let Some(length) = output {
            actions.push(Action::Upload(attempt.clone(), length));
        }
        match kind {
            Kind::Slow(time) => self.later(now, time, Due::Finish(attempt.clone())),
            Kind::Gone => return vec![Action::Leave],
            Kind::Lying => {
                for (attempt, lie) in lies(order, now) {
                    if let Some(known) = self.attempts.get_mut(&attempt) {
                        known.report = lie.clone();
                    }
                    actions.push(Action::Report(attempt, lie));
                }
            }
            Kind::Flooding => actions.push(Action::Flood(attempt.clone(), FLOOD)),
            Kind::Dead | Kind::Flapping(_) | Kind::Late(_) => {}
            Kind::Prompt | Kind::Output(_) | Kind::Fails(_) => actions.extend(self.finish(now, attempt)),
        }
        actions
    }

    /// The script of an attempt exits.
    fn finish(&mut self, now: Timestamp, attempt: &AttemptId) -> Option<Action> {
        let known = self.attempts.get_mut(attempt).filter(|known| known.report == StageReport::Accepted)?;
        let code = if let Kind::Fails(code) = known.kind { code } else { 0 };
        let length = if let Kind::Output(length) = known.kind { length } else { 0 };
        known.report = StageReport::Finished(Box::new(exited(code, length, known.started, now)));
        Some(Action::Report(attempt.clone(), known.report.clone()))
    }

    fn end_stage(&mut self, now: Timestamp, attempt: &AttemptId, why: EndCause) -> Vec<Action> {
        let Some(known) = self.attempts.get_mut(attempt) else {
            return vec![Action::Report(attempt.clone(), StageReport::Unknown)];
        };
        if known.report == StageReport::Accepted {
            if known.kind == Kind::Dead {
                return Vec::new();
            }
            let mut report = ended(why.outcome(), "", known.started, now);
            if known.kind == Kind::Flooding {
                // A real agent would have kept that much of it.
                report.output_length = known.limit;
            }
            known.report = StageReport::Finished(Box::new(report));
        }
        vec![Action::Report(attempt.clone(), known.report.clone())]
    }

    fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Due::Finish(attempt) => actions.extend(self.finish(now, &attempt)),
                Due::Upload(attempt) => {
                    let output = self.attempts.get(&attempt).and_then(|known| known.output);
                    actions.extend(output.map(|length| Action::Upload(attempt, length)));
                }
                Due::Drop => actions.push(Action::Drop),
            }
        }
        actions
    }

    fn later(&mut self, now: Timestamp, after: Duration, due: Due) {
        self.counter += 1;
        self.due.insert((now.after(after), self.counter), due);
    }

    /// Removes a record that nobody needs.
    fn clear(&mut self, attempt: &AttemptId) {
        let done = |known: &Attempt| known.forgotten && known.output.is_none_or(|length| length.is_none());
        if self.attempts.get(attempt).is_some_and(done) {
            self.attempts.remove(attempt);
        }
    }
}

#[cfg(test)]
mod tests;
