//! Stores that were written by older programs, kept as they wrote them: `kept/layout-N.sqlite` is of a real engine whose
//! layout was number N. Files are added when a layout is released, and never changed.
//!
//! `layout-1.sqlite`: 4 runs of a suite on 3 fakes: one failed and pinned, one cancelled, one failed, one going on when
//! the engine was killed; join tokens, used and unused.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{ConnectOptions, Connection};
use xrdtest_model::chronicle::SubjectKind;
use xrdtest_model::{Timestamp, Verdict};
use xrdtest_store::sqlite::inspect::inspect;
use xrdtest_store::{RunFilter, SqliteStore, Store};

const FIRST: &str = "20261127-181311-sim-af877d63";
const GOING_ON: &str = "20261127-181414-sim-fc10c95e";

/// A copy that may be changed.
fn kept(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join("store.sqlite");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(name);
    std::fs::copy(kept, &path).unwrap();
    path
}

/// Number and body of each event as they lie in the file.
async fn as_written(path: &Path) -> Vec<(i64, Value)> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let rows: Vec<(i64, String)> = sqlx::query_as("SELECT number, body FROM events ORDER BY number")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows.into_iter().map(|(number, body)| (number, serde_json::from_str(&body).unwrap())).collect()
}

/// Whether all of `old` is in `new`, which may have more fields.
fn holds(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).map_or(old.is_null(), |new| holds(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| holds(new, old))
        }
        (new, old) => new == old,
    }
}

#[tokio::test]
async fn a_store_of_the_first_layout_is_brought_to_the_present_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path(), "layout-1.sqlite");
    let written = as_written(&path).await;
    let before = inspect(&path, u64::MAX).await.unwrap();
    assert!(before.layout == 1 && before.newest > 1 && before.examined, "{before:?}");

    let store = SqliteStore::open(&path).await.unwrap();
    let events = store.events(None, 0, 1000).await.unwrap();
    assert_eq!((events.len(), written.len()), (173, 173));
    for (event, (number, old)) in events.iter().zip(&written) {
        assert_eq!(i64::try_from(event.number).unwrap(), *number);
        let new = serde_json::to_value(&event.body).unwrap();
        assert!(holds(&new, old), "event {number} was {old:#} and is read as {new:#}");
    }
    runs_are_all_there(&store).await;
    let live = store.live_events().await.unwrap();
    assert!(live.iter().any(|event| serde_json::to_string(event).unwrap().contains(GOING_ON)));
    store.examine().await.unwrap();
    // It is written to like any other.
    store.evidence_removed(FIRST.into(), Timestamp::from_millis(1), None).await.unwrap();
    assert!(store.run(FIRST.into()).await.unwrap().unwrap().evidence_removed.is_some());
    store.close().await;
    let after = inspect(&path, u64::MAX).await.unwrap();
    assert_eq!((after.layout, after.last_event), (after.newest, before.last_event));
}

async fn runs_are_all_there(store: &SqliteStore) {
    let runs = store.runs(RunFilter::default()).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.run.as_str(), run.verdict, run.pinned)).collect();
    let is = [
        (GOING_ON, None, false),
        ("20261127-181337-sim-56c38af0", Some(Verdict::Failed), false),
        ("20261127-181321-sim-babd58e1", Some(Verdict::Cancelled), false),
        (FIRST, Some(Verdict::Failed), true),
    ];
    assert_eq!(told, is);
    let first = store.run(FIRST.into()).await.unwrap().unwrap();
    assert_eq!(first.trigger, "root: the first");
    assert_eq!(first.reason, "1 of 2 cases did not pass: c2 failed: run failed on m2.xrd.test (exit code 3)");
    assert_eq!(first.finished, Some(Timestamp::from_millis(1_795_803_200_080)));
    assert_eq!(first.evidence_bytes, 2048);
    let outputs = store.outputs(FIRST.into()).await.unwrap();
    let outputs: Vec<_> =
        outputs.iter().map(|output| (output.file.as_str(), output.length, output.complete)).collect();
    let file = |stage| format!("outputs/{stage}/m1.xrd.test.log");
    assert_eq!(outputs, [(file("03-c1-run").as_str(), 1024, true), (file("06-c2-run").as_str(), 1024, true)]);
    // Told from the events, as the table did not exist then.
    let cases = store.cases("sim".to_owned(), 100).await.unwrap();
    assert_eq!(cases.len(), 7, "{cases:?}");
    let states = store.states(SubjectKind::Suite).await.unwrap();
    assert!(states.iter().any(|state| state.subject.name == "sim"), "{states:?}");
    let tokens = store.tokens(Timestamp::from_millis(0)).await.unwrap();
    assert!(
        tokens.iter().any(|token| token.identity == "xrdtest:slave/external/node7.example.org"),
        "{tokens:?}"
    );
    assert_eq!(tokens.iter().filter(|token| token.used.is_some()).count(), 5);
}

#[tokio::test]
async fn a_copy_of_it_is_as_old_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path(), "layout-1.sqlite");
    let to = folder.path().join("copy.sqlite");
    xrdtest_store::sqlite::inspect::copy(&path, &to).await.unwrap();
    assert_eq!(inspect(&to, u64::MAX).await.unwrap(), inspect(&path, u64::MAX).await.unwrap());
    assert_eq!(as_written(&to).await, as_written(&path).await);
}

#[tokio::test]
async fn a_store_that_is_newer_than_the_program_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path(), "layout-1.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = options.connect().await.unwrap();
    sqlx::query("PRAGMA user_version = 4711").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    for words in [SqliteStore::open(&path).await.unwrap_err(), inspect(&path, 0).await.unwrap_err()] {
        let words = words.to_string();
        assert!(
            words.contains("was written by a newer xrdtest (its layout is number 4711, this one knows up to"),
            "{words}"
        );
        assert!(words.contains("Install that version again, or a later one"), "{words}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "it was changed");
}
