//! The owner of everything that the agent knows: connection, stages, uploads. One event at a time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use xrdtest_model::order::{FinishedReport, StageReport};
use xrdtest_model::{AttemptId, MachineId};
use xrdtest_protocol::ProtocolError;
use xrdtest_protocol::backoff::{BackOff, chance};
use xrdtest_protocol::client::{self, SlaveSession};
use xrdtest_protocol::message::{EngineToSlave, Hello, SlaveToEngine};
use xrdtest_protocol::stream::Streams;
use xrdtest_protocol::version;

use super::attend::{Grown, StageNews, attend};
use super::forgotten::Forgotten;
use super::join::{Renewal, note_renewal};
use super::setup::Stop;
use super::upload::{FileKey, upload};
use super::{AgentError, Place, clock, system};
use crate::config::Config;
use crate::notify;
use crate::stage::wire::Command;
use crate::stage::{Assignment, StageFolder};

/// Before an upload that the engine did not take is tried again.
const UPLOAD_AGAIN: Duration = Duration::from_secs(1);

/// One attempt on this machine.
#[derive(Debug)]
pub(super) struct Stage {
    folder: StageFolder,
    pub(super) report: Option<FinishedReport>,
    grown: watch::Receiver<Grown>,
    commands: mpsc::UnboundedSender<Command>,
    /// Files that the engine may not have in full.
    missing: BTreeSet<FileKey>,
    /// Those of them that are on their way now.
    sending: BTreeSet<FileKey>,
    /// Its script has announced a boot of the machine.
    rebooting: bool,
    /// The engine needs no record of it any more.
    forgotten: bool,
}

impl Stage {
    pub(super) fn says(&self) -> StageReport {
        match &self.report {
            None if self.rebooting => StageReport::Rebooting,
            None => StageReport::Accepted,
            Some(report) => StageReport::Finished(Box::new(report.clone())),
        }
    }
}

type Attended = Result<(AttemptId, FinishedReport), JoinError>;
type Uploaded = Result<(AttemptId, FileKey, Result<(), ProtocolError>), JoinError>;

/// See the module.
#[derive(Debug)]
pub struct Desk {
    pub(super) config: Config,
    pub(super) place: Arc<Place>,
    renewal: Arc<Renewal>,
    pub(super) machine: MachineId,
    pub(super) stages: HashMap<AttemptId, Stage>,
    attended: JoinSet<(AttemptId, FinishedReport)>,
    announcing: mpsc::UnboundedSender<AttemptId>,
    announced: mpsc::UnboundedReceiver<AttemptId>,
    uploads: JoinSet<(AttemptId, FileKey, Result<(), ProtocolError>)>,
    forgotten: Forgotten,
    /// Stages that have just begun, and from when on that is worth a word.
    pub(super) unsaid: VecDeque<(Instant, AttemptId)>,
}

/// How a session ended.
enum SessionEnd {
    Stopped,
    Broken(ProtocolError),
}

impl Desk {
    /// Takes up every attempt that this machine's journal knows.
    ///
    /// # Errors
    /// Where the journal can't be read.
    pub fn open(
        config: Config,
        place: Arc<Place>,
        renewal: Arc<Renewal>,
        machine: MachineId,
    ) -> Result<Self, AgentError> {
        let (announcing, announced) = mpsc::unbounded_channel();
        let mut desk = Self {
            config,
            place,
            renewal,
            machine,
            stages: HashMap::new(),
            attended: JoinSet::new(),
            announcing,
            announced,
            uploads: JoinSet::new(),
            forgotten: Forgotten::default(),
            unsaid: VecDeque::new(),
        };
        let path = desk.place.stages();
        let entries = std::fs::read_dir(&path).map_err(system(format!("cannot read {}", path.display())))?;
        for entry in entries.flatten() {
            let folder = StageFolder::at(entry.path());
            match folder.assignment() {
                Ok(Some(assignment)) => desk.take_up(folder, assignment),
                // The agent died while it made the folder: nothing was started, and nobody was told.
                Ok(None) => drop(folder.remove()),
                Err(error) => {
                    tracing::error!(%error, folder = %folder.path().display(), "cannot read an order");
                }
            }
        }
        Ok(desk)
    }

