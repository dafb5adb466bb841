//! Outputs of several machines as lines.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use xrdtest_model::definition::short_name;
use xrdtest_report::text::readable;

/// Bytes of a line without end that are kept before they are printed as one.
const LINE: usize = 64 * 1024;

/// Prints to standard output: the bytes of a single machine as they are, those of several line by line, each behind
/// its machine's name. On a terminal nothing in them moves the cursor.
pub(super) struct Printer<W = io::Stdout> {
    out: W,
    terminal: bool,
    /// Width of the names; `None`: a single machine.
    names: Option<usize>,
    titles: bool,
    open: BTreeMap<String, Vec<u8>>,
}

impl Printer {
    /// `titles`: with a line before each stage.
    pub(super) fn new(machines: &[String], titles: bool) -> Self {
        let out = io::stdout();
        let terminal = out.is_terminal();
        Self::to(out, terminal, machines, titles)
    }
}

impl<W: Write> Printer<W> {
    fn to(out: W, terminal: bool, machines: &[String], titles: bool) -> Self {
        let width = machines.iter().map(|machine| short_name(machine).len()).max();
        let names = width.filter(|_| machines.len() > 1);
        Self { out, terminal, names, titles, open: BTreeMap::new() }
    }

    /// A stage begins.
    pub(super) fn stage(&mut self, title: &str) -> io::Result<()> {
        if self.titles {
            writeln!(self.out, "=== {title}")?;
        }
        self.out.flush()
    }

    /// More of a machine's output.
    pub(super) fn piece(&mut self, machine: &str, piece: &[u8]) -> io::Result<()> {
        if self.names.is_none() && !self.terminal {
            self.out.write_all(piece)?;
            return self.out.flush();
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let open = self.open.entry(machine.to_owned()).or_default();
            open.extend_from_slice(part);
            if part.ends_with(b"\n") || open.len() > LINE {
                let line = std::mem::take(open);
                self.line(machine, &line)?;
            }
        }
        self.out.flush()
    }

    /// Prints lines that have no end.
    pub(super) fn end_of_stage(&mut self) -> io::Result<()> {
        for (machine, line) in std::mem::take(&mut self.open) {
            if !line.is_empty() {
                self.line(&machine, &line)?;
            }
        }
        self.out.flush()
    }

    fn line(&mut self, machine: &str, line: &[u8]) -> io::Result<()> {
        if let Some(width) = self.names {
            write!(self.out, "{:width$} | ", short_name(machine))?;
        }
        if self.terminal {
            return writeln!(self.out, "{}", readable(&String::from_utf8_lossy(line)));
        }
        self.out.write_all(line.strip_suffix(b"\n").unwrap_or(line))?;
        self.out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(terminal: bool, machines: &[&str], pieces: &[(&str, &[u8])]) -> String {
        let machines: Vec<_> = machines.iter().map(|machine| (*machine).to_owned()).collect();
        let mut out = Vec::new();
        let mut printer = Printer::to(&mut out, terminal, &machines, machines.len() > 1);
        printer.stage("copy_to / run").unwrap();
        for (machine, piece) in pieces {
            printer.piece(machine, piece).unwrap();
        }
        printer.end_of_stage().unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn lines_of_several_machines_do_not_mix() {
        let pieces: &[(&str, &[u8])] =
            &[("ds1.x", b"one\ntw"), ("client1.x", b"\xff\n"), ("ds1.x", b"o\n"), ("ds1.x", b"\x1b[2Jend")];
        assert_eq!(
            printed(false, &["ds1.x", "client1.x"], pieces),
            "=== copy_to / run\nds1     | one\nclient1 | \u{fffd}\nds1     | two\nds1     | \x1b[2Jend\n"
        );
        assert!(printed(true, &["ds1.x", "client1.x"], pieces).ends_with("ds1     | end\n"));
    }

    #[test]
    fn one_machine_is_printed_to_the_byte() {
        assert_eq!(printed(false, &["ds1.x"], &[("ds1.x", b"a\r\nb"), ("ds1.x", b"c")]), "a\r\nbc");
        assert_eq!(printed(true, &["ds1.x"], &[("ds1.x", b"10%\r20%\nb")]), "20%\nb\n");
    }
}
