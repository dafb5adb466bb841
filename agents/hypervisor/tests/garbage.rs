//! What a killed process leaves, the next one removes; what a living one has, nobody touches.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Lab, cluster, config, eventually, instance, order, processes, traces};
use xrdtest_hypervisor::provider::Provider;
use xrdtest_hypervisor::sandbox::Sandbox;
use xrdtest_model::InstanceId;

const FOLDER: &str = "XRDTEST_TEST_HOLDER_FOLDER";
const INSTANCE: &str = "XRDTEST_TEST_HOLDER_INSTANCE";

/// No test of its own: another process that has machines, for those below, which start and kill it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests"]
async fn holder() {
    let Ok(folder) = std::env::var(FOLDER).map(PathBuf::from) else { return };
    let id = InstanceId::new(std::env::var(INSTANCE).unwrap());
    let (sandbox, _gone) = Sandbox::open(config(&folder)).await.unwrap();
    let (steps, _seen) = tokio::sync::mpsc::unbounded_channel();
    sandbox.start(order(&id, &cluster(3)), steps).await.unwrap();
    fs::write(folder.join(format!("up-{id}")), "").unwrap();
    std::future::pending::<()>().await;
}

fn start_holder(folder: &Path, id: &InstanceId) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--ignored"])
        .env(FOLDER, folder)
        .env(INSTANCE, id.as_str())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the holder's machines are up", || folder.join(format!("up-{id}")).exists());
    child
}

fn kill_hard(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_die_with_their_process_and_the_next_start_removes_the_rest() {
    let lab = Lab::new().await;
    let folder = lab.folder.path().to_owned();
    let (own, other) = (instance("own"), instance("other"));
    let _sockets = lab.start(&own, &cluster(2)).await.unwrap();
    let mut holder = start_holder(&folder, &other);

    // A third process comes up while both live: nothing is removed.
    Sandbox::open(config(&folder)).await.unwrap();
    assert_eq!(lab.good(&own, "m1.xrd.test", "echo alive"), "alive");
    assert!(processes(other.as_str()).len() >= 6, "runc and PID 1 of three machines");
    assert!(folder.join("state").join(other.as_str()).join("m3.xrd.test").exists());

    kill_hard(&mut holder);
    eventually("the killed process's machines end", || processes(other.as_str()).is_empty());
    assert!(folder.join("state").join(other.as_str()).exists(), "files stay until the next start");
    let opened = futures::future::join_all((0..8).map(|_| Sandbox::open(config(&folder)))).await;
    assert!(opened.iter().all(Result::is_ok));
    let left: Vec<_> =
        traces(other.as_str(), &folder).into_iter().filter(|trace| trace.contains(other.as_str())).collect();
    assert_eq!(left, [""; 0]);
    assert_eq!(lab.good(&own, "m2.xrd.test", "echo alive"), "alive");
    lab.sandbox.stop(&own).await.unwrap();
    assert_eq!(lab.left(&own), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn even_killed_together_with_every_runc_nothing_stays() {
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    let id = instance("all");
    let mut holder = start_holder(folder.path(), &id);
    let parent = holder.id().to_string();
    let stat = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let children: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|pid| {
            stat(pid).rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&parent))
        })
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert_eq!(children.len(), 3, "a runc per machine");
    kill_hard(&mut holder);
    for pid in children {
        // It may be gone already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    eventually("the machines end", || processes(id.as_str()).is_empty());
    Sandbox::open(config(folder.path())).await.unwrap();
    assert_eq!(traces(id.as_str(), folder.path()).into_iter().collect::<Vec<_>>(), [""; 0]);
}

/// Of the first machine of an instance, in any hierarchy.
fn cgroup(id: &InstanceId) -> PathBuf {
    let top = Path::new("/sys/fs/cgroup");
    let trees = fs::read_dir(top).unwrap().flatten().map(|entry| entry.path()).chain([top.to_owned()]);
    let groups = trees.flat_map(|tree| fs::read_dir(tree).into_iter().flatten().flatten());
    let is_it = |name: &str| name.contains(id.as_str()) && name.ends_with("m1.xrd.test");
    let mut found = groups.filter(|group| is_it(&group.file_name().to_string_lossy()));
    found.next().unwrap().path()
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_do_not_end_by_themselves_are_ended() {
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    let id = instance("stubborn");
    let mut holder = start_holder(folder.path(), &id);
    // A stopped PID 1 does not see the end of its lifeline.
    let pid =
        fs::read_to_string(folder.path().join("runtime").join(id.as_str()).join("pids/m1.xrd.test")).unwrap();
    kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGSTOP).unwrap();
    // Nor can a control group be removed while somebody's process is below it.
    let inner = cgroup(&id).join("inner");
    fs::create_dir(&inner).unwrap();
    let mut sleeper = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(inner.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    kill_hard(&mut holder);
    let (told, said) = std::sync::mpsc::channel();
    let opened =
        Sandbox::open_telling(config(folder.path()), move |words| told.send(words.to_owned()).unwrap());
    let opened = tokio::spawn(opened);
    // It is told while it is waited for: what is in the way ends only then.
    let words = tokio::task::spawn_blocking(move || said.recv().unwrap()).await.unwrap();
    let outer = inner.parent().unwrap().display().to_string();
    assert!(
        words.starts_with(&format!("waiting up to 5 s for what an earlier process left of {id}")),
        "{words}"
    );
    assert!(words.contains(&format!("find {outer} -name cgroup.procs")), "{words}");
    kill_hard(&mut sleeper);
    eventually("the inner control group is empty", || fs::remove_dir(&inner).is_ok());
    opened.await.unwrap().unwrap();
    eventually("the machine is ended", || processes(id.as_str()).is_empty());
    assert_eq!(traces(id.as_str(), folder.path()).into_iter().collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_survived_a_restart_of_this_machine_are_removed() {
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    let id = instance("restart");
    let mut holder = start_holder(folder.path(), &id);
    kill_hard(&mut holder);
    eventually("the machines end", || processes(id.as_str()).is_empty());
    // The runtime folder is in memory.
    fs::remove_dir_all(folder.path().join("runtime")).unwrap();
    let precious = folder.path().join("state/precious");
    fs::create_dir(&precious).unwrap();
    Sandbox::open(config(folder.path())).await.unwrap();
    assert!(!folder.path().join("state").join(id.as_str()).exists());
    assert!(precious.exists(), "only what is known to be ours is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_another_process_can_not_be_taken_over() {
    let lab = Lab::new().await;
    let id = instance("twice");
    let mut holder = start_holder(lab.folder.path(), &id);
    let error = lab.start(&id, &cluster(1)).await.unwrap_err().to_string();
    assert!(error.contains("is in use by another process"), "{error}");
    lab.sandbox.stop(&id).await.unwrap();
    assert!(processes(id.as_str()).len() >= 6, "the other process's machines go on");
    kill_hard(&mut holder);
    // Its name is free again as soon as it is dead, and what it left is no hindrance.
    let _sockets = lab.start(&id, &cluster(1)).await.unwrap();
    lab.good(&id, "m1.xrd.test", "true");
    lab.sandbox.stop(&id).await.unwrap();
    eventually("nothing is left", || lab.left(&id).is_empty());
}
