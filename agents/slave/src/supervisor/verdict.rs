//! What the end of a script amounts to, in the words of the record.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use xrdtest_model::order::FinishedReport;
use xrdtest_model::{Outcome, Timestamp};

use super::course::Course;
use super::launch::Refusal;
use super::spool::Spooled;
use crate::process::tree;

/// Left-overs that a record names; it says how many more there are.
const NAMED: usize = 20;
/// Bytes of somebody else's words that a record repeats.
const LONGEST_REASON: usize = 2000;

/// How a script ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    outcome: Outcome,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: String,
}

impl Ending {
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        Self {
            outcome: if refusal.exit_code.is_some() { Outcome::Failed } else { Outcome::Lost },
            exit_code: refusal.exit_code,
            signal: None,
            reason: refusal.reason,
        }
    }

    pub(super) fn of_course(course: &Course, status: Option<ExitStatus>) -> Self {
        let exit_code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal());
        let (outcome, reason) = match (course.ended(), exit_code, signal) {
            (Some((cause, words)), ..) => (cause.outcome(), end_in_words(words, course.killed())),
            (None, Some(0), _) => (Outcome::Passed, String::new()),
            (None, Some(_), _) => (Outcome::Failed, String::new()),
            (None, None, Some(signal)) => {
                (Outcome::Killed, signal_in_words(signal, status.is_some_and(|s| s.core_dumped())))
            }
            (None, None, None) => (Outcome::Lost, "nobody knows how the script ended".to_owned()),
        };
        Self { outcome, exit_code, signal, reason }
    }

    pub(super) fn report(
        self,
        started: Timestamp,
        duration: Duration,
        spooled: Spooled,
        leftovers: Vec<String>,
    ) -> FinishedReport {
        let reasons = [self.reason, spooled.trouble];
        let reasons: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
        FinishedReport {
            outcome: self.outcome,
            exit_code: self.exit_code,
            signal: self.signal,
            reason: reasons.join("; "),
            started,
            duration_ms: xrdtest_model::time::millis(duration),
            output_length: spooled.length,
            output_lost: spooled.lost,
            leftovers,
            logs: Vec::new(),
            metrics: Vec::new(),
            crashes: Vec::new(),
            no_cores: String::new(),
        }
    }
}

fn end_in_words(words: &str, killed: bool) -> String {
    let mut words: String = words.chars().take(LONGEST_REASON).collect();
    if killed {
        words.push_str(&format!(
            "; TERM was not enough, so what was left was killed after {}",
            xrdtest_model::time::limit(xrdtest_model::limits::KILL_GRACE)
        ));
    }
    words
}

fn signal_in_words(signal: i32, core_dumped: bool) -> String {
    let name = signal_hook::low_level::signal_name(signal).unwrap_or("no name");
    let core = if core_dumped { ", core dumped" } else { "" };
    format!("signal {signal} ({name}){core}")
}

/// The processes below `own` that have the write end of `output` open, as the record names them.
pub(super) fn leftovers(own: i32, output: &File) -> Vec<String> {
    let Ok(stat) = rustix::fs::fstat(output) else {
        return Vec::new();
    };
    let link = format!("pipe:[{}]", stat.st_ino);
    let holders: Vec<_> =
        tree::descendants(own).into_iter().filter(|process| holds(process.pid, &link)).collect();
    let mut names: Vec<String> = holders.iter().take(NAMED).map(tree::Process::title).collect();
    match holders.len() {
        0 => names.push("a process outside of the stage".to_owned()),
        all if all > NAMED => names.push(format!("{} more", all - NAMED)),
        _ => {}
    }
    names
}

fn holds(pid: i32, link: &str) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == link))
}
