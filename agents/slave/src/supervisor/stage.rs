//! One stage, from the start of its script to its outcome.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::PollFlags;
use rustix::fs::OFlags;
use xrdtest_model::Timestamp;
use xrdtest_model::order::FinishedReport;

use super::clients::{Client, Clients};
use super::course::{Course, Deed, Facts};
use super::launch::{self, Launched};
use super::notes::Notes;
use super::spool::{Spool, Spooled};
use super::verdict::{Ending, leftovers};
use super::{SupervisorError, reboot, system, wait_for};
use crate::process::signals::Signals;
use crate::process::tree::{self, Reaped};
use crate::stage::wire::{Command, News};
use crate::stage::{Assignment, StageFolder};

/// Output taken from the pipe in one turn, so that a flood does not keep a command from being heard.
const TURN: usize = 1 << 20;
/// How long a client that does not read keeps a supervisor that has nothing else to do.
const FAREWELL: Duration = Duration::from_secs(1);
/// Between two tries to write the outcome to a disk that refuses it.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// A stage and what is known of it.
pub(super) struct Supervised<'a> {
    folder: StageFolder,
    timeout_ms: u64,
    signals: &'a Signals,
    clients: Clients,
    /// This process has said that it takes another stage.
    free: bool,
    script: i32,
    output: Option<File>,
    spool: Option<Spool>,
    buffer: Vec<u8>,
    course: Course,
    none_left: bool,
    /// The boot under which the stage was ordered.
    boot_id: String,
    /// The script has announced a boot of the machine, which is on record.
    rebooting: bool,
    notes: Notes,
    began: (Timestamp, Instant),
    exit: Option<(std::process::ExitStatus, Instant)>,
    outcome: Option<FinishedReport>,
    /// When to try again to write the outcome; `None` when it is written.
    unwritten: Option<Instant>,
    over_since: Option<Instant>,
}

impl<'a> Supervised<'a> {
    /// Starts its script.
    pub(super) fn start(
        folder: StageFolder,
        assignment: Assignment,
        signals: &'a Signals,
        clients: Clients,
    ) -> Result<Self, SupervisorError> {
        let order = &assignment.order;
        let spool = Spool::new(&folder.output(), order.output_limit);
        let began = (wall_clock(), Instant::now());
        if order.cores.is_some() {
            crate::crash::limit::raise();
        }
        let launched = launch::launch(&folder, &assignment);
        let mut stage = Self {
            timeout_ms: order.timeout_ms,
            signals,
            clients,
            free: false,
            script: 0,
            output: None,
            spool: Some(spool),
            buffer: vec![0; 64 << 10],
            course: Course::new(began.1.checked_add(Duration::from_millis(order.timeout_ms))),
            none_left: false,
            boot_id: order.boot_id.clone(),
            rebooting: false,
            notes: Notes::default(),
            began,
            exit: None,
            outcome: None,
            unwritten: None,
            over_since: None,
            folder,
        };
        match launched {
            Ok(Launched { pid, output }) => {
                rustix::fs::fcntl_setfl(&output, OFlags::NONBLOCK)
                    .map_err(system("cannot read the output"))?;
                stage.script = pid;
                stage.output = Some(output.into());
                stage.clients.tell(&News::Running { length: 0, rebooting: false });
            }
            Err(refusal) => {
                if let Some(spool) = &mut stage.spool {
                    spool.write(format!("xrdtest: {}\n", refusal.reason).as_bytes());
                }
                let spooled = stage.end_spool();
                stage.state(Ending::of_refusal(refusal), spooled, Vec::new());
            }
        }
        Ok(stage)
    }

