//! Back-traces: gdb is asked what a process did when it crashed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::Patience;

/// Bytes of a back-trace: the first ones.
const LONGEST: u64 = 1 << 20;
/// Frames of a thread: a stack that has overflowed has a hundred thousand.
const FRAMES: u32 = 256;
/// Processor time, in seconds: what ends a gdb whose agent was killed.
const PROCESSOR: u64 = 120;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Bytes of a function's name.
const LONGEST_NAME: usize = 200;

/// Functions that are only the way in which a program gives up.
const GIVING_UP: [&str; 14] = [
    "??",
    "raise",
    "__GI_raise",
    "abort",
    "__GI_abort",
    "pthread_kill",
    "__GI___pthread_kill",
    "__pthread_kill_implementation",
    "__pthread_kill_internal",
    "__assert_fail",
    "__GI___assert_fail",
    "__assert_fail_base",
    "__libc_message",
    "std::terminate",
];

/// Has the back-traces of all threads written to `target`; answers the bytes of it, and what cut it short, in words;
/// empty where nothing did.
///
/// # Errors
/// Why there is none, for people.
pub fn make(
    core: &Path,
    program: Option<&Path>,
    target: &Path,
    patience: &Patience,
) -> Result<(u64, String), String> {
    let output = create(target).map_err(|error| error.to_string())?;
    let started = start(core, program, &output);
    let mut gdb = started.map_err(|error| {
        let _ = fs::remove_file(target);
        match error.kind() {
            io::ErrorKind::NotFound => "no back-trace: there is no gdb on this machine".to_owned(),
            _ => format!("no back-trace: gdb could not be started: {error}"),
        }
    })?;
    let mut cut = String::new();
    let length = || output.metadata().map_or(0, |there| there.len());
    while matches!(gdb.try_wait(), Ok(None)) {
        if length() > LONGEST {
            cut = "the back-trace is cut off after 1 MiB".to_owned();
        } else if patience.is_over() {
            cut = format!("the back-trace is not complete: {}", patience.words());
        } else {
            std::thread::sleep(LOOK_AGAIN);
            continue;
        }
        end(&mut gdb);
        break;
    }
    if length() > LONGEST {
        cut = "the back-trace is cut off after 1 MiB".to_owned();
        output.set_len(LONGEST).map_err(|error| error.to_string())?;
    }
    if !cut.is_empty() {
        // Where that does not fit the note says it all the same.
        let _ = (&output).write_all(format!("\n[… {cut} …]\n").as_bytes());
    }
    Ok((length(), cut))
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).append(true).mode(0o600);
    let file = options.open(path)?;
    // An earlier agent may have begun one.
    file.set_len(0)?;
    Ok(file)
}

fn start(core: &Path, program: Option<&Path>, output: &File) -> io::Result<Child> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-nh", "-batch", "-ex", "set pagination off", "-ex", "set width 0"])
        .args(["-ex", &format!("set backtrace limit {FRAMES}"), "-ex", "thread apply all bt full"])
        .args(program)
        .arg(core)
        .env_clear()
        .envs([("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root")])
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0);
    let gdb = gdb.spawn()?;
    // It goes first where memory runs out, and it ends where this agent is killed. Both are only precautions.
    let _ = fs::write(format!("/proc/{}/oom_score_adj", gdb.id()), "1000");
    let limit = Rlimit { current: Some(PROCESSOR), maximum: Some(PROCESSOR) };
    let _ = rustix::process::prlimit(Some(Pid::from_child(&gdb)), Resource::Cpu, limit);
    Ok(gdb)
}

/// Kills gdb and what it started.
fn end(gdb: &mut Child) {
    // It is not reaped before this, so the number is still its own.
    let _ = rustix::process::kill_process_group(Pid::from_child(gdb), Signal::KILL);
    let _ = gdb.wait();
}

/// The innermost function of the thread that crashed, as far as it has a name and is the program's own doing; empty
/// where there is none.
pub fn function_of(trace: &str) -> String {
    // gdb shows the thread that crashed as the first, and that one last.
    let thread = trace.rsplit_once("\nThread 1 ").map_or(trace, |(_, thread)| thread);
    let names = thread.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
        number.parse::<u32>().ok()?;
        let rest = rest.trim_start();
        let rest = match rest.starts_with("0x") {
            true => rest.split_once(" in ")?.1,
            false => rest,
        };
        let name = rest.split_once(" (").map_or(rest, |(name, _)| name).trim();
        // `<signal handler called>` is none.
        (!name.is_empty() && !name.starts_with('<')).then_some(name)
    });
    let mut names = names;
    let name = names.find(|name| !GIVING_UP.contains(&name.trim_end_matches("()"))).unwrap_or_default();
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innermost_functions() {
        for (trace, function) in [
            (
                "#0  inner (p=0x0) at boom.c:3\n\nThread 1 (LWP 7):\n#0  inner (p=0x0) at boom.c:3\n#1  main",
                "inner",
            ),
            (
                "Thread 2 (LWP 8):\n#0  wait () from x\n\nThread 1 (LWP 7):\n#0  0x00007f in read_loop () from /lib/x",
                "read_loop",
            ),
            (
                "\nThread 1 (LWP 7):\n#0  __pthread_kill_implementation (a=1) at x.c:44\n        tid = 7\n\
                 #1  0x7 in __GI_raise (sig=6) at x\n#2  0x7 in abort () from x\n#3  0x7 in XrdSys::Stop(int) (this=0x1)",
                "XrdSys::Stop(int)",
            ),
            ("\nThread 1 (LWP 7):\n#0  <signal handler called>\n#1  0x0 in ?? ()\n", ""),
            ("Core was generated by `x'.\n", ""),
        ] {
            assert_eq!(function_of(trace), function, "{trace}");
        }
    }

    #[test]
    fn patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("trace");
        // A gdb that has only just begun is ended as one that hangs.
        match make(Path::new("/dev/zero"), None, &target, &Patience::of_seconds(0)) {
            Ok((_, cut)) => assert!(cut.is_empty() || cut.contains("not complete"), "{cut}"),
            Err(refusal) => assert!(refusal.contains("no gdb"), "{refusal}"),
        }
    }
}