    /// Serves the engine until `stop`.
    pub async fn run(mut self, stop: &mut Stop) {
        let mut back_off = BackOff::new();
        loop {
            let known: Vec<(AttemptId, StageReport)> = self.known();
            let hello = Hello::Slave {
                versions: version::range(),
                software: env!("CARGO_PKG_VERSION").to_owned(),
                boot_id: self.place.boot_id.clone(),
                known: known.clone(),
            };
            let (engine, credentials) = (self.config.engine.clone(), self.renewal.credentials());
            let patience = back_off.patience();
            let connect = async {
                let connect =
                    async { client::connect(engine.resolve().await?, &credentials, || hello).await };
                tokio::time::timeout(patience, connect).await.unwrap_or(Err(ProtocolError::NoAnswer))
            };
            let trouble = match self.meanwhile(connect, stop).await {
                None => return,
                Some(Ok(session)) => {
                    tracing::info!(engine = %self.config.engine, "in contact with the engine");
                    notify::status(&format!("in contact with the engine at {}", self.config.engine));
                    if let Some(engine_ms) = session.engine_ms.filter(|_| self.config.set_clock) {
                        clock::set_by(engine_ms);
                    }
                    match self.serve(session, known, stop).await {
                        SessionEnd::Stopped => return,
                        SessionEnd::Broken(error) => {
                            back_off = BackOff::after(&error);
                            error
                        }
                    }
                }
                Some(Err(error)) => error,
            };
            let (wait, engine) = (back_off.wait(chance()), &self.config.engine);
            tracing::warn!(error = %trouble, %engine, wait_ms = wait.as_millis(), "no contact with the engine");
            notify::status(&format!("no contact with the engine at {engine}: {trouble}"));
            if self.meanwhile(tokio::time::sleep(wait), stop).await.is_none() {
                return;
            }
        }
    }

    fn known(&self) -> Vec<(AttemptId, StageReport)> {
        self.stages.iter().map(|(attempt, stage)| (attempt.clone(), stage.says())).collect()
    }

