//! The contact with a supervisor: a process of its own at the other end of a Unix socket.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::MemfdFlags;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::process::tree::{self, Process};
use crate::stage::StageFolder;
use crate::stage::wire::{Command, News};

/// A supervisor that listens.
#[derive(Debug)]
pub(super) struct Contact {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    /// Its process; `None`: it had gone before it could be looked at.
    pub(super) process: Option<Process>,
    /// Where this agent has started it, and not yet for an earlier stage.
    child: Option<tokio::process::Child>,
}

impl Contact {
    /// With a supervisor that runs already.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn new(stream: StdStream, pid: u32) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(stream)?.into_split();
        let process = i32::try_from(pid).ok().and_then(tree::read);
        Ok(Self { lines: BufReader::new(read).lines(), write, process, child: None })
    }

    /// Starts a supervisor of this stage, which takes further ones. Its standard input is the other end of the stream,
    /// its standard error a file without a name, as it may outlive this agent. Should it find the attempt taken, by one
    /// that an agent before this one started, it goes away again.
    ///
    /// No working directory is asked for: a child that is to change it is, in a static program, made by a full copy of
    /// this process. The agent is in `/` itself.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn start(program: &Path, folder: &StageFolder) -> io::Result<(Self, File)> {
        let (ours, theirs) = StdStream::pair()?;
        let complaints = File::from(rustix::fs::memfd_create("complaints", MemfdFlags::CLOEXEC)?);
        let child = tokio::process::Command::new(program)
            .arg("supervise")
            .arg("--stay")
            .arg(folder.path())
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::from(complaints.try_clone()?))
            .spawn()?;
        let contact = Self::new(ours, child.id().unwrap_or_default())?;
        Ok((Self { child: Some(child), ..contact }, complaints))
    }

    /// What it says next; `None`: it has closed the connection. May be dropped and called again.
    ///
    /// # Errors
    /// Where it says what can't be understood.
    pub(super) async fn hear(&mut self) -> io::Result<Option<News>> {
        match self.lines.next_line().await {
            Ok(Some(line)) => Ok(Some(serde_json::from_str(&line)?)),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Says something to it.
    ///
    /// # Errors
    /// Where it is gone.
    pub(super) async fn say(&mut self, command: &Command) -> io::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.write.write_all(&line).await
    }

    /// It has closed the connection, so it is about to end: waits for that where this agent has started it.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) async fn ended(self) -> io::Result<()> {
        match self.child {
            Some(mut child) => child.wait().await.map(drop),
            None => Ok(()),
        }
    }

    /// The same, to be kept for another stage. Should it end meanwhile, it is not left for dead until then.
    pub(super) fn put_aside(self) -> Self {
        Self { child: None, ..self }
    }
}

/// The last thing that a supervisor complained about, for a reason's end.
pub(super) fn last_line(complaints: &File) -> String {
    let mut text = [0; 4096];
    let length = complaints.read_at(&mut text, 0).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..length]);
    text.lines().last().map_or_else(String::new, |line| format!(": {line}"))
}
