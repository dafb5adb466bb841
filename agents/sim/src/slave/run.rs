//! The connection of a fake slave agent.

use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use xrdtest_model::AttemptId;
use xrdtest_model::order::StageReport;
use xrdtest_protocol::client::SlaveSession;
use xrdtest_protocol::message::{EngineToSlave, Hello, SlaveToEngine};
use xrdtest_protocol::stream::{CHUNK, StreamHeader, Streams};
use xrdtest_protocol::version;
use xrdtest_protocol::{JoinToken, ProtocolError};

use super::core::{Action, Core, Input};
use crate::session::{Clock, Dialer};
use crate::stats::Stats;

/// What a fake slave writes.
const LINE: &[u8] = b"The quick brown fox jumps over the lazy dog, said the fake slave.\n";
/// As much of it as fits into a chunk, for all of them.
static TEXT: OnceLock<Bytes> = OnceLock::new();

/// A fake slave.
#[derive(Debug)]
pub(crate) struct Slave {
    pub(crate) core: Core,
    pub(crate) token: JoinToken,
    pub(crate) dialer: Dialer,
    pub(crate) stats: Arc<Stats>,
    pub(crate) clock: Clock,
    pub(crate) late: Duration,
}

/// How a connection ended.
enum End {
    Broken(ProtocolError),
    Dropped,
    Left,
}

type Uploads = JoinSet<(AttemptId, Result<u64, ProtocolError>)>;

/// Lives until dropped, as a machine does until it is taken away, or until it leaves.
pub(crate) async fn run(slave: Slave) {
    let Slave { mut core, token, mut dialer, stats, clock, late } = slave;
    let _exists = stats.slaves.one();
    sleep(late).await;
    let Some(credentials) = dialer.join(&token).await else { return };
    loop {
        let hello = Hello::Slave {
            versions: version::range(),
            software: concat!("sim ", env!("CARGO_PKG_VERSION")).to_owned(),
            boot_id: core.boot_id().to_owned(),
            known: core.known(),
        };
        let session = dialer.connect(&credentials, &hello).await;
        let connected = stats.slaves_connected.one();
        let end =
            Serving { core: &mut core, stats: &stats, clock, session, uploads: JoinSet::new() }.run().await;
        drop(connected);
        match end {
            End::Left => return,
            End::Dropped => {}
            End::Broken(error) => stats.trouble(dialer.name(), &error),
        }
    }
}

/// One connection.
struct Serving<'a> {
    core: &'a mut Core,
    stats: &'a Arc<Stats>,
    clock: Clock,
    session: SlaveSession,
    uploads: Uploads,
}

impl Serving<'_> {
    async fn run(mut self) -> End {
        let mut ordered: Option<Instant> = None;
        let mut input = Input::Connected;
        loop {
            if matches!(input, Input::Order(_)) {
                self.stats.orders.add(1);
                let now = Instant::now();
                if let Some(before) = ordered.replace(now) {
                    self.stats.barriers.note(now - before);
                }
            }
            for action in self.core.handle(self.clock.now(), input) {
                match self.perform(action).await {
                    Ok(None) => {}
                    Ok(Some(end)) => return end,
                    Err(error) => return End::Broken(error),
                }
            }
            input = match self.next().await {
                Ok(input) => input,
                Err(error) => return End::Broken(error),
            };
        }
    }

    /// What happens next.
    async fn next(&mut self) -> Result<Input, ProtocolError> {
        let wakeup = self.core.next_wakeup().map(|at| self.clock.instant(at));
        loop {
            let message = tokio::select! {
                message = self.session.receiver.recv() => message?,
                Some(Ok((attempt, result))) = self.uploads.join_next() => return Ok(match result {
                    Ok(_) => {
                        self.stats.uploads.add(1);
                        Input::Uploaded(attempt)
                    }
                    Err(error) => {
                        self.stats.trouble(&attempt.machine.to_string(), &format_args!("upload: {error}"));
                        Input::UploadFailed(attempt)
                    }
                }),
                () = async { match wakeup {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                } } => return Ok(Input::Tick),
            };
            match message.ok_or(ProtocolError::Closed("by the engine"))? {
                EngineToSlave::Order { order } => return Ok(Input::Order(order)),
                EngineToSlave::EndStage { attempt, why, .. } => return Ok(Input::EndStage { attempt, why }),
                EngineToSlave::Forget { attempt } => return Ok(Input::Forget(attempt)),
                EngineToSlave::Unknown => {}
            }
        }
    }

    async fn perform(&mut self, action: Action) -> Result<Option<End>, ProtocolError> {
        match action {
            Action::Report(attempt, report) => self.report(attempt, report).await?,
            Action::Upload(attempt, length) => {
                let (streams, stats) = (self.session.streams.clone(), self.stats.clone());
                self.uploads.spawn(async move {
                    let result = upload(&streams, &attempt, length, &stats).await;
                    (attempt, result)
                });
            }
            Action::Flood(attempt, count) => {
                for _ in 0..count {
                    self.report(attempt.clone(), StageReport::Accepted).await?;
                    self.session.sender.send(&SlaveToEngine::Unknown).await?;
                }
            }
            Action::Drop => return Ok(Some(End::Dropped)),
            Action::Leave => return Ok(Some(End::Left)),
        }
        Ok(None)
    }

    async fn report(&mut self, attempt: AttemptId, report: StageReport) -> Result<(), ProtocolError> {
        self.stats.reports.add(1);
        self.session.sender.send(&SlaveToEngine::Report { attempt, report }).await
    }
}

/// Uploads output of this length, or without end, from where the engine has it.
async fn upload(
    streams: &Streams,
    attempt: &AttemptId,
    length: Option<u64>,
    stats: &Stats,
) -> Result<u64, ProtocolError> {
    let length = length.unwrap_or(u64::MAX);
    let text = TEXT.get_or_init(|| Bytes::from(LINE.repeat(CHUNK / LINE.len())));
    let mut upload = streams.upload(&StreamHeader::Output { attempt: attempt.clone() }).await?;
    while upload.offset() < length {
        // From the middle of a line where a connection broke there: the content depends on the offset only.
        let begin = usize::try_from(upload.offset() % LINE.len() as u64).unwrap_or(0);
        let rest = usize::try_from(length - upload.offset()).unwrap_or(usize::MAX);
        let chunk = text.slice(begin..text.len().min(begin.saturating_add(rest)));
        stats.uploaded_bytes.add(chunk.len() as u64);
        upload.write(chunk).await?;
    }
    upload.finish().await
}
