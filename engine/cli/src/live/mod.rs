//! What people see while a run goes on: lines for what happened, and on a terminal, below them, who is busy with
//! what.

mod last_line;
mod lines;
mod terminal;

use std::io::{IsTerminal, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use xrdtest_engine::OutputChunk;
use xrdtest_model::Event;
use xrdtest_orchestrator::RunStatus;

use self::lines::Lines;
use self::terminal::Terminal;

/// Shows one run.
pub(crate) struct Live {
    lines: Lines,
    terminal: Option<Terminal>,
    color: bool,
}

impl Live {
    /// On standard error: with live lines where that is a terminal.
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal().then(Terminal::new);
        let color = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
        Self { lines: Lines::new(terminal.is_none()), terminal, color }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &Event) {
        for line in self.lines.of(event) {
            self.say(&line);
        }
    }

    /// Whether output that arrives is shown at all.
    pub(crate) fn shows_output(&self) -> bool {
        self.terminal.is_some()
    }

    /// Output arrived.
    pub(crate) fn output(&mut self, chunk: &OutputChunk) {
        if let Some(terminal) = &mut self.terminal {
            terminal.output(chunk);
        }
    }

    /// The run's present state.
    pub(crate) fn status(&mut self, status: Option<&RunStatus>) {
        if let Some(terminal) = &mut self.terminal {
            terminal.status(status);
        }
    }

    /// A line that stays.
    pub(crate) fn say(&mut self, line: &str) {
        match &mut self.terminal {
            Some(terminal) if self.color => terminal.say(line),
            Some(terminal) => terminal.say(&strip_str(line).to_string()),
            // Where nobody can read it, the run goes on all the same.
            None => drop(writeln!(anstream::stderr(), "{line}")),
        }
    }

    /// Removes what does not stay.
    pub(crate) fn close(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.close();
        }
    }
}
