//! One machine: from a thread in namespaces of its own to a container, and its end.

use std::fs::{self, File};
use std::io::{PipeWriter, Read, Seek, SeekFrom, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use tokio::process::{Child, Command};
use xrdtest_model::plan::HostPlan;

use super::build::Blueprint;
use super::config;
use super::error::{OnPath, SandboxError};
use super::files;
use super::garbage::runc_root;
use super::namespace;
use super::network;
use super::root::Root;
use crate::relay::{AGENT_PORT, HTTP_PORT};

/// Bytes of a console that are looked through for its last words.
const CONSOLE_TAIL: u64 = 4096;
/// Characters of a console's line that an error shows at most.
const LONGEST_WORDS: usize = 200;

/// A machine whose container was started.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The host's name.
    pub(crate) host: String,
    /// The container's id, for `runc`.
    pub(crate) id: String,
    /// `runc`, which lives as long as the machine and cleans up after it.
    pub(crate) runc: Child,
    /// PID 1 reads the other end and ends when this one is closed. Only this process has it.
    pub(crate) lifeline: PipeWriter,
    /// Appears when PID 1 runs.
    pub(crate) pid_file: PathBuf,
    /// What `runc` and PID 1 write.
    pub(crate) console: PathBuf,
    /// The machine's network, open until the container has joined it.
    pub(crate) network: Arc<OwnedFd>,
}

/// Makes and starts a machine. Runs on a thread of its own: its namespaces become those of the machine's container.
/// Sends its network namespace and goes on when told that the cable is laid; `None` when that is never said.
pub(crate) fn launch(
    blueprint: &Blueprint,
    number: usize,
    host: &HostPlan,
    ready: Sender<(usize, Arc<OwnedFd>)>,
    go: &Receiver<()>,
) -> Result<Option<Launched>, SandboxError> {
    namespace::private_mounts().map_err(|e| SandboxError::step("make a mount namespace", e))?;
    let network = namespace::new_network()
        .map_err(|e| SandboxError::step("make a network namespace", e))
        .map(Arc::new)?;
    // Receiving ends when all have sent or failed, so this sender must not live on.
    let _ = ready.send((number, network.clone()));
    drop(ready);
    let files = blueprint.files.join(&host.name);
    fs::create_dir(&files).on("create", &files)?;
    let root = furnish(blueprint, host, &files)?;
    let disks = disks(host, &files)?;
    if go.recv().is_err() {
        return Ok(None);
    }
    network::configure(&blueprint.cluster.network, host)?;
    let spec = config::spec(&config::Machine {
        host: &host.name,
        root: root.target(),
        network: &namespace::path_of(&network),
        cgroup: &cgroup(blueprint, host),
        ram_kib: host.ram_kib,
        processes: blueprint.settings.processes,
        shared: &blueprint.settings.shared,
        disks: &disks,
        init: &blueprint.settings.init,
        arguments: &blueprint.settings.init_arguments,
        kernel: blueprint.kernel,
    });
    let path = files.join("config.json");
    spec.and_then(|spec| spec.save(&path)).map_err(std::io::Error::other).on("write", &path)?;
    run(blueprint, host, &files, network).map(Some)
}

/// The name of a machine's cgroup.
pub(crate) fn cgroup(blueprint: &Blueprint, host: &HostPlan) -> String {
    format!("xrdtest.{}.{}", blueprint.instance, host.name)
}

/// The machine's root with the files that it finds at its start, mounted.
fn furnish(blueprint: &Blueprint, host: &HostPlan, files: &Path) -> Result<Root, SandboxError> {
    let cluster = &blueprint.cluster;
    let root = Root::create(files, &blueprint.systems)?;
    for fresh in super::mounts::FRESH {
        root.empty(Path::new(fresh), 0o1777)?;
    }
    for hidden in blueprint.settings.hidden.iter().filter(|hidden| hidden.exists()) {
        root.empty(hidden, 0o755)?;
    }
    root.write("/etc/hosts", files::hosts(cluster, host).as_bytes(), 0o644)?;
    root.write("/etc/hostname", format!("{}\n", host.name).as_bytes(), 0o644)?;
    // Without a name server every question is answered from /etc/hosts or refused at once.
    root.write("/etc/resolv.conf", b"", 0o644)?;
    let slave = files::slave_config(cluster, host, AGENT_PORT, HTTP_PORT).map_err(|error| {
        SandboxError::step("write the slave agent's configuration", std::io::Error::other(error))
    })?;
    root.write(files::SLAVE_CONFIG, slave.as_bytes(), 0o600)?;
    let token = blueprint.tokens.get(&host.name).map_or("", String::as_str);
    root.write(files::JOIN_TOKEN, token.as_bytes(), 0o600)?;
    root.mount()?;
    Ok(root)
}