    /// Waits for something while stages go on; `None` where the agent is to stop.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>, stop: &mut Stop) -> Option<T> {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                result = &mut what => return Some(result),
                Some(done) = self.attended.join_next() => drop(self.note_end(done)),
                Some(attempt) = self.announced.recv() => drop(self.note_announcement(attempt)),
                () = stop.wait() => return None,
            }
        }
    }

    /// One session with the engine. `told` is what the hello said.
    async fn serve(
        &mut self,
        mut session: SlaveSession,
        told: Vec<(AttemptId, StageReport)>,
        stop: &mut Stop,
    ) -> SessionEnd {
        let told: HashMap<_, _> = told.into_iter().collect();
        let news = self.known().into_iter().filter(|(attempt, report)| told.get(attempt) != Some(report));
        let mut outbox: Vec<SlaveToEngine> =
            news.map(|(attempt, report)| SlaveToEngine::Report { attempt, report }).collect();
        for attempt in self.stages.keys().cloned().collect::<Vec<_>>() {
            self.start_uploads(&attempt, &session.streams, Duration::ZERO);
        }
        let _renewing = self.renewal.keep(&session.streams, note_renewal);
        let end = loop {
            for message in outbox.drain(..) {
                if let Err(error) = session.sender.send(&message).await {
                    return self.session_over(SessionEnd::Broken(error)).await;
                }
            }
            let (say, pause) = (self.unsaid.front().map(|(at, _)| *at), self.forgotten.pause());
            tokio::select! {
                message = session.receiver.recv() => match message {
                    Ok(Some(message)) => outbox.extend(self.on_message(message, &session.streams)),
                    Ok(None) => break SessionEnd::Broken(ProtocolError::Closed("as it stops")),
                    Err(error) => break SessionEnd::Broken(error),
                },
                Some(done) = self.attended.join_next() => {
                    if let Some((attempt, report)) = self.note_end(done) {
                        self.start_uploads(&attempt, &session.streams, Duration::ZERO);
                        outbox.push(SlaveToEngine::Report { attempt, report });
                    }
                }
                Some(attempt) = self.announced.recv() => outbox.extend(self.note_announcement(attempt)),
                Some(done) = self.uploads.join_next() => self.note_upload(done, &session.streams),
                () = at(say) => outbox.extend(self.say_accepted()),
                () = at(pause) => self.forgotten.delete(),
                () = stop.wait() => {
                    if session.sender.send(&SlaveToEngine::Goodbye).await.is_ok() {
                        session.close().await;
                    }
                    break SessionEnd::Stopped;
                }
            }
        };
        self.session_over(end).await
    }

    async fn session_over(&mut self, end: SessionEnd) -> SessionEnd {
        self.uploads.shutdown().await;
        for stage in self.stages.values_mut() {
            stage.sending.clear();
        }
        end
    }

    fn on_message(&mut self, message: EngineToSlave, streams: &Streams) -> Option<SlaveToEngine> {
        let (attempt, report) = match message {
            EngineToSlave::Order { order } => {
                let attempt = order.attempt.clone();
                let report = self.on_order(*order);
                self.start_uploads(&attempt, streams, Duration::ZERO);
                (attempt, report?)
            }
            EngineToSlave::EndStage { attempt, why, reason } => {
                let Some(stage) = self.stages.get(&attempt) else {
                    return Some(SlaveToEngine::Report { attempt, report: StageReport::Unknown });
                };
                if stage.report.is_none() {
                    tracing::info!(%attempt, cause = %why, %reason, "the engine ends a stage");
                    // Who attends the stage is there as long as it has no report.
                    let _ = stage.commands.send(Command::End { why, reason });
                    return None;
                }
                let report = stage.says();
                (attempt, report)
            }
            EngineToSlave::Forget { attempt } => {
                if let Some(stage) = self.stages.get_mut(&attempt) {
                    stage.forgotten = true;
                    self.remove_when_done(&attempt);
                }
                return None;
            }
            EngineToSlave::Unknown => {
                tracing::warn!("the engine sent a message that this version does not know");
                return None;
            }
        };
        Some(SlaveToEngine::Report { attempt, report })
    }

    pub(super) fn take_up(&mut self, folder: StageFolder, assignment: Assignment) {
        let attempt = assignment.order.attempt.clone();
        let (grown, grown_receiver) = watch::channel(Grown::default());
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let stage = Stage {
            folder: folder.clone(),
            report: None,
            grown: grown_receiver,
            commands,
            missing: BTreeSet::from([FileKey::Output]),
            sending: BTreeSet::new(),
            rebooting: folder.is_reboot_announced(),
            forgotten: false,
        };
        self.stages.insert(attempt.clone(), stage);
        let place = Arc::clone(&self.place);
        let news = StageNews { grown, rebooting: self.announcing.clone() };
        self.attended.spawn(async move {
            let report = attend(place, folder, assignment, news, command_receiver).await;
            (attempt, report)
        });
    }

    fn note_end(&mut self, done: Attended) -> Option<(AttemptId, StageReport)> {
        let (attempt, report) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a stage was attended badly");
                return None;
            }
        };
        let stage = self.stages.get_mut(&attempt)?;
        tracing::info!(
            %attempt, outcome = %report.outcome, exit_code = report.exit_code, signal = report.signal,
            reason = %report.reason, duration_ms = report.duration_ms, "a stage is over"
        );
        let logs = (0..).zip(&report.logs).filter(|(_, log)| log.length > 0);
        stage.missing.extend(logs.map(|(index, _)| FileKey::Log(index)));
        stage.report = Some(report);
        let says = stage.says();
        self.remove_when_done(&attempt);
        Some((attempt, says))
    }

    fn note_announcement(&mut self, attempt: AttemptId) -> Option<SlaveToEngine> {
        let stage = self.stages.get_mut(&attempt)?;
        tracing::info!(%attempt, "a boot of this machine is announced");
        stage.rebooting = true;
        let report = stage.says();
        Some(SlaveToEngine::Report { attempt, report })
    }

    /// Puts every file of an attempt on its way that is not on it yet.
    fn start_uploads(&mut self, attempt: &AttemptId, streams: &Streams, delay: Duration) {
        let Some(stage) = self.stages.get_mut(attempt) else { return };
        for key in stage.missing.difference(&stage.sending.clone()).copied() {
            stage.sending.insert(key);
            let log = match (key, &stage.report) {
                (FileKey::Log(index), Some(report)) => {
                    usize::try_from(index).ok().and_then(|i| report.logs.get(i))
                }
                _ => None,
            };
            let header = key.header(attempt.clone(), log);
            let (path, grown) = match key {
                FileKey::Output => (stage.folder.output(), stage.grown.clone()),
                FileKey::Log(index) => {
                    let length = log.map_or(0, |log| log.length);
                    (stage.folder.log(index), watch::channel(Grown { length, whole: true }).1)
                }
            };
            let (streams, attempt) = (streams.clone(), attempt.clone());
            self.uploads.spawn(async move {
                tokio::time::sleep(delay).await;
                let result = upload(streams, header, &path, grown).await;
                (attempt, key, result)
            });
        }
    }

    fn note_upload(&mut self, done: Uploaded, streams: &Streams) {
        let Ok((attempt, key, result)) = done else { return };
        let Some(stage) = self.stages.get_mut(&attempt) else { return };
        stage.sending.remove(&key);
        match result {
            Ok(()) => {
                stage.missing.remove(&key);
            }
            Err(error) if stage.forgotten => {
                stage.missing.remove(&key);
                tracing::debug!(%error, %attempt, ?key, "a file was not taken and is not needed any more");
            }
            Err(error) => {
                tracing::warn!(%error, %attempt, ?key, "a file did not reach the engine; trying again");
                self.start_uploads(&attempt, streams, UPLOAD_AGAIN);
            }
        }
        self.remove_when_done(&attempt);
    }

    /// Deletes the record of an attempt that the engine needs no more, when the engine has all its files.
    fn remove_when_done(&mut self, attempt: &AttemptId) {
        let done = |stage: &Stage| stage.forgotten && stage.report.is_some() && stage.missing.is_empty();
        if self.stages.get(attempt).is_some_and(done)
            && let Some(stage) = self.stages.remove(attempt)
        {
            let length = stage.grown.borrow().length;
            self.forgotten.add(stage.folder, length);
        }
    }
}

/// Waits for a time; for ever where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
