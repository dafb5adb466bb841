//! The outcome table: the ways in which a stage can end, each with what must come of it. One table for all levels of
//! tests: it is run through the supervisor alone, and, as `run.sh` of a suite's only case, through the real agent on a
//! sandbox machine. It depends on nothing but the model; other crates include it by its path.
#![allow(dead_code, reason = "each level of tests uses what it needs")]

mod ends;
mod functions;
mod output;
mod surroundings;

use xrdtest_model::{Outcome, Verdict};

/// One way in which a stage can end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Names the case; letters, digits, `_`, so that it can name a suite.
    pub(crate) name: &'static str,
    /// The script, tags not yet replaced. A process that it leaves behind on purpose it announces in a line
    /// `daemon PID`: who runs the table outside of a machine of its own ends it then.
    pub(crate) script: &'static str,
    /// The suite's own tags.
    pub(crate) tags: &'static [(&'static str, &'static str)],
    /// The stage's limit.
    pub(crate) timeout_ms: u64,
    /// Bytes of output to keep; `None`: the default. What can't set it leaves the case out.
    pub(crate) output_limit: Option<u64>,
    /// Cancel the run when the output holds this text.
    pub(crate) cancel_at: Option<&'static str>,
    /// How the stage ends.
    pub(crate) outcome: Outcome,
    /// Exit code.
    pub(crate) exit_code: Option<i32>,
    /// Signal number.
    pub(crate) signal: Option<i32>,
    /// What the reason must hold; `""`: the reason must be empty.
    pub(crate) reason: &'static str,
    /// What the output must be.
    pub(crate) output: Output,
    /// How each left-over's name must begin, in any order.
    pub(crate) leftovers: &'static [&'static str],
}

/// What an output must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    /// Anything.
    Any,
    /// Exactly these bytes.
    Is(&'static [u8]),
    /// These texts, in this order, among others.
    Holds(&'static [&'static str]),
    /// That many bytes, all of them this one.
    Only(u64, u8),
}

impl Case {
    /// Every case.
    pub(crate) fn all() -> Vec<Self> {
        [ends::CASES, output::CASES, surroundings::CASES, functions::CASES].concat()
    }

    /// What a suite's case comes to whose run stage this is.
    pub(crate) fn case_verdict(&self) -> Verdict {
        match self.outcome {
            Outcome::Passed => Verdict::Passed,
            Outcome::Failed | Outcome::Killed => Verdict::Failed,
            Outcome::TimedOut => Verdict::TimedOut,
            Outcome::Cancelled => Verdict::Cancelled,
            Outcome::Lost | Outcome::NotRun => Verdict::Error,
        }
    }

    /// What a run comes to whose only case this is: a stage's time limit is a failure of the run, not its own limit.
    pub(crate) fn run_verdict(&self) -> Verdict {
        match self.case_verdict() {
            Verdict::TimedOut => Verdict::Failed,
            verdict => verdict,
        }
    }

    /// Compares an output with what it must be.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check_output(&self, output: &[u8]) -> Result<(), String> {
        let text = || String::from_utf8_lossy(&output[..output.len().min(4000)]).into_owned();
        match self.output {
            Output::Any => Ok(()),
            Output::Is(expected) if output == expected => Ok(()),
            Output::Is(expected) => {
                Err(format!("output is {:?}, not {:?}", text(), String::from_utf8_lossy(expected)))
            }
            Output::Holds(expected) => {
                let whole = String::from_utf8_lossy(output);
                let mut rest = whole.as_ref();
                for part in expected {
                    let at = rest.find(part).ok_or_else(|| format!("output {:?} lacks {part:?}", text()))?;
                    rest = &rest[at + part.len()..];
                }
                Ok(())
            }
            Output::Only(length, byte) => {
                let right = output.len() as u64 == length && output.iter().all(|b| *b == byte);
                if right { Ok(()) } else { Err(format!("{} bytes of output: {:?}", output.len(), text())) }
            }
        }
    }

    /// Compares how a stage ended with what the case says.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check_end(
        &self,
        outcome: Outcome,
        exit_code: Option<i32>,
        signal: Option<i32>,
        reason: &str,
        leftovers: &[String],
    ) -> Result<(), String> {
        let found = (outcome, exit_code, signal);
        if found != (self.outcome, self.exit_code, self.signal) {
            return Err(format!("it ended as {found:?} ({reason:?})"));
        }
        if self.reason.is_empty() != reason.is_empty() || !reason.contains(self.reason) {
            return Err(format!("the reason is {reason:?}, not {:?}", self.reason));
        }
        let named = self.leftovers.iter().all(|name| leftovers.iter().any(|left| left.starts_with(name)));
        if !named || leftovers.len() != self.leftovers.len() {
            return Err(format!("left-overs are {leftovers:?}, not {:?}", self.leftovers));
        }
        Ok(())
    }
}

/// A case that passes, with any output, within 60 s.
const fn case(name: &'static str, script: &'static str) -> Case {
    Case {
        name,
        script,
        tags: &[],
        timeout_ms: 60_000,
        output_limit: None,
        cancel_at: None,
        outcome: Outcome::Passed,
        exit_code: Some(0),
        signal: None,
        reason: "",
        output: Output::Any,
        leftovers: &[],
    }
}

impl Case {
    const fn fails(self, code: i32) -> Self {
        Self { outcome: Outcome::Failed, exit_code: Some(code), ..self }
    }

    const fn cannot_be_executed(self, code: i32, reason: &'static str) -> Self {
        // The reason stands in the output too.
        Self { reason, output: Output::Holds(&["xrdtest: cannot execute the script: "]), ..self }.fails(code)
    }

    const fn killed(self, signal: i32, reason: &'static str) -> Self {
        Self { outcome: Outcome::Killed, exit_code: None, signal: Some(signal), reason, ..self }
    }

    /// The limit of 500 ms ends it; the script's own process ends by `signal`.
    const fn times_out(self, signal: i32) -> Self {
        Self {
            outcome: Outcome::TimedOut,
            exit_code: None,
            signal: Some(signal),
            timeout_ms: 500,
            reason: "the stage's limit of 500 ms was over",
            ..self
        }
    }

    const fn but_killed(self) -> Self {
        Self { reason: "TERM was not enough, so what was left was killed after 5 s", ..self }
    }

    const fn cancelled_at(self, text: &'static str, signal: i32) -> Self {
        Self {
            outcome: Outcome::Cancelled,
            exit_code: None,
            signal: Some(signal),
            cancel_at: Some(text),
            reason: CANCEL_REASON,
            ..self
        }
    }

    const fn exiting(self, code: i32) -> Self {
        Self { exit_code: Some(code), signal: None, ..self }
    }

    const fn is(self, output: &'static [u8]) -> Self {
        Self { output: Output::Is(output), ..self }
    }

    const fn holds(self, parts: &'static [&'static str]) -> Self {
        Self { output: Output::Holds(parts), ..self }
    }

    const fn only(self, length: u64, byte: u8) -> Self {
        Self { output: Output::Only(length, byte), ..self }
    }

    const fn leaves(self, leftovers: &'static [&'static str]) -> Self {
        Self { leftovers, ..self }
    }

    const fn keeps(self, bytes: u64) -> Self {
        Self { output_limit: Some(bytes), ..self }
    }

    const fn tagged(self, tags: &'static [(&'static str, &'static str)]) -> Self {
        Self { tags, ..self }
    }
}

/// What whoever cancels gives as the reason.
pub(crate) const CANCEL_REASON: &str = "cancelled by the outcome table";
