//! Starts a script: the file itself is executed, as it is written.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use xrdtest_model::order::StageOrder;

use super::reboot::{AGENT_VARIABLE, RECORD_VARIABLE};
use crate::stage::{Assignment, StageFolder};

/// The search path of scripts.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Exit codes of shells for a command that was not found, and for one that can't be executed.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// The score that makes a script and what it starts go first where memory runs out: as if each process used this many
/// thousandths of all memory more than it does.
const EXPENDABLE: i32 = 300;
const OWN_SCORE: &str = "/proc/self/oom_score_adj";

/// A script that runs.
#[derive(Debug)]
pub struct Launched {
    /// Its process.
    pub pid: i32,
    /// What it writes to standard output and standard error.
    pub output: OwnedFd,
}

/// A script that was not started.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code that a shell would give, where the fault is the script's; `None`: it is the machine's.
    pub exit_code: Option<i32>,
    /// Why, in words.
    pub reason: String,
}

impl Refusal {
    fn machine(what: &str, error: impl Into<io::Error>) -> Self {
        Self {
            exit_code: None,
            reason: format!("the machine could not start the script: {what}: {}", error.into()),
        }
    }

    fn script(exit_code: i32, why: impl Into<String>) -> Self {
        Self { exit_code: Some(exit_code), reason: format!("cannot execute the script: {}", why.into()) }
    }
}

/// Starts the script of an assignment in the run's working directory.
///
/// # Errors
/// A [`Refusal`]: no process of the script has ever existed.
pub fn launch(folder: &StageFolder, assignment: &Assignment) -> Result<Launched, Refusal> {
    let script = write_script(folder.path(), &assignment.order)
        .map_err(|error| Refusal::machine("cannot write it", error))?;
    fs::create_dir_all(&assignment.work)
        .map_err(|error| Refusal::machine("cannot create its working directory", error))?;
    let null = File::open("/dev/null").map_err(|error| Refusal::machine("cannot open /dev/null", error))?;
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
        .map_err(|error| Refusal::machine("cannot create a pipe", error))?;
    let error_side = write.try_clone().map_err(|error| Refusal::machine("cannot create a pipe", error))?;
    let interpreter =
        interpreter(&assignment.order.script.text).map_err(|why| Refusal::script(NOT_EXECUTABLE, why))?;
    let mut command = Command::new(script);
    command
        .env_clear()
        .envs(environment(folder, assignment))
        .stdin(Stdio::from(null))
        .stdout(Stdio::from(write))
        .stderr(Stdio::from(error_side))
        .process_group(0);
    match spawn_in(&assignment.work, &mut command)? {
        Ok(child) => Ok(Launched { pid: i32::try_from(child.id()).unwrap_or(i32::MAX), output: read }),
        Err(error) => Err(refusal(&error, interpreter)),
    }
}

/// Writes the script under the name it has for people. This process has no other child, so no other process can hold
/// the file open for writing when it is executed.
fn write_script(folder: &Path, order: &StageOrder) -> io::Result<PathBuf> {
    let path = folder.join(file_name(&order.script.origin));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o700);
    options.open(&path)?.write_all(order.script.text.as_bytes())?;
    Ok(path)
}

/// The last part of where a script came from, if it can name a file of the folder without surprises; else `script`.
fn file_name(origin: &str) -> &str {
    let last = origin.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let good =
        last.len() <= 100 && last.chars().all(plain) && last.contains(|c: char| c.is_ascii_alphanumeric());
    if good && origin.contains('/') && !StageFolder::is_own(last) { last } else { "script" }
}

fn environment(
    folder: &StageFolder,
    assignment: &Assignment,
) -> impl Iterator<Item = (&'static str, OsString)> {
    let order = &assignment.order;
    let attempt = &order.attempt;
    let texts = [
        ("PATH", SEARCH_PATH.to_owned()),
        ("HOME", "/root".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("XRDTEST_RUN", attempt.run.to_string()),
        ("XRDTEST_SUITE", order.suite.clone()),
        ("XRDTEST_CASE", order.case.clone().unwrap_or_default()),
        ("XRDTEST_STAGE", attempt.stage.kind.to_string()),
        ("XRDTEST_MACHINE", attempt.machine.host.clone()),
        ("XRDTEST_ATTEMPT", attempt.number.to_string()),
    ]
    .map(|(name, value)| (name, OsString::from(value)));
    // What there is nothing to say about is not set.
    let more = [("XRDTEST_ALIASES", order.aliases.join(" ")), ("XRDTEST_FILES", assignment.files.clone())];
    let more = more.into_iter().filter(|(_, value)| !value.is_empty());
    let more = more.map(|(name, value)| (name, OsString::from(value)));
    let record = (RECORD_VARIABLE, folder.path().as_os_str().to_owned());
    texts.into_iter().chain(more).chain([record, (AGENT_VARIABLE, own_program())])
}

/// A path by which the script can run this program. Where its file was replaced, this process still has it.
fn own_program() -> OsString {
    match std::env::current_exe() {
        Ok(path) if path.exists() => path.into(),
        _ => format!("/proc/{}/exe", std::process::id()).into(),
    }
}

/// What the `#!` line names. The kernel takes spaces and tabs for white space there and nothing else, and some C
/// libraries run a shell when the kernel refuses a file, so what is no script is sorted out here.
fn interpreter(text: &str) -> Result<&str, &'static str> {
    let line = text.split('\n').next().unwrap_or_default();
    let Some(rest) = line.strip_prefix("#!") else {
        return Err("it does not begin with a `#!` line such as `#!/bin/bash`");
    };
    match rest.split([' ', '\t']).find(|word| !word.is_empty()) {
        Some(interpreter) => Ok(interpreter),
        None => Err("its `#!` line names no interpreter"),
    }
}

