//! The agent's connections to a supervisor. There may be several: a restarted agent comes while the system has not
//! yet told that the old one is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use xrdtest_model::order::FinishedReport;

use crate::stage::wire::{Command, News};

/// Between two words about grown output.
const NEWS_INTERVAL: Duration = Duration::from_millis(20);
/// A command is shorter.
const LONGEST_LINE: usize = 64 << 10;

/// Everybody who listens.
#[derive(Debug)]
pub struct Clients {
    listener: UnixListener,
    clients: Vec<Client>,
    told: Option<(Instant, u64)>,
}

/// One of them.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    open: bool,
    /// It has started this process, and may give it more than one stage.
    gives_stages: bool,
    /// The next one's folder. What it says behind that is for that stage, and left until then.
    next: Option<PathBuf>,
}

impl Clients {
    /// Waits for clients at `listener`; the one that started this process is there already.
    pub fn new(listener: UnixListener, starter: Option<Client>) -> Self {
        Self { listener, clients: starter.into_iter().collect(), told: None }
    }

    /// Whether somebody is there who may give this process another stage.
    pub fn has_giver(&self) -> bool {
        self.clients.iter().any(|client| client.gives_stages)
    }

    /// That client; all others are left.
    pub fn into_giver(self) -> Option<Client> {
        self.clients.into_iter().find(|client| client.gives_stages)
    }

    /// What to poll, and for what.
    pub fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let listener = (self.listener.as_fd(), PollFlags::IN);
        let clients = self.clients.iter().map(|client| {
            let waits = !client.unsent.is_empty();
            let flags = if waits { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            (client.stream.as_fd(), flags)
        });
        std::iter::once(listener).chain(clients)
    }

    /// Takes in new clients, telling them `how_it_is`, and returns the commands that have come.
    pub fn turn(&mut self, how_it_is: impl Fn() -> News) -> Vec<Command> {
        let mut commands = Vec::new();
        for client in &mut self.clients {
            client.send(&[]);
            commands.extend(client.receive());
        }
        while let Ok((stream, _)) = self.listener.accept() {
            if let Ok(mut client) = Client::new(stream) {
                client.tell(&how_it_is());
                commands.extend(client.receive());
                self.clients.push(client);
            }
        }
        self.clients.retain(|client| client.open);
        commands
    }

    /// Tells everybody.
    pub fn tell(&mut self, news: &News) {
        for client in &mut self.clients {
            client.tell(news);
        }
        self.clients.retain(|client| client.open);
    }

    /// Tells everybody the outcome; `free`: and who may give this process another stage, that it takes one.
    pub fn tell_over(&mut self, outcome: FinishedReport, free: bool) {
        let outcome = Box::new(outcome);
        for client in &mut self.clients {
            client.tell(&News::Over { outcome: outcome.clone(), free: free && client.gives_stages });
        }
        self.clients.retain(|client| client.open);
    }

    /// Tells how long the output is now, unless that was done a moment ago: then the moment is returned at which it
    /// is time again. A client that has not read the last word yet does not get another one.
    pub fn tell_length(&mut self, now: Instant, length: u64, rebooting: bool) -> Option<Instant> {
        if let Some((when, told)) = self.told {
            if told == length {
                return None;
            }
            if now < when + NEWS_INTERVAL {
                return Some(when + NEWS_INTERVAL);
            }
        }
        self.told = Some((now, length));
        for client in self.clients.iter_mut().filter(|client| client.unsent.is_empty()) {
            client.tell(&News::Running { length, rebooting });
        }
        None
    }

    /// Whether everybody has got everything.
    pub fn all_told(&self) -> bool {
        self.clients.iter().all(|client| client.unsent.is_empty())
    }
}

impl Client {
    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (received, unsent) = (Vec::new(), Vec::new());
        Ok(Self { stream, received, unsent, open: true, gives_stages: false, next: None })
    }

    /// The one that started this process, where it gave it a socket as its standard input; whether it may give it more
    /// than one stage.
    ///
    /// # Errors
    /// Where that can't be used.
    pub fn starter(gives_stages: bool) -> io::Result<Option<Self>> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        if stream.peer_addr().is_err() {
            return Ok(None);
        }
        Ok(Some(Self { gives_stages, ..Self::new(stream)? }))
    }

    /// Whether it is still there.
    pub fn is_open(&self) -> bool {
        self.open
    }

    fn tell(&mut self, news: &News) {
        // Numbers and texts: there is nothing in news that could not be written as JSON.
        if let Ok(mut line) = serde_json::to_vec(news) {
            line.push(b'\n');
            self.send(&line);
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) if written > 0 => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => {
                    self.unsent.clear();
                    self.open = false;
                }
            }
        }
    }

    /// The folder of the next stage, where it has been told.
    pub fn take_next(&mut self) -> Option<PathBuf> {
        self.next.take()
    }

    /// The commands that have come for the present stage.
    pub fn receive(&mut self) -> Vec<Command> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.open = false,
                Ok(read) => {
                    self.received.extend_from_slice(&buffer[..read]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.open = false,
            }
            break;
        }
        let mut commands = Vec::new();
        while self.next.is_none()
            && let Some(end) = self.received.iter().position(|byte| *byte == b'\n')
        {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(Command::Supervise { folder }) => self.next = Some(folder),
                Ok(command) => commands.push(command),
                // A newer agent's.
                Err(_) => {}
            }
        }
        if self.received.len() > LONGEST_LINE {
            self.open = false;
        }
        commands
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
