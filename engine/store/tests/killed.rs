//! `kill -9` of a process that writes: what it was told to be durable is there.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "test helpers are not marked as tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xrdtest_model::event::InstanceState;
use xrdtest_store::conformance::story::{Scribe, Story};
use xrdtest_store::{SqliteStore, Store};

const FOLDER: &str = "XRDTEST_STORE_TEST_FOLDER";
const KILLS: usize = 12;

/// Writes for ever, in batches of several sizes, several at a time, and says which numbers are durable.
async fn write_for_ever(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    let last = store.live_events().await.unwrap().last().map_or(0, |event| event.number);
    let mut scribe = Scribe::after(last);
    let story = Story::new(&format!("r{last}"), "s", 8);
    store.append(scribe.all(story.beginning())).await.unwrap();
    for round in 0.. {
        let count = 1 + round % 7;
        let batches = (0..count).map(|_| scribe.all(vec![story.instance(InstanceState::Active); count]));
        let appends: Vec<_> =
            batches.map(|batch| (batch.last().unwrap().number, store.append(batch))).collect();
        for (number, append) in appends {
            append.await.unwrap();
            println!("durable {number}");
        }
    }
}

/// The process that is killed; a test only by name.
#[tokio::test]
#[ignore = "run by the other test"]
async fn child() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_for_ever(&Path::new(&folder).join("store.db")).await;
    }
}

/// Runs the child until it has said so many things, kills it, and answers the last number that it said.
fn run_and_kill(folder: &Path, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = 0;
    let mut told = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // What it had said before it was killed is still in the pipe.
        if let Some(number) = line.unwrap().strip_prefix("durable ") {
            last = number.parse().unwrap();
            told += 1;
        }
        if told == lines {
            kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(told >= lines, "it ended by itself after {told}");
    last
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..KILLS {
        let acknowledged = run_and_kill(folder.path(), 1 + round * 5);
        let store = SqliteStore::open(&folder.path().join("store.db")).await.unwrap();
        store.examine().await.unwrap();
        let events = store.events(None, 0, u32::MAX).await.unwrap();
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        let gapless: Vec<u64> = (1..=u64::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, gapless);
        assert!(numbers.last() >= Some(&acknowledged), "{acknowledged} was durable");
        store.close().await;
    }
}
