//! What the kernel of a machine says of itself: faults of its own, and that memory ran out. Machines with a kernel of
//! their own have `/dev/kmsg`; in a sandbox there is none.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use xrdtest_model::crash::{Crash, CrashKind};

/// Bytes of the kernel's log that are kept: the last ones.
pub const KEPT: usize = 256 << 10;
/// Records that are read at once: more than a log of the usual size has.
const RECORDS: usize = 100_000;
/// Lines of one fault stand no further apart.
const ONE_FAULT: u64 = 200;
/// Faults that are named.
const NAMED: usize = 10;

/// How a fault of the kernel begins.
const FAULTS: [&str; 6] = [
    "BUG: ",
    "kernel BUG at ",
    "Oops: ",
    "Kernel panic - not syncing",
    "Unable to handle kernel ",
    "general protection fault",
];

/// How far the log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// Numbers begin anew with each boot.
    pub boot_id: String,
    /// The number of the next record.
    pub next: u64,
}

/// One record of the kernel's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    number: u64,
    micros: u64,
    text: String,
}

impl Line {
    /// Reads a record as `/dev/kmsg` gives it; `None` for what programs have written there.
    pub fn parse(record: &str) -> Option<Self> {
        let (head, text) = record.split_once(';')?;
        let mut fields = head.split(',');
        let priority: u64 = fields.next()?.parse().ok()?;
        let (number, micros) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        // What follows in further lines names devices.
        let text = text.lines().next().unwrap_or_default().to_owned();
        (priority >> 3 == 0).then_some(Self { number, micros, text })
    }

    /// As `dmesg` shows it.
    pub fn shown(&self) -> String {
        format!("[{:5}.{:06}] {}\n", self.micros / 1_000_000, self.micros % 1_000_000, self.text)
    }

    fn is_fault(&self) -> bool {
        // `traps: boom[12] general protection fault`: a program's.
        !self.text.starts_with("traps: ") && FAULTS.iter().any(|fault| self.text.contains(fault))
    }

    /// The process that was killed because memory ran out.
    fn killed(&self) -> Option<(u32, &str)> {
        let (_, rest) = self.text.split_once("Out of memory: ")?;
        let rest = rest.strip_prefix("Killed process ").or_else(|| rest.strip_prefix("Kill process "))?;
        let (pid, rest) = rest.split_once(" (")?;
        Some((pid.parse().ok()?, rest.split_once(')')?.0))
    }
}

/// What is new in the kernel's log. Nothing where there is none to be read.
pub fn read(path: &Path, boot_id: &str, from: &Position) -> (Vec<Line>, Position) {
    let mut position = Position { boot_id: boot_id.to_owned(), next: 0 };
    if from.boot_id == boot_id {
        position.next = from.next;
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let Ok(mut log) = OpenOptions::new().read(true).custom_flags(flags).open(path) else {
        return (Vec::new(), position);
    };
    let (mut lines, mut buffer) = (Vec::new(), vec![0; 8 << 10]);
    for _ in 0..RECORDS {
        let record = match log.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
            // The oldest was overwritten just now; or it is longer than any can be.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PIPE) => continue,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::InvalidInput) => {
                continue;
            }
            Err(_) => break,
        };
        let number = record.split(',').nth(1).and_then(|number| number.parse::<u64>().ok());
        let Some(number) = number.filter(|number| *number >= position.next) else { continue };
        position.next = number + 1;
        lines.extend(Line::parse(&record));
    }
    (lines, position)
}

/// What in these lines is a crash.
pub fn crashes(lines: &[Line]) -> Vec<Crash> {
    let mut crashes: Vec<Crash> = Vec::new();
    let mut fault: Option<u64> = None;
    for line in lines {
        let crash = if let Some((pid, name)) = line.killed() {
            let subject = name.to_owned();
            Crash {
                kind: CrashKind::OutOfMemory,
                subject,
                pid: Some(pid),
                signal: Some(9),
                ..Crash::default()
            }
        } else if line.is_fault() {
            let before = fault.replace(line.number);
            if before.is_some_and(|before| line.number.saturating_sub(before) < ONE_FAULT) {
                continue;
            }
            Crash { kind: CrashKind::Kernel, subject: line.text.clone(), ..Crash::default() }
        } else {
            continue;
        };
        crashes.push(crash);
    }
    crashes.truncate(NAMED);
    crashes
}

/// The lines as a file: the last ones.
pub fn text(lines: &[Line]) -> String {
    let whole: String = lines.iter().map(Line::shown).collect();
    let from = (whole.len().saturating_sub(KEPT)..whole.len()).find(|at| whole.is_char_boundary(*at));
    from.map_or_else(String::new, |from| whole[from..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(records: &[&str]) -> Vec<Line> {
        records.iter().filter_map(|record| Line::parse(record)).collect()
    }

    #[test]
    fn faults_and_memory() {
        let lines = lines(&[
            "6,10,1000000,-;boom[12]: segfault at 0 ip 0000 sp 0000 error 4 in boom",
            "4,11,1000001,-;traps: boom[13] general protection fault ip:1 sp:2 error:0",
            "3,12,1000002,-;Out of memory: Killed process 77 (eat) total-vm:1kB, anon-rss:1kB",
            "3,13,1000003,-;Memory cgroup out of memory: Killed process 78 (other) total-vm:1kB",
            "1,14,2000000,-;BUG: kernel NULL pointer dereference, address: 0000000000000000\n SUBSYSTEM=x",
            "1,15,2000001,-;#PF: supervisor write access in kernel mode",
            "4,16,2000002,-;Oops: 0002 [#1] SMP NOPTI",
            "12,17,2000003,-;BUG: written by a program",
            "0,400,3000000,-;Kernel panic - not syncing: Fatal exception",
            "no record",
        ]);
        let told: Vec<_> = crashes(&lines).iter().map(|crash| (crash.title(), crash.pid)).collect();
        assert_eq!(
            told,
            [
                ("out of memory: eat".to_owned(), Some(77)),
                (
                    "the kernel: BUG: kernel NULL pointer dereference, address: 0000000000000000".to_owned(),
                    None
                ),
                ("the kernel: Kernel panic - not syncing: Fatal exception".to_owned(), None),
            ]
        );
        assert!(text(&lines).contains("[    2.000002] Oops: 0002 [#1] SMP NOPTI\n"));
        assert!(!text(&lines).contains("SUBSYSTEM"));
    }

    #[test]
    fn the_end_of_a_long_log_is_kept() {
        let record = format!("6,1,1,-;{}ü", "x".repeat(1000));
        let lines = lines(&vec![record.as_str(); 1000]);
        let text = text(&lines);
        assert!(text.len() <= KEPT && text.ends_with("ü\n"));
    }

    #[test]
    fn the_log_is_read_from_where_it_was_left() {
        let (lines, position) = read(Path::new("/dev/kmsg"), "b", &Position::default());
        let (again, same) = read(Path::new("/dev/kmsg"), "b", &position);
        assert!(lines.is_empty() || again.len() < lines.len());
        assert!(same.next >= position.next);
        let (none, start) = read(Path::new("/nowhere"), "c", &position);
        assert_eq!((none, start), (Vec::new(), Position { boot_id: "c".to_owned(), next: 0 }));
    }
}
