//! `--background`: the daemon without a terminal, for those who have no systemd.
//!
//! The command starts the program again in a session of its own and waits until that says, through a pipe at its standard
//! output, that it is ready. So errors of the start are seen, and whoever waited can use the engine at once.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The option that marks the started program.
pub const DETACHED: &str = "--detached";
const READY: &str = "ready";

/// Starts the daemon and waits until it is ready; answers its process id.
///
/// # Errors
/// Where it can't be started, or ends before it is ready: it has said why on standard error.
pub fn start(config: &Path) -> anyhow::Result<u32> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut daemon = Command::new(program)
        .arg("--config")
        .arg(config)
        .arg(DETACHED)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the engine")?;
    let output = daemon.stdout.take().context("the engine has no standard output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).context("cannot hear from the engine")?;
    if line.trim_end() != READY {
        let status = daemon.wait().context("cannot wait for the engine")?;
        bail!("the engine did not start ({status})");
    }
    Ok(daemon.id())
}

/// In the started program: leaves the terminal's session.
///
/// # Errors
/// Where the system refuses.
pub fn leave_session() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot leave the terminal's session")?;
    Ok(())
}

/// In the started program: says that it is ready, and lets go of the terminal.
///
/// # Errors
/// Where the system refuses.
pub fn report_ready() -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{READY}").context("cannot say that the engine is ready")?;
    output.flush().context("cannot say that the engine is ready")?;
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    let nowhere = nowhere.context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere).context("cannot let go of standard output")?;
    rustix::stdio::dup2_stderr(&nowhere).context("cannot let go of standard error")?;
    Ok(())
}
