//! Evidence of crashes: what was found on a machine after a stage beside the script's own outcome.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that crashed while a stage ran, or between the stage before it and this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Crash {
    /// What kind of crash.
    pub kind: CrashKind,
    /// Name of the program; of a fault of the kernel, the line that says so. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Its process, by the number that it had on its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Number of the signal that ended it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The innermost function of its back-trace that has a name; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub function: String,
    /// The kept core dump, as a path among the stage's artifacts; empty: none is kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub core: String,
    /// The text about it, a back-trace or lines of the kernel's log, as a path among the stage's logs; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What is worth knowing: why there is no core dump or no back-trace; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A kind of crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// A process left a core dump.
    Process,
    /// The machine's kernel reported a fault of its own: an oops, a panic.
    Kernel,
    /// The kernel killed processes because memory ran out.
    OutOfMemory,
    /// A kind that this build does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Crash {
    /// What crashed, in few words: `xrootd (SIGSEGV)`, `out of memory: xrootd`.
    pub fn title(&self) -> String {
        match (self.kind, self.subject.as_str()) {
            (CrashKind::Process, "") => format!("a process{}", self.signal_in_brackets()),
            (CrashKind::Process, subject) => format!("{subject}{}", self.signal_in_brackets()),
            (CrashKind::Kernel, subject) => format!("the kernel: {subject}"),
            (CrashKind::OutOfMemory, "") => "out of memory".to_owned(),
            (CrashKind::OutOfMemory, subject) => format!("out of memory: {subject}"),
            (CrashKind::Unknown, "") => "something".to_owned(),
            (CrashKind::Unknown, subject) => subject.to_owned(),
        }
    }

    fn signal_in_brackets(&self) -> String {
        self.signal.map_or_else(String::new, |signal| format!(" ({})", signal_name(signal)))
    }
}

impl fmt::Display for Crash {
    /// `xrootd (SIGSEGV) in read_loop`, with the note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title())?;
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        if !self.note.is_empty() {
            write!(f, ": {}", self.note)?;
        }
        Ok(())
    }
}

/// Crashes in one line: `crashed: boom (SIGSEGV) in inner, xrootd (SIGABRT) and 3 more`; empty where there are none.
pub fn crashed(crashes: &[Crash]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = crashes
        .iter()
        .take(NAMED)
        .map(|crash| match crash.function.as_str() {
            "" => crash.title(),
            function => format!("{} in {function}", crash.title()),
        })
        .collect();
    match crashes.len().saturating_sub(NAMED) {
        0 if named.is_empty() => String::new(),
        0 => format!("crashed: {}", named.join(", ")),
        more => format!("crashed: {} and {more} more", named.join(", ")),
    }
}

/// The name of a signal that ends a process with a core dump, by Linux's numbers; of others the number.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// What is to be done about core dumps of a stage, as an order says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoreOrder {
    /// Bytes that one kept core dump may have, packed.
    pub each: u64,
    /// Core dumps to keep.
    pub count: u32,
    /// Bytes that all of them may have together, packed: this machine's share of what the run may still keep.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(kind: CrashKind, subject: &str, signal: Option<i32>) -> Crash {
        Crash { kind, subject: subject.to_owned(), signal, ..Crash::default() }
    }

    #[test]
    fn words() {
        let boom = crash(CrashKind::Process, "boom", Some(11));
        let named = Crash { function: "inner".to_owned(), ..boom.clone() };
        for (crash, words) in [
            (boom.clone(), "boom (SIGSEGV)"),
            (named.clone(), "boom (SIGSEGV) in inner"),
            (Crash { note: "no gdb".to_owned(), ..named.clone() }, "boom (SIGSEGV) in inner: no gdb"),
            (crash(CrashKind::Process, "", None), "a process"),
            (crash(CrashKind::Process, "x", Some(40)), "x (signal 40)"),
            (crash(CrashKind::Kernel, "BUG: x", None), "the kernel: BUG: x"),
            (crash(CrashKind::OutOfMemory, "", None), "out of memory"),
            (crash(CrashKind::OutOfMemory, "eat", None), "out of memory: eat"),
        ] {
            assert_eq!(crash.to_string(), words);
        }
        assert_eq!(crashed(&[]), "");
        assert_eq!(crashed(std::slice::from_ref(&named)), "crashed: boom (SIGSEGV) in inner");
        let many = vec![boom; 5];
        assert_eq!(crashed(&many), "crashed: boom (SIGSEGV), boom (SIGSEGV), boom (SIGSEGV) and 2 more");
    }

    #[test]
    fn a_kind_of_a_newer_version_is_read() {
        let crash: Crash = serde_json::from_str(r#"{"kind":"alien","subject":"x"}"#).unwrap();
        assert_eq!((crash.kind, crash.title().as_str()), (CrashKind::Unknown, "x"));
    }
}
