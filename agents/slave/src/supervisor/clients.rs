//! The agent's connections to a supervisor. There may be several: a restarted agent comes while the system has not
//! yet told that the old one is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

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

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    open: bool,
}

impl Clients {
    /// Waits for clients at `listener`; `first` is there already.
    pub fn new(listener: UnixListener, first: Option<UnixStream>) -> Self {
        let mut clients = Self { listener, clients: Vec::new(), told: None };
        if let Some(stream) = first {
            clients.add(stream);
        }
        clients
    }

    fn add(&mut self, stream: UnixStream) {
        if stream.set_nonblocking(true).is_ok() {
            self.clients.push(Client { stream, received: Vec::new(), unsent: Vec::new(), open: true });
        }
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
            let before = self.clients.len();
            self.add(stream);
            if let Some(client) = self.clients.get_mut(before) {
                client.tell(&how_it_is());
                commands.extend(client.receive());
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

    fn receive(&mut self) -> Vec<Command> {
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
        let end = self.received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.received.drain(..end).collect();
        if self.received.len() > LONGEST_LINE {
            self.open = false;
        }
        lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// The socket that the agent gave this process as its standard input, where it did.
pub fn from_standard_input() -> io::Result<Option<UnixStream>> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(stream.peer_addr().is_ok().then_some(stream))
}
