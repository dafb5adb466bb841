//! What `kernel.core_pattern` says: where the kernel puts core dumps.

use glob::Pattern as Glob;

/// Where core dumps go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// To a program, which the kernel starts outside of all containers; or to a socket.
    Program(String),
    /// To files with an absolute path: a glob.
    Folder(String),
    /// To files beside the process, in its working directory. The name is a glob; the folder before it, which is mostly
    /// empty, is relative to that directory.
    Beside {
        /// `cores`, or empty.
        folder: String,
        /// `core`, `core.*`.
        name: String,
    },
    /// Nowhere: the pattern is empty.
    Nowhere,
}

impl Pattern {
    /// Reads a pattern. `uses_pid`: `kernel.core_uses_pid`, which adds the process's number where the pattern has none.
    pub fn parse(text: &str, uses_pid: bool) -> Self {
        let text = text.trim_end_matches('\n');
        if text.starts_with(['|', '@']) {
            return Self::Program(text.to_owned());
        }
        if text.is_empty() && !uses_pid {
            return Self::Nowhere;
        }
        let (mut glob, has_pid) = glob_of(text);
        if uses_pid && !has_pid {
            glob.push_str(".*");
        }
        if text.starts_with('/') {
            return Self::Folder(glob);
        }
        match glob.rsplit_once('/') {
            Some((folder, name)) => Self::Beside { folder: folder.to_owned(), name: name.to_owned() },
            None => Self::Beside { folder: String::new(), name: glob },
        }
    }

    /// Whether the program is systemd's, which keeps core dumps in a folder of the system that it runs on.
    pub fn is_systemd(&self) -> bool {
        matches!(self, Self::Program(text) if text.contains("systemd-coredump"))
    }
}

/// The pattern as a glob, and whether it holds the process's number.
fn glob_of(text: &str) -> (String, bool) {
    let (mut glob, mut has_pid) = (String::new(), false);
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match (char, if char == '%' { rest.next() } else { None }) {
            ('%', Some('%')) => glob.push('%'),
            ('%', Some(kind)) => {
                has_pid |= matches!(kind, 'p' | 'P' | 'i' | 'I');
                if !glob.ends_with('*') {
                    glob.push('*');
                }
            }
            // A single one at the end is dropped by the kernel.
            ('%', None) => {}
            _ => glob.push_str(&Glob::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    (glob, has_pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let beside = |folder: &str, name: &str| Pattern::Beside { folder: folder.into(), name: name.into() };
        let folder = |glob: &str| Pattern::Folder(glob.to_owned());
        for (text, uses_pid, expected) in [
            ("core\n", false, beside("", "core")),
            ("core", true, beside("", "core.*")),
            ("core.%p", true, beside("", "core.*")),
            ("%e%p-100%%%", false, beside("", "*-100%")),
            ("cores/core.%e", false, beside("cores", "core.*")),
            ("/var/crash/core.%e.%p.%t", false, folder("/var/crash/core.*.*.*")),
            ("/c[1]/%h/core", false, folder("/c[[]1[]]/*/core")),
            ("", false, Pattern::Nowhere),
            ("", true, beside("", ".*")),
            ("|/usr/share/apport/apport %p", false, Pattern::Program("|/usr/share/apport/apport %p".into())),
            ("@/run/cores.sock", false, Pattern::Program("@/run/cores.sock".into())),
        ] {
            assert_eq!(Pattern::parse(text, uses_pid), expected, "{text}");
        }
        assert!(Pattern::parse("|/usr/lib/systemd/systemd-coredump %P", false).is_systemd());
        assert!(!Pattern::parse("|/usr/share/apport/apport", false).is_systemd());
    }
}
