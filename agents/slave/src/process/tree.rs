//! The processes below this one, found in `/proc`, and how they are signalled without ever hitting another.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal};

/// A process as `/proc/PID/stat` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its name: at most 15 bytes of what it executes.
    pub name: String,
    /// `R`, `S`, `D`, `T`, `Z` …
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// When it started, in clock ticks since boot; with the id it names a process for good.
    pub started: u64,
}

impl Process {
    /// Whether it has ended and only waits to be reaped.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether it is stopped and so can't start others.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// As a record names it: `xrootd (pid 12)`.
    pub fn title(&self) -> String {
        format!("{} (pid {})", self.name, self.pid)
    }
}

/// Reads one line of `/proc/PID/stat`. The name stands in brackets and may itself hold brackets and spaces.
pub fn parse_stat(line: &str) -> Option<Process> {
    let (pid, rest) = line.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Field 22 of the line; two of the fields before it are taken.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process { pid: pid.trim().parse().ok()?, name: name.to_owned(), state, parent, started })
}

/// The process of this id.
pub fn read(pid: i32) -> Option<Process> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// All living processes below `root`, parents before their children. A process that starts or ends meanwhile may be
/// missing; who needs all of them asks again until nothing new is found.
pub fn descendants(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for process in pids.filter_map(read) {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            next.push(process.pid);
            found.push(process);
        }
    }
    found.retain(|process| !process.is_dead());
    found
}

/// Sends signals to exactly this process: its id may have been given to another one since it was seen, so the
/// process is held by a descriptor and looked at again before the signals go out. One that is gone is no error.
fn signal(process: &Process, signals: &[Signal]) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let held: Result<OwnedFd, Errno> = pidfd_open(pid, PidfdFlags::empty());
    if read(process.pid).is_none_or(|now| now.started != process.started) {
        return;
    }
    for signal in signals {
        // A process that ended meanwhile, or that refuses, is found by the next look at the tree.
        let _ = match &held {
            Ok(descriptor) => pidfd_send_signal(descriptor, *signal),
            // Kernels before 5.3 have no such descriptors.
            Err(Errno::NOSYS) => rustix::process::kill_process(pid, *signal),
            Err(error) => Err(*error),
        };
    }
}

/// Asks every process below `root` to end; stopped ones are woken, so that they can.
pub fn terminate(root: i32) {
    for process in descendants(root) {
        signal(&process, &[Signal::TERM, Signal::CONT]);
    }
}

/// Passes over the tree in one [`kill`]. Each pass stops what it finds, so the number of passes that a fork bomb
/// needs is small; the bound is for what can't be stopped.
const PASSES: usize = 64;

/// Kills every process below `root`. They are stopped first, until no running one is found, because a process that
/// runs may start others faster than they are killed one by one.
pub fn kill(root: i32) {
    let mut stopped: HashSet<(i32, u64)> = HashSet::new();
    for _ in 0..PASSES {
        let fresh: Vec<Process> = descendants(root)
            .into_iter()
            .filter(|process| stopped.insert((process.pid, process.started)))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for process in fresh.iter().filter(|process| !process.is_stopped()) {
            signal(process, &[Signal::STOP]);
        }
    }
    for process in descendants(root) {
        signal(&process, &[Signal::KILL]);
    }
}

/// Lets a process go on where it was stopped.
pub fn wake(process: &Process) {
    signal(process, &[Signal::CONT]);
}

/// Kills a process and everything below it.
pub fn kill_with(process: &Process) {
    if read(process.pid).is_some_and(|now| now.started == process.started) {
        // Stopped, it neither starts others nor ends, so what is below it stays there.
        signal(process, &[Signal::STOP]);
        kill(process.pid);
        signal(process, &[Signal::KILL]);
    }
}

/// What a look for ended children found.
#[derive(Debug, PartialEq, Eq)]
pub enum Reaped {
    /// This child ended.
    Child(i32, i32),
    /// None has ended now, but some live.
    Waiting,
    /// There are no children: as this process adopts orphans, there is no process below it at all.
    None,
}

/// Takes one ended child from the system; its raw wait status is the second number.
pub fn reap() -> Reaped {
    loop {
        return match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => Reaped::Child(pid.as_raw_nonzero().get(), WaitStatus::as_raw(status)),
            Ok(None) => Reaped::Waiting,
            Err(Errno::INTR) => continue,
            Err(_) => Reaped::None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let tail = "S 1 77 77 0 -1 4194304 134 0 0 0 0 0 0 0 20 0 1 0 987654 0 0 0";
        for (line, name) in [
            (format!("77 (bash) {tail}"), Some("bash")),
            (format!("77 (a) R 9 (b) {tail}"), Some("a) R 9 (b")),
            (format!("77 () {tail}"), Some("")),
            ("77 (bash) S 1".to_owned(), None),
            (String::new(), None),
        ] {
            let process = parse_stat(&line);
            assert_eq!(process.as_ref().map(|p| p.name.as_str()), name, "{line}");
            if let Some(process) = process {
                assert_eq!((process.pid, process.parent, process.started), (77, 1, 987_654), "{line}");
            }
        }
    }

    #[test]
    fn own_children_are_found_and_others_are_not_hit() {
        let mut child =
            std::process::Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let found = descendants(own).into_iter().find(|process| process.pid == pid).unwrap();
        let impostor = Process { started: found.started + 1, ..found };
        signal(&impostor, &[Signal::KILL]);
        assert!(child.try_wait().unwrap().is_none());
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