/// A folder per disk, and where the machine sees it.
fn disks(host: &HostPlan, files: &Path) -> Result<Vec<(PathBuf, PathBuf)>, SandboxError> {
    let mut disks = Vec::with_capacity(host.disks.len());
    for (number, disk) in host.disks.iter().enumerate() {
        let folder = files.join(format!("disk{number}"));
        fs::create_dir(&folder).on("create", &folder)?;
        disks.push((folder, PathBuf::from(&disk.mount_point)));
    }
    Ok(disks)
}

/// Starts the container from the calling thread's namespaces.
fn run(
    blueprint: &Blueprint,
    host: &HostPlan,
    files: &Path,
    network: Arc<OwnedFd>,
) -> Result<Launched, SandboxError> {
    let start = |error| SandboxError::step(format!("start `runc` for {}", host.name), error);
    let console = files.join("console.log");
    let output = File::create(&console).on("create", &console)?;
    let errors = output.try_clone().map_err(start)?;
    let (stdin, lifeline) = pipe().map_err(start)?;
    let id = format!("{}.{}", blueprint.instance, host.name);
    let pid_file = blueprint.pids().join(&host.name);
    let _runtime = blueprint.runtime.enter();
    let runc = Command::new(&blueprint.settings.runc)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .arg("--root")
        .arg(runc_root(&blueprint.folder))
        .arg("run")
        .arg("--bundle")
        .arg(files)
        .arg("--pid-file")
        .arg(&pid_file)
        .arg(&id)
        .stdin(Stdio::from(stdin))
        .stdout(output)
        .stderr(errors)
        // Ctrl-C at the terminal is for us: we end the machines in order.
        .process_group(0)
        .spawn()
        .map_err(start)?;
    Ok(Launched { host: host.name.clone(), id, runc, lifeline, pid_file, console, network })
}

/// How `runc`, and so the machine's PID 1, ended.
pub(crate) fn how_ended(status: &std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            // What runc makes of a signal.
            (Some(code), _) if code > 128 => format!("PID 1 was ended by signal {}", code - 128),
            (Some(code), _) => format!("PID 1 ended with code {code}"),
            (None, Some(signal)) => format!("the container's runc was ended by signal {signal}"),
            (None, None) => "for an unknown reason".to_owned(),
        },
        Err(error) => format!("for an unknown reason: {error}"),
    }
}

/// The last line of a console that is somebody's last words, shortened, with an introduction; empty where there is
/// none.
pub(crate) fn last_words(console: &Path) -> String {
    let read = || {
        let mut file = File::open(console)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_TAIL)))?;
        let mut bytes = Vec::new();
        file.take(CONSOLE_TAIL).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    last_words_of(&String::from_utf8_lossy(&read().unwrap_or_default()))
}

fn last_words_of(console: &str) -> String {
    let printable = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
    let mut lines = console.lines().rev().map(printable);
    let Some(line) = lines.find(|line| !line.trim().is_empty() && !is_log_line(line)) else {
        return String::new();
    };
    let mut words: String = line.trim().chars().take(LONGEST_WORDS).collect();
    if words.len() < line.trim().len() {
        words.push('…');
    }
    format!("; the last line of its console: {words}")
}

/// Whether the slave agent's log begins its lines like this: `2026-01-31T12:00:00.000000Z  WARN …`.
fn is_log_line(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_time = |word: &str| word.len() > 19 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    words.next().is_some_and(is_time)
        && words.next().is_some_and(|level| ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_one_line_and_no_log() {
        for (console, words) in [
            ("", ""),
            ("\n \n", ""),
            ("starting\ntwo\n\n", "; the last line of its console: two"),
            (
                "no room\n2026-01-31T12:00:00.000000Z  WARN no contact\n",
                "; the last line of its console: no room",
            ),
            ("2026-01-31T12:00:00.000000Z ERROR x\n", ""),
            (
                "2026-01-31T12:00:00.000000Z is no level\r\n",
                "; the last line of its console: 2026-01-31T12:00:00.000000Z is no level",
            ),
        ] {
            assert_eq!(last_words_of(console), words, "{console:?}");
        }
        let long = last_words_of(&"ü".repeat(300));
        assert_eq!(long, format!("; the last line of its console: {}…", "ü".repeat(200)));
    }
}