/// Starts the process in a directory. This process goes there for the moment, because a `Command` that is to change
/// the directory is, in a static program, started by a call that hands a file that the kernel refuses to a shell.
fn spawn_in(work: &Path, command: &mut Command) -> Result<io::Result<std::process::Child>, Refusal> {
    let go = |to: &Path| {
        std::env::set_current_dir(to)
            .map_err(|error| Refusal::machine(&format!("cannot go to {}", to.display()), error))
    };
    go(work)?;
    let started = as_expendable(|| spawn(command));
    // From here on this process stands in nobody's way.
    go(Path::new("/"))?;
    Ok(started)
}

/// Does something with a raised score, which a child inherits. Raising it and going back need no rights. Where the
/// system has no scores, or they are high enough already, nothing changes.
fn as_expendable<T>(start: impl FnOnce() -> T) -> T {
    let own = fs::read_to_string(OWN_SCORE).ok().and_then(|score| score.trim().parse::<i32>().ok());
    let own = own.filter(|score| *score < EXPENDABLE);
    let set = |score: i32| fs::write(OWN_SCORE, score.to_string());
    let raised = own.filter(|_| set(EXPENDABLE).is_ok());
    let result = start();
    if let Some(own) = raised {
        // The worst that comes of a failure is that this process is no more spared than the script.
        let _ = set(own);
    }
    result
}

/// Starts the process. "Text file busy" can't happen by what this program does, but a backup or a scanner may have
/// the file open for a moment.
fn spawn(command: &mut Command) -> io::Result<std::process::Child> {
    for _ in 0..100 {
        match command.spawn() {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::TXTBSY) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
    command.spawn()
}

/// The kernel takes a `#!` line of at most 255 bytes; a longer one need not be repeated.
fn shortened(interpreter: &str) -> String {
    let mut short: String = interpreter.chars().take(255).collect();
    if short.len() < interpreter.len() {
        short.push('…');
    }
    short
}

fn refusal(error: &io::Error, interpreter: &str) -> Refusal {
    let path = Path::new(interpreter);
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if interpreter.ends_with('\r') => Refusal::script(
            NOT_FOUND,
            format!(
                "its interpreter `{}` is followed by a carriage return: the file has the line ends of Windows",
                interpreter.trim_end_matches('\r')
            ),
        ),
        Some(Errno::NOENT) if path.exists() => Refusal::script(
            NOT_FOUND,
            format!("its interpreter `{interpreter}` exists, but the program that this one needs does not"),
        ),
        Some(Errno::NOENT) => {
            Refusal::script(NOT_FOUND, format!("its interpreter `{interpreter}` does not exist"))
        }
        Some(Errno::ACCESS) if path.is_dir() => {
            Refusal::script(NOT_EXECUTABLE, format!("its interpreter `{interpreter}` is a folder"))
        }
        Some(Errno::ACCESS | Errno::PERM) => Refusal::script(
            NOT_EXECUTABLE,
            format!(
                "its interpreter `{interpreter}` is not executable, or the file system allows no programs"
            ),
        ),
        Some(Errno::NOEXEC) => Refusal::script(
            NOT_EXECUTABLE,
            format!("its interpreter `{}` is not a program for this machine", shortened(interpreter)),
        ),
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            Refusal::machine("no room for another process", io::Error::other(error.to_string()))
        }
        _ => Refusal::script(NOT_EXECUTABLE, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts() {
        for (origin, name) in [
            ("suites/ts_001_mm/tc/copy_to/run.sh", "run.sh"),
            ("https://example.org/a/init.sh", "init.sh"),
            ("https://example.org/a/init.sh?x=1", "script"),
            ("inline", "script"),
            ("suites/..", "script"),
            ("suites/", "script"),
            ("", "script"),
            ("suites/ü.sh", "script"),
            ("suites/outcome", "script"),
            ("suites/accepted.sh", "script"),
            ("suites/accept.sh", "accept.sh"),
        ] {
            assert_eq!(file_name(origin), name, "{origin}");
        }
    }

    #[test]
    fn interpreters() {
        for (text, interpreter_or_none) in [
            ("#!/bin/bash\ntrue", Some("/bin/bash")),
            ("#! \t/usr/bin/env bash -e\n", Some("/usr/bin/env")),
            ("#!/bin/bash\r\ntrue", Some("/bin/bash\r")),
            ("#!/bin/bash", Some("/bin/bash")),
            ("#!\n/bin/bash", None),
            ("#!  \n", None),
            ("echo\n#!/bin/bash", None),
            ("\u{feff}#!/bin/bash", None),
            ("", None),
        ] {
            assert_eq!(interpreter(text).ok(), interpreter_or_none, "{text:?}");
        }
    }
}
