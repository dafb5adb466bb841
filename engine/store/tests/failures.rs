//! A full disk, a read-only folder, a torn file, another version: an end with words, and nothing acknowledged that is
//! not there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test helpers are not marked as tests"
)]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use xrdtest_model::event::InstanceState;
use xrdtest_store::conformance::story::{Scribe, Story};
use xrdtest_store::{SqliteStore, Store, StoreError};

const MOUNT: &str = "XRDTEST_STORE_TEST_MOUNT";

fn path(folder: &Path) -> PathBuf {
    folder.join("store.db")
}

/// A closed store with so many runs in it.
async fn filled(folder: &Path, runs: u32) {
    let store = SqliteStore::open(&path(folder)).await.unwrap();
    let mut scribe = Scribe::default();
    for run in 0..runs {
        let story = Story::new(&format!("r{run}"), "s", 8);
        store.append(scribe.all(story.whole())).await.unwrap();
    }
    store.close().await;
}

/// Changes the database in another way than the store does.
async fn tamper(folder: &Path, statements: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path(folder)).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.unwrap();
}

/// Opening has to fail with all of these words.
async fn expect_broken(folder: &Path, words: &[&str]) {
    let Err(StoreError::Broken(told)) = SqliteStore::open(&path(folder)).await else {
        panic!("it was opened")
    };
    println!("{told}");
    let place = path(folder).display().to_string();
    for word in words.iter().chain(&[place.as_str()]) {
        assert!(told.contains(word), "`{word}` is missing in: {told}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    expect_broken(&folder.path().join("none"), &["No such file", "See that the folder exists"]).await;
}

#[tokio::test]
async fn a_beginning_of_garbage_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).await;
    let file = OpenOptions::new().write(true).open(path(folder.path())).unwrap();
    file.write_all_at(&[0xa5; 200], 0).unwrap();
    expect_broken(folder.path(), &["file is not a database", "Move it away"]).await;
}

#[tokio::test]
async fn a_file_that_was_cut_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 20).await;
    let file = OpenOptions::new().write(true).open(path(folder.path())).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length / 2).unwrap();
    expect_broken(folder.path(), &["put back a backup"]).await;
}

#[tokio::test]
async fn garbage_anywhere_in_the_middle_is_found() {
    for part in 1..8 {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 20).await;
        let file = OpenOptions::new().write(true).open(path(folder.path())).unwrap();
        let length = file.metadata().unwrap().len();
        file.write_all_at(&[0xa5; 4096], length / 8 * part / 4096 * 4096).unwrap();
        expect_broken(folder.path(), &["put back a backup"]).await;
    }
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).await;
    tamper(folder.path(), r#"UPDATE events SET body = '{"event":"run_moved"}' WHERE number = 3"#).await;
    let store = SqliteStore::open(&path(folder.path())).await.unwrap();
    let told = store.events(None, 0, 10).await.unwrap_err().to_string();
    assert!(told.contains("event 3") && told.contains("run_moved"), "{told}");
    store.close().await;
}

#[tokio::test]
async fn a_newer_layout_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).await;
    tamper(folder.path(), "PRAGMA user_version = 99").await;
    expect_broken(folder.path(), &["newer xrdtest", "number 99", "Install that version"]).await;
}

#[tokio::test]
async fn the_database_of_another_program_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    tamper(folder.path(), "CREATE TABLE bookmarks (url TEXT)").await;
    expect_broken(folder.path(), &["another program"]).await;
}

#[tokio::test]
async fn two_at_once_is_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(&path(folder.path())).await.unwrap();
    let pid = format!("process {}", std::process::id());
    expect_broken(folder.path(), &["in use", &pid]).await;
    first.close().await;
    SqliteStore::open(&path(folder.path())).await.unwrap().close().await;
}

/// Runs a test of this file that is ignored otherwise where `FOLDER` is a file system of its own, of so many bytes.
fn in_a_small_world(test: &str, size: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size={size} tmpfs \"${MOUNT}\" && exec \"$0\" --exact {test} --ignored --nocapture"
    );
    // Root in a namespace of its own, whoever runs the tests: the mount is nobody else's.
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(MOUNT, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(told.contains("1 passed"), "it was not run");
}

#[test]
fn a_full_disk_ends_it_and_loses_nothing_acknowledged() {
    in_a_small_world("inner_full_disk", "3m");
}

#[tokio::test]
#[ignore = "run by the other test, where the disk is small"]
async fn inner_full_disk() {
    let folder = PathBuf::from(std::env::var_os(MOUNT).unwrap());
    let store = SqliteStore::open(&path(&folder)).await.unwrap();
    let mut scribe = Scribe::default();
    let story = Story::new("r1", "s", 8);
    store.append(scribe.all(story.beginning())).await.unwrap();
    let mut durable = store.live_events().await.unwrap();
    let told = loop {
        let batch = scribe.all(vec![story.instance(InstanceState::Active); 50]);
        match store.append(batch.clone()).await {
            Ok(()) => durable.extend(batch),
            Err(error) => break error,
        }
    };
    println!("{told}");
    assert!(matches!(told, StoreError::Broken(_)));
    for word in ["full", "Make room", "store.db"] {
        assert!(told.to_string().contains(word), "{told}");
    }
    // Room or not: what comes after an error is not acknowledged.
    let padding = folder.join("padding");
    let _ = fs::remove_file(&padding);
    let next = scribe.one(story.queued());
    assert_eq!(store.append(vec![next]).await, Err(told.clone()));
    assert_eq!(store.pin("r1".into(), true).await, Err(told));
    assert_eq!(store.events(None, 0, u32::MAX).await.unwrap(), durable, "what is durable can be read");
    store.close().await;
    drop(store);
    grow(&folder);
    let store = SqliteStore::open(&path(&folder)).await.unwrap();
    store.examine().await.unwrap();
    assert_eq!(store.events(None, 0, u32::MAX).await.unwrap(), durable);
    let last = durable.last().unwrap().number;
    store.append(vec![Scribe::after(last).one(story.instance(InstanceState::Active))]).await.unwrap();
    store.close().await;
}

fn grow(folder: &Path) {
    remount(folder, "remount,size=20m");
}

fn remount(folder: &Path, options: &str) {
    let done = Command::new("mount").args(["-o", options]).arg(folder).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_read_only_folder_is_named() {
    in_a_small_world("inner_read_only", "10m");
}

#[tokio::test]
#[ignore = "run by the other test, on a file system that can be made read-only"]
async fn inner_read_only() {
    let folder = PathBuf::from(std::env::var_os(MOUNT).unwrap());
    filled(&folder, 1).await;
    remount(&folder, "remount,ro");
    expect_broken(&folder, &["Read-only file system", "may write there"]).await;
}
