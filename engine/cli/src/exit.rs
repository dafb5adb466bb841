//! Exit codes, the same for every command.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::Context as _;
use xrdtest_model::Verdict;

/// What the exit code says. Ordered: of several, the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All is well.
    Good = 0,
    /// Bad news about the subject: findings of severity error, a run `failed` or `timed_out`.
    BadNews = 1,
    /// It could not be done: usage, I/O, no contact, an invalid definition, a run `error`.
    CouldNot = 2,
    /// A signal cancelled it.
    Cancelled = 130,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Good,
            Verdict::Failed | Verdict::TimedOut => Self::BadNews,
            Verdict::Error => Self::CouldNot,
            Verdict::Cancelled => Self::Cancelled,
        }
    }
}

/// Says what went wrong, with its causes.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let mut text = format!("{BAD}error{BAD:#}: {error}\n", BAD = anstyle::AnsiColor::Red.on_default().bold());
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors tell their cause themselves.
        if !text.contains(&cause) {
            let _ = writeln!(text, "  because: {cause}");
        }
    }
    let _ = anstream::stderr().write_all(text.as_bytes());
    Exit::CouldNot
}

/// Writes data to standard output. A reader that has gone (`xrdtest … | head`) is no error, and changes nothing about
/// what the exit code says.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output could not be written"),
    }
}

/// Says something to people on standard error; where nobody reads it, that does not matter.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
