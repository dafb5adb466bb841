//! The machines' serial consoles on their way to the engine, while they grow.
//!
//! One task per instance waits for its files to change and sends what is new, each file on a stream of its own. A broken
//! connection costs nothing: the next stream begins where the engine's file ends.

use std::collections::HashMap;
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::inotify::AddWatchFlags;
use tokio::fs::{File, metadata};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;
use xrdtest_protocol::ProtocolError;
use xrdtest_protocol::stream::{CHUNK, StreamHeader, Streams, Upload};

use super::link::Link;
use crate::folder_watch::FolderWatch;

/// What comes within this time is sent together: a console is written letter by letter.
const GATHER: Duration = Duration::from_millis(100);
/// How long the rest of the consoles may take when an instance is gone.
const END: Duration = Duration::from_secs(3);
/// How long it is waited after a stream broke.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the consoles of all instances.
#[derive(Debug)]
pub(crate) struct Consoles {
    link: Arc<Link>,
    following: Mutex<HashMap<InstanceId, Following>>,
}

#[derive(Debug)]
struct Following {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Consoles {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, following: Mutex::default() }
    }

    /// Begins to follow the consoles of an instance: host names and files, which may appear later.
    pub(crate) fn follow(&self, instance: &InstanceId, files: Vec<(String, PathBuf)>) {
        let Some(folder) = files.first().and_then(|(_, path)| path.parent()).map(Path::to_owned) else {
            return;
        };
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        let watch = match FolderWatch::new(&folder, events) {
            Ok(watch) => watch,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "consoles can't be followed");
                return;
            }
        };
        let end = CancellationToken::new();
        let consoles = files.into_iter().map(|(host, path)| Console::new(instance, host, path));
        let follow = follow(self.link.clone(), consoles.collect(), watch, end.clone());
        self.following().insert(instance.clone(), Following { end, task: tokio::spawn(follow) });
    }

    /// Sends the rest, for an instance whose machines are gone.
    pub(crate) async fn end(&self, instance: &InstanceId) {
        let Some(Following { end, mut task }) = self.following().remove(instance) else { return };
        end.cancel();
        if timeout(END, &mut task).await.is_err() {
            task.abort();
            tracing::warn!(%instance, "the ends of its consoles did not reach the engine");
        }
    }

    fn following(&self) -> MutexGuard<'_, HashMap<InstanceId, Following>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(link: Arc<Link>, mut consoles: Vec<Console>, watch: FolderWatch, end: CancellationToken) {
    loop {
        let ended = end.is_cancelled();
        let streams = link.streams().await;
        for console in &mut consoles {
            console.send(&streams, ended).await;
        }
        consoles.retain(|console| !console.over);
        if consoles.is_empty() || (ended && !streams.is_closed()) {
            return;
        }
        if streams.is_closed() {
            sleep(PAUSE).await;
            continue;
        }
        tokio::select! {
            () = end.cancelled() => continue,
            changed = watch.changed() => if changed.is_err() { return },
        }
        tokio::select! {
            () = end.cancelled() => {}
            () = sleep(GATHER) => {}
        }
    }
}

/// One machine's console.
struct Console {
    header: StreamHeader,
    path: PathBuf,
    file: Option<File>,
    /// Position in the file.
    read: u64,
    /// Bytes that the engine was sent.
    sent: u64,
    upload: Option<Upload>,
    /// Nobody wants more of it.
    over: bool,
}

impl Console {
    fn new(instance: &InstanceId, host: String, path: PathBuf) -> Self {
        let header = StreamHeader::Console { instance: instance.clone(), host };
        Self { header, path, file: None, read: 0, sent: 0, upload: None, over: false }
    }

    /// Sends what is new, and all of the rest where the machine is gone.
    async fn send(&mut self, streams: &Streams, last: bool) {
        let sent = async {
            self.send_new(streams).await?;
            match self.upload.take_if(|_| last) {
                Some(upload) => upload.finish().await.map(drop),
                None => Ok(()),
            }
        };
        if let Err(error) = sent.await {
            tracing::debug!(console = %self.path.display(), %error, "a console's stream broke");
            self.upload = None;
            // Refused, then: its run is over, or the engine has enough of it.
            self.over = !streams.is_closed();
        }
    }

    async fn send_new(&mut self, streams: &Streams) -> Result<(), ProtocolError> {
        while let Some(chunk) = self.next_chunk().await? {
            let Some(upload) = &mut self.upload else {
                // Until the engine has said where it is, nothing of the file counts as read.
                self.read -= chunk.len() as u64;
                self.file = None;
                let upload = streams.upload(&self.header).await?;
                self.read = resume(self.read, self.sent, upload.offset());
                self.sent = upload.offset();
                self.upload = Some(upload);
                continue;
            };
            self.sent += chunk.len() as u64;
            upload.write(chunk).await?;
        }
        Ok(())
    }