    /// Goes on until all is done that this process is needed for. Answers who may give it another stage, where it takes
    /// one.
    pub(super) fn see_through(mut self) -> Result<Option<Client>, SupervisorError> {
        loop {
            self.signals.clear();
            self.reap();
            self.take_output(TURN);
            let commands = {
                let (spool, outcome, rebooting) =
                    (self.spool.as_ref(), self.outcome.as_ref(), self.rebooting);
                self.clients.turn(|| news(spool, outcome, rebooting))
            };
            for command in commands {
                self.obey(command);
            }
            if self.rebooting && self.signals.terminate() {
                // The machine goes down, and this process must not hold that up. What counts is on record.
                return Ok(None);
            }
            while let Some(deed) = self.next_deed() {
                self.carry_out(deed);
            }
            let length = self.spool.as_ref().map(Spool::length);
            let rebooting = self.rebooting;
            let tell_at =
                length.and_then(|length| self.clients.tell_length(Instant::now(), length, rebooting));
            self.write_outcome_when_due();
            if self.may_go() {
                self.folder.retire();
                return Ok(if self.free { self.clients.into_giver() } else { None });
            }
            self.wait(tell_at)?;
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::End { why, reason } => {
                if let Some(deed) = self.course.end(Instant::now(), why, reason) {
                    self.carry_out(deed);
                }
            }
            // Kept by the client that gives it.
            Command::Supervise { .. } => {}
            Command::AnnounceReboot if self.outcome.is_none() => self.announce_reboot(),
            // Who asks has heard already that the stage is over.
            Command::AnnounceReboot => {}
            Command::Keep { by, path, length } => {
                self.note(by, |notes, folder| notes.keep(folder, by, path, length));
            }
            Command::Measure { by, metric } => self.note(by, |notes, folder| notes.measure(folder, metric)),
        }
    }

    /// Puts a word of the script's on record, unless the record is closed, and answers.
    fn note(&mut self, by: u32, note: impl FnOnce(&mut Notes, &StageFolder) -> Result<(), String>) {
        let noted = match &self.outcome {
            None => note(&mut self.notes, &self.folder),
            Some(_) => Err("the stage is over".to_owned()),
        };
        self.clients.tell(&News::Noted { by, refusal: noted.err() });
    }

    fn announce_reboot(&mut self) {
        if !self.rebooting {
            self.take_waiting_output();
            if let Err(reason) = reboot::record(&self.folder, &self.boot_id) {
                self.clients.tell(&News::RebootRefused { reason });
                return;
            }
            self.rebooting = true;
        }
        self.clients.tell(&news(self.spool.as_ref(), None, true));
    }

    fn reap(&mut self) {
        loop {
            match tree::reap() {
                Reaped::Child(pid, status) if pid == self.script && self.exit.is_none() => {
                    let status = std::os::unix::process::ExitStatusExt::from_raw(status);
                    self.exit = Some((status, Instant::now()));
                }
                Reaped::Child(..) => {}
                Reaped::Waiting => return,
                Reaped::None => {
                    self.none_left = true;
                    return;
                }
            }
        }
    }

