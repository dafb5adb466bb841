//! A boot of the machine that the script itself announces (`expect_reboot`), so that it is no loss.
//!
//! The script asks its supervisor through this program ([`announce`], a hidden command). The supervisor writes the
//! announcement into the stage's record and answers only when all of it is on disk. After the boot the next agent finds
//! the record: an announced boot, another boot id, no outcome.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::boot;
use crate::stage::StageFolder;
use crate::stage::wire::{Command, News};

/// Names the stage's folder in the environment of its script.
pub const RECORD_VARIABLE: &str = "XRDTEST_RECORD";
/// Names this program in the environment of a script.
pub const AGENT_VARIABLE: &str = "XRDTEST_AGENT";

/// How long a supervisor may take to get the record to disk.
const ANSWER: Duration = Duration::from_secs(60);
/// What shells add to a signal's number to say that it ended a command.
const SHELL_SIGNAL: i32 = 128;

/// Puts the announcement on record, and everything that the machine has of the stage on disk.
///
/// # Errors
/// Why not, for people: then nothing is announced.
pub(super) fn record(folder: &StageFolder, boot_id: &str) -> Result<(), String> {
    if boot::is_sandbox(boot_id) {
        return Err(
            "this machine is a sandbox: it can't be booted; expect_reboot needs a virtual or physical \
                    machine"
                .to_owned(),
        );
    }
    folder
        .announce_reboot()
        .map_err(|error| format!("the record of the stage can't be brought to disk: {error}"))
}

/// Whether a script ended as scripts do when their machine goes down: by a signal, or because a command of it did.
pub(super) fn by_signal(status: ExitStatus) -> bool {
    status.signal().is_some() || status.code().is_some_and(|code| code > SHELL_SIGNAL)
}

/// Why a boot could not be announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// Not called by a script of a stage.
    #[error("only the script of a stage can announce a boot: {RECORD_VARIABLE} is not set")]
    NoStage,
    /// There is no supervisor.
    #[error("the stage has no supervisor any more; its outcome is lost")]
    NoSupervisor,
    /// The supervisor said no.
    #[error("{0}")]
    Refused(String),
    /// The stage's script has ended.
    #[error("the stage is over")]
    Over,
    /// The connection broke, or no answer came in time.
    #[error("no answer from the stage's supervisor: {0}")]
    NoAnswer(#[from] std::io::Error),
}

/// Announces a boot of the machine on behalf of the script that runs this, and returns when the record is on disk.
///
/// # Errors
/// [`AnnounceError`]: the boot would be a loss.
pub fn announce() -> Result<(), AnnounceError> {
    let folder = std::env::var_os(RECORD_VARIABLE).ok_or(AnnounceError::NoStage)?;
    let stream = StageFolder::at(folder).connect()?.ok_or(AnnounceError::NoSupervisor)?;
    ask(&stream)
}

fn ask(mut stream: &UnixStream) -> Result<(), AnnounceError> {
    stream.set_read_timeout(Some(ANSWER))?;
    let mut line = serde_json::to_vec(&Command::AnnounceReboot).map_err(std::io::Error::from)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?).map_err(std::io::Error::from)? {
            News::Running { rebooting: true, .. } => return Ok(()),
            News::RebootRefused { reason } => return Err(AnnounceError::Refused(reason)),
            News::Over { .. } => return Err(AnnounceError::Over),
            News::Running { .. } | News::Noted { .. } | News::Unknown => {}
        }
    }
    Err(AnnounceError::NoSupervisor)
}
