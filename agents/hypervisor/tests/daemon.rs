//! The daemon as a process: how it starts, is stopped, killed, held up, and left alone by its engine.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::engine::{Engine, Session, soon, start};
use support::{INIT, eventually, instance, processes, traces};
use xrdtest_model::InstanceId;
use xrdtest_model::event::InstanceStep;
use xrdtest_protocol::message::{EngineToHypervisor, HypervisorToEngine};

/// A daemon's folders, and its process.
struct Daemon {
    folder: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    /// Starts a daemon that joins with a token from a file.
    async fn join(engine: &Engine, more: &str) -> (Self, Session) {
        let folder = tempfile::tempdir_in("/var/lib").unwrap();
        let token = engine.authority.new_token().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("token"), token.to_string()).unwrap();
        let config = format!(
            "engine = 'localhost:{}'\njoin_token_file = '{}'\nstate = '{}'\nlog = '{}'\n{more}\n[sandbox]\n\
             state = '{}'\nruntime = '{}'\ninit = '/bin/sh'\ninit_arguments = ['-c', '{INIT}']\n",
            engine.address.port(),
            path("token").display(),
            path("own").display(),
            path("log").display(),
            path("state").display(),
            path("runtime").display(),
        );
        fs::write(path("hypervisor.toml"), config).unwrap();
        let process = command(&path("hypervisor.toml")).spawn().unwrap();
        let daemon = Self { folder, process };
        engine.let_join(&token, "h1").await;
        let session = engine.hypervisor().await;
        assert!(!daemon.path("token").exists(), "a used token is removed");
        (daemon, session)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_again(&mut self) {
        self.process = command(&self.path("hypervisor.toml")).spawn().unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the end; returns the exit code, which a process that a signal ended does not have.
    fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        eventually("the daemon ends", || {
            code = self.process.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn left(&self, id: &InstanceId) -> Vec<String> {
        traces(id.as_str(), self.folder.path()).into_iter().collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Where a test failed: it takes its machines along.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(config: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest-hypervisor"));
    command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

async fn made(session: &mut Session, name: &str) -> InstanceId {
    let id = instance(name);
    session.orders.send(&start(&id)).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Made { instance: id.clone() });
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn it_joins_works_and_takes_everything_away_when_told_to_stop() {
    let engine = Engine::new();
    let (mut daemon, mut session) = Daemon::join(&engine, "log_format = 'json'").await;
    let id = made(&mut session, "daemon").await;
    assert!(session.steps.contains(&InstanceStep::CreatingSlaves));

    let second = command(&daemon.path("hypervisor.toml")).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(words.contains(&format!("process {}", daemon.process.id())), "{words}");

    // Whoever rotates logs moves the file away and sends HUP.
    fs::rename(daemon.path("log"), daemon.path("log.1")).unwrap();
    daemon.signal(Signal::SIGHUP);
    eventually("the log goes on in a new file", || daemon.path("log").exists());

    daemon.signal(Signal::SIGTERM);
    assert_eq!(session.report().await, HypervisorToEngine::Stopped { instance: id.clone() });
    assert_eq!(session.report().await, HypervisorToEngine::Goodbye);
    assert_eq!(daemon.ended(), Some(0));
    assert_eq!(daemon.left(&id), [""; 0]);
    assert!(daemon.log().lines().all(|line| line.starts_with('{')), "{}", daemon.log());

    // It keeps its credentials: the next start needs no token.
    daemon.start_again();
    let session = engine.hypervisor().await;
    assert_eq!(session.instances, []);
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.ended(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_its_machines_die_and_the_next_start_cleans_up() {
    let engine = Engine::new();
    let (mut daemon, mut session) = Daemon::join(&engine, "").await;
    let id = made(&mut session, "killed").await;
    daemon.signal(Signal::SIGKILL);
    assert_eq!(daemon.ended(), None);
    eventually("its machines end", || processes(id.as_str()).is_empty());
    daemon.start_again();
    let mut session = engine.hypervisor().await;
    assert_eq!(session.instances, []);
    assert_eq!(daemon.left(&id), [""; 0]);
    // The engine may not know yet, and orders what it would have ordered.
    session.orders.send(&EngineToHypervisor::StopInstance { instance: id.clone() }).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Stopped { instance: id });
    made(&mut session, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_up_for_a_while_it_goes_on_and_for_long_it_comes_back() {
    let engine = Engine::new();
    let (daemon, mut session) = Daemon::join(&engine, "").await;
    let id = made(&mut session, "held").await;

    daemon.signal(Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_secs(3)).await;
    daemon.signal(Signal::SIGCONT);
    session.orders.send(&start(&id)).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Made { instance: id.clone() });
    assert!(session.link.close_reason().is_none(), "the connection is the same");

    daemon.signal(Signal::SIGSTOP);
    soon("the engine gives the connection up", session.link.closed()).await;
    let pid_of = |host: &str| {
        fs::read_to_string(daemon.path("runtime").join(id.as_str()).join("pids").join(host)).unwrap()
    };
    // What happens meanwhile is told afterwards.
    let pid = pid_of("m2.xrd.test").trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    daemon.signal(Signal::SIGCONT);
    let mut session = engine.hypervisor().await;
    assert_eq!(session.instances, [(id.clone(), true)]);
    let HypervisorToEngine::MachineGone { instance, host, .. } = session.report().await else {
        panic!("the machine's end was not told")
    };
    assert_eq!((instance, host.as_str()), (id.clone(), "m2.xrd.test"));
    session.orders.send(&EngineToHypervisor::StopInstance { instance: id.clone() }).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Stopped { instance: id.clone() });
    assert_eq!(daemon.left(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_instances_live_as_long_as_their_lease() {
    let engine = Engine::new();
    let (daemon, mut session) = Daemon::join(&engine, "lease = '8s'").await;
    let id = made(&mut session, "lease").await;

    // Back in time: everything is as it was, and the lease begins anew.
    let address = engine.down().await;
    drop(session);
    let engine = Engine::up_again(address).await;
    let session = engine.hypervisor().await;
    assert_eq!(session.instances, [(id.clone(), true)]);

    let address = engine.down().await;
    drop(session);
    // With its files: as long as anything of it is there, the agent says so.
    eventually("the instance is gone", || daemon.left(&id).is_empty());
    let engine = Engine::up_again(address).await;
    let mut session = engine.hypervisor().await;
    assert_eq!(session.instances, []);
    let HypervisorToEngine::Failed { instance, detail } = session.report().await else {
        panic!("the lease's end was not told")
    };
    assert_eq!(instance, id);
    assert!(detail.contains("the engine was silent for 8 s"), "{detail}");
    assert!(daemon.log().contains("the lease is over"), "{}", daemon.log());
    eventually("nothing is left", || daemon.left(&id).is_empty());
}

#[test]
fn mistakes_are_told_in_words() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_xrdtest-hypervisor")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("h.toml");
    fs::write(&file, "engine = 'e:1'\nlaese = '1h'\n").unwrap();
    for (arguments, words) in [
        (vec!["--config", "/nowhere.toml"], "cannot read the configuration /nowhere.toml"),
        (vec!["--config", file.to_str().unwrap()], "line 2, column 1"),
        (vec!["--engine", "nowhere"], "HOST:PORT"),
    ] {
        let (code, said) = run(&arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
