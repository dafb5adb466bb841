//! The SQLite back-end.

use xrdtest_model::Event;
use xrdtest_store::{SqliteStore, Store};

const GOLDEN: &str = include_str!("../../model/tests/golden/events-1.jsonl");

fn golden() -> Vec<Event> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_journal_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(golden()).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.events(None, 0, 1000).await.unwrap(), golden());
    let runs = store.runs(xrdtest_store::RunFilter::default()).await.unwrap();
    println!("{runs:#?}\n{:#?}", store.outputs(runs[0].run.clone()).await.unwrap());
    println!("{:?}", store.live_events().await.unwrap().len());
    store.remove_run(runs[0].run.clone()).await.unwrap();
    println!("{:?}", store.live_events().await.unwrap().len());
    store.examine().await.unwrap();
}
