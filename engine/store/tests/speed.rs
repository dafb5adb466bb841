//! What a commit costs. `cargo test --release -p xrdtest-store --test speed -- --ignored --nocapture`
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::time::{Duration, Instant};

use xrdtest_model::Outcome;
use xrdtest_store::conformance::story::{Scribe, Story};
use xrdtest_store::{SqliteStore, Store};

const MACHINES: u8 = 250;
const BARRIERS: u32 = 100;

/// A write of so many bytes and a sync of the same disk, which nobody can go below.
fn sync(folder: &std::path::Path, bytes: usize) -> Duration {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("reference")).unwrap();
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let begin = Instant::now();
            file.write_all(&vec![7; bytes]).unwrap();
            file.sync_data().unwrap();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and needs a quiet machine and a release build"]
async fn a_barrier_of_250_machines() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).await.unwrap();
    let story = Story::new("20261122-101500-ab12", "ts_speed", MACHINES);
    let mut scribe = Scribe::default();
    store.append(scribe.all(story.beginning())).await.unwrap();
    let stage = xrdtest_store::conformance::story::CASE_RUN;
    let mut times = Vec::new();
    for _ in 0..BARRIERS {
        let mut bodies = story.done(stage, Outcome::Passed);
        bodies.push(story.begun(stage));
        let events = scribe.all(bodies);
        let begin = Instant::now();
        store.append(events).await.unwrap();
        times.push(begin.elapsed());
    }
    times.sort();
    let (size, wal) = (folder.path().join("store.db"), folder.path().join("store.db-wal"));
    let length = |path| std::fs::metadata(path).map_or(0, |file| file.len()) / 1024;
    println!(
        "250 outcomes and the next 250 orders, one commit: median {:?}, p99 {:?}, worst {:?}",
        times[50], times[98], times[99]
    );
    println!("file {} KiB, log {} KiB", length(&size), length(&wal));
    println!(
        "reference: 1 MiB and a sync {:?}, 4 KiB and a sync {:?}",
        sync(folder.path(), 1 << 20),
        sync(folder.path(), 4096)
    );
    assert!(times[50] < Duration::from_millis(100));
    store.close().await;
}