    /// What is new in the file, or in the one that has taken its place.
    async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.file.is_none() {
                let mut file = match File::open(&self.path).await {
                    Ok(file) => file,
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error),
                };
                file.seek(SeekFrom::Start(self.read)).await?;
                self.file = Some(file);
            }
            let Some(file) = &mut self.file else { return Ok(None) };
            let mut chunk = vec![0; CHUNK];
            let length = file.read(&mut chunk).await?;
            if length > 0 {
                self.read += length as u64;
                chunk.truncate(length);
                return Ok(Some(chunk.into()));
            }
            // A log that has become long is moved away, and begun anew under its name.
            let here = file.metadata().await?;
            let renewed = metadata(&self.path).await.is_ok_and(|now| now.ino() != here.ino());
            if !renewed && here.len() >= self.read {
                return Ok(None);
            }
            (self.file, self.read) = (None, 0);
        }
    }
}

/// Where in the file to go on when the engine has `have` bytes: `read` is the position up to which it was sent, `sent`
/// the bytes sent by then, which are more than that where the file was begun anew.
fn resume(read: u64, sent: u64, have: u64) -> u64 {
    match have.checked_sub(sent) {
        // An earlier process of this agent has sent more than this one knows of.
        Some(more) => read.saturating_add(more),
        None => read.saturating_sub(sent - have),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use xrdtest_protocol::Identity;
    use xrdtest_protocol::authority::Authority;
    use xrdtest_protocol::client::{HypervisorSession, connect};
    use xrdtest_protocol::message::{EngineToHypervisor, Hello, HypervisorToEngine};
    use xrdtest_protocol::server::{Link, Listener, ListenerConfig, greet};
    use xrdtest_protocol::version::NEWEST;

    use super::*;

    /// A connection of an agent, seen from both sides.
    async fn connected() -> (HypervisorSession, Link) {
        let authority = Authority::new().unwrap();
        let credentials = authority.issue(&Identity::Engine).unwrap();
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let listener = Listener::bind(any, &credentials, &ListenerConfig::default()).unwrap();
        let credentials = authority.issue(&Identity::Hypervisor("hv1".into())).unwrap();
        let (versions, text) = ((NEWEST, NEWEST), String::new());
        let hello = Hello::Slave { versions, software: text.clone(), boot_id: text, known: Vec::new() };
        let accept = async {
            let arrival = greet(listener.accept().await.unwrap()).await.unwrap();
            arrival.accept::<EngineToHypervisor, HypervisorToEngine>(NEWEST).await.unwrap()
        };
        let address = listener.local_addr().unwrap();
        let (session, (link, _sender, _receiver)) =
            tokio::join!(connect(address, &credentials, || hello), accept);
        (session.unwrap(), link)
    }

    #[tokio::test]
    async fn a_connection_that_breaks_before_the_first_byte_costs_nothing() {
        let (broken, link) = connected().await;
        link.close("for the test");
        broken.closed().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        std::fs::write(&path, "one\n").unwrap();
        let mut console = Console::new(&"i".into(), "h".to_owned(), path.clone());
        console.send(&broken.streams, false).await;
        assert!(!console.over);
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let (session, link) = connected().await;
        let engine = async {
            let mut stream = link.accept_stream().await.unwrap().header().await.unwrap();
            stream.acknowledge(0).await.unwrap();
            let mut got = Vec::new();
            while let Some(chunk) = stream.next_chunk().await.unwrap() {
                got.extend_from_slice(&chunk);
            }
            stream.acknowledge(got.len() as u64).await.unwrap();
            stream.finish();
            String::from_utf8(got).unwrap()
        };
        let sent = async { tokio::join!(console.send(&session.streams, true), engine) };
        let ((), got) = timeout(Duration::from_secs(30), sent).await.unwrap();
        assert_eq!(got, "one\ntwo\n");
        assert!(!console.over);
    }

    #[tokio::test]
    async fn a_console_of_which_the_engine_has_enough_is_followed_no_more() {
        let (session, link) = connected().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        // More than a connection holds, so that it can't all be under way.
        std::fs::write(&path, vec![b'x'; 32 << 20]).unwrap();
        let mut console = Console::new(&"i".into(), "h".to_owned(), path);
        let engine = async {
            let mut stream = link.accept_stream().await.unwrap().header().await.unwrap();
            stream.acknowledge(0).await.unwrap();
            stream.next_chunk().await.unwrap();
        };
        let sent = async { tokio::join!(console.send(&session.streams, false), engine) };
        timeout(Duration::from_secs(30), sent).await.unwrap();
        assert!(console.over && !session.streams.is_closed());
    }

    #[test]
    fn streams_go_on_where_the_engine_is() {
        for (read, sent, have, expect) in [
            (0, 0, 0, 0),
            // Another connection.
            (100, 100, 100, 100),
            (100, 100, 70, 70),
            // Another process.
            (0, 0, 70, 70),
            // The file was begun anew.
            (20, 120, 120, 20),
            (20, 120, 110, 10),
            (20, 120, 50, 0),
        ] {
            assert_eq!(resume(read, sent, have), expect, "{read} {sent} {have}");
        }
    }
}
