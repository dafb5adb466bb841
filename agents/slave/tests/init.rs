//! The first process of a machine.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Init with a configuration whose log is standard error, a pipe, so that each start of an agent is an event to wait for.
fn start(folder: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let config = format!(
        "engine = '127.0.0.1:9'\nstate = '{0}/state'\nlog = '/dev/stderr'\nfunctions = '{0}/utils/functions.sh'\n\
         join_token_file = '{0}/token'\n",
        folder.display(),
    );
    fs::write(folder.join("slave.toml"), config).unwrap();
    let mut init = Command::new(env!("CARGO_BIN_EXE_xrdtest-slave"))
        .arg("init")
        .arg("--config")
        .arg(folder.join("slave.toml"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let lines = BufReader::new(init.stderr.take().unwrap()).lines().map_while(Result::ok);
    (init, lines)
}

fn boot_id(line: &str) -> Option<String> {
    Some(line.split_once("boot_id=")?.1.split_whitespace().next()?.to_owned())
}

fn children(of: u32) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap();
    children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
}

#[test]
fn the_agent_is_kept_running_and_ends_with_the_lifeline() {
    let folder = tempfile::tempdir().unwrap();
    // No engine answers there: the agent goes on trying.
    let secret = "00".repeat(32);
    fs::write(folder.path().join("token"), format!("xrdtest-join-1.{secret}.{secret}")).unwrap();
    let (mut init, mut lines) = start(folder.path());
    let first = lines.find_map(|line| boot_id(&line)).unwrap();
    assert!(folder.path().join("utils/functions.sh").exists());
    for _ in 0..2 {
        let agent = children(init.id());
        assert_eq!(agent.len(), 1);
        kill_process(agent[0], Signal::KILL).unwrap();
        let again = lines.find_map(|line| boot_id(&line)).unwrap();
        assert_eq!(again, first, "it is the same boot of the machine");
    }
    drop(init.stdin.take());
    assert!(init.wait().unwrap().success());
    // The agent had standard error open too, so its end is the end of both.
    assert_eq!(lines.find_map(|line| boot_id(&line)), None);
}

#[test]
fn a_broken_configuration_ends_it_in_words() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slave.toml"), "engine = 'nowhere'\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xrdtest-slave"))
        .arg("init")
        .arg("--config")
        .arg(folder.path().join("slave.toml"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("slave.toml is not valid") && words.contains("line 1, column 10"), "{words}");
}