    /// Takes what the pipe has, at most about `limit` bytes: to the spool, or to nowhere when the outcome is stated.
    fn take_output(&mut self, limit: usize) {
        let mut taken = 0;
        while let Some(output) = &mut self.output
            && taken < limit
        {
            let room = self.buffer.len().min(limit - taken);
            match output.read(&mut self.buffer[..room]) {
                Ok(0) => self.output = None,
                Ok(read) => {
                    taken += read;
                    if let Some(spool) = &mut self.spool {
                        spool.write(&self.buffer[..read]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A pipe has no other errors; whatever it is, there is nothing more to read.
                Err(_) => self.output = None,
            }
        }
    }

    fn take_waiting_output(&mut self) {
        let waiting = self.output.as_ref().and_then(|output| rustix::io::ioctl_fionread(output).ok());
        self.take_output(waiting.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0));
    }

    fn next_deed(&mut self) -> Option<Deed> {
        let facts = Facts {
            exited: self.exit.is_some(),
            none_left: self.none_left,
            output_closed: self.output.is_none(),
            going_down: self.rebooting && self.exit.is_some_and(|(status, _)| reboot::by_signal(status)),
        };
        let limit = Duration::from_millis(self.timeout_ms);
        self.course.step(Instant::now(), facts, || {
            format!("the stage's limit of {} was over", xrdtest_model::time::limit(limit))
        })
    }

    fn carry_out(&mut self, deed: Deed) {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        match deed {
            Deed::Terminate => tree::terminate(own),
            Deed::Kill => tree::kill(own),
            Deed::Conclude => self.conclude(own),
        }
    }

    fn conclude(&mut self, own: i32) {
        // What is in the pipe now still counts; what a left-over writes from now on does not.
        self.take_waiting_output();
        // Nobody may have it open any more by now.
        self.take_output(1);
        let leftovers = self.output.as_ref().map_or_else(Vec::new, |output| leftovers(own, output));
        let spooled = self.end_spool();
        let ending = Ending::of_course(&self.course, self.exit.map(|(status, _)| status));
        self.state(ending, spooled, leftovers);
    }

    fn end_spool(&mut self) -> Spooled {
        let nothing = Spooled { length: 0, lost: 0, trouble: String::new() };
        self.spool.take().map_or(nothing, Spool::finish)
    }

    fn state(&mut self, ending: Ending, spooled: Spooled, leftovers: Vec<String>) {
        let end = self.exit.map_or_else(Instant::now, |(_, at)| at);
        let mut outcome = ending.report(self.began.0, end - self.began.1, spooled, leftovers);
        let Notes { artifacts, metrics } = std::mem::take(&mut self.notes);
        (outcome.logs, outcome.metrics) = (artifacts, metrics);
        self.outcome = Some(outcome.clone());
        self.unwritten = Some(Instant::now());
        self.over_since = Some(Instant::now());
        // Who is told may have to find it written: then it is not told another thing by a later agent.
        self.write_outcome_when_due();
        let nothing_left = self.none_left && self.output.is_none() && self.unwritten.is_none();
        self.free = nothing_left && !self.rebooting && self.clients.has_giver();
        self.clients.tell_over(outcome, self.free);
    }

    fn write_outcome_when_due(&mut self) {
        let (Some(due), Some(outcome)) = (self.unwritten, &self.outcome) else {
            return;
        };
        let now = Instant::now();
        if due <= now {
            let written = self.folder.write_outcome(outcome);
            // A folder that is gone was not needed any more: the engine has told the agent to forget the attempt.
            let needed = self.folder.path().exists();
            self.unwritten = (written.is_err() && needed).then_some(now + WRITE_AGAIN);
        }
    }

    fn may_go(&self) -> bool {
        let told =
            self.clients.all_told() || self.over_since.is_some_and(|since| since.elapsed() >= FAREWELL);
        self.outcome.is_some() && self.unwritten.is_none() && self.output.is_none() && told
    }

    fn wait(&self, tell_at: Option<Instant>) -> Result<(), SupervisorError> {
        let farewell = self.over_since.map(|since| since + FAREWELL).filter(|_| !self.clients.all_told());
        let wake_up = [tell_at, self.course.wake_up(), self.unwritten, farewell].into_iter().flatten().min();
        let limit = wake_up.map(|at| at.saturating_duration_since(Instant::now()));
        let own = [Some(self.signals.as_fd()), self.output.as_ref().map(AsFd::as_fd)];
        let own = own.into_iter().flatten().map(|descriptor| (descriptor, PollFlags::IN));
        wait_for(own.chain(self.clients.descriptors()), limit)
    }
}

/// How things are, for a client that has just come.
fn news(spool: Option<&Spool>, outcome: Option<&FinishedReport>, rebooting: bool) -> News {
    match outcome {
        Some(outcome) => News::Over { outcome: Box::new(outcome.clone()), free: false },
        None => News::Running { length: spool.map_or(0, Spool::length), rebooting },
    }
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(xrdtest_model::time::millis(since_epoch))
}
