//! The SQLite back-end, beside what failures do to it (`failures`), kills (`killed`) and time (`speed`).
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::sync::Arc;

use futures::future::join_all;
use sqlx::{ConnectOptions, Connection, Executor};
use xrdtest_model::Event;
use xrdtest_store::conformance::story::{Scribe, Story};
use xrdtest_store::conformance::{self};
use xrdtest_store::outbox::DeliveryOrder;
use xrdtest_store::{Outbox, RunFilter, SqliteStore, Store};

const GOLDEN: &str = include_str!("../../model/tests/golden/events-1.jsonl");

fn golden() -> Vec<Event> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn it_does_what_the_interface_promises() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &'static str| {
        let path = folder.path().join(name);
        async move {
            let store = SqliteStore::open(&path).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        }
    };
    conformance::check(open).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_event_is_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(golden()).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.events(None, 0, 1000).await.unwrap(), golden());
    store.examine().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_is_pending_at_the_same_time_shares_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).await.unwrap();
    let events = Scribe::default().all(Story::new("r1", "s", 100).whole());
    let count = u64::try_from(events.len()).unwrap();
    assert!(count > 500);
    let before = store.commits();
    let answers = join_all(events.into_iter().map(|event| store.append(vec![event]))).await;
    assert!(answers.iter().all(Result::is_ok));
    let commits = store.commits() - before;
    assert!((1..=count / 20).contains(&commits), "{commits} transactions for {count} requests");
    store.close().await;
}

/// Statements have room for powers of two of rows.
#[tokio::test]
async fn any_number_of_events_at_once_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).await.unwrap();
    let many = Scribe::default().all(Story::new("r1", "s", 250).whole());
    let mut rest = &many[..];
    for count in [1, 2, 3, 4, 5, 127, 128, 129, 255, 256, 257].into_iter().chain(std::iter::repeat(600)) {
        let (chunk, left) = rest.split_at(count.min(rest.len()));
        store.append(chunk.to_vec()).await.unwrap();
        rest = left;
        if rest.is_empty() {
            break;
        }
    }
    assert!(many.len() > 1300, "{}", many.len());
    assert_eq!(store.events(None, 0, 10_000).await.unwrap(), many);
    store.close().await;
}

#[tokio::test]
async fn a_store_that_was_not_closed_is_opened_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for last in 0..3 {
        let store = SqliteStore::open(&path).await.unwrap();
        let story = Story::new(&format!("r{last}"), "s", 1);
        store.append(vec![Scribe::after(last).one(story.queued())]).await.unwrap();
    }
}

/// Brings back what layout 11 took away.
const KINDS: &str = "ALTER TABLE events ADD COLUMN kind TEXT GENERATED ALWAYS AS (body ->> 'event') VIRTUAL;";

/// What the tables of trends hold is in the events of stores that are older than these tables.
#[tokio::test]
async fn an_older_store_has_its_cases_and_numbers_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(golden()).await.unwrap();
    let suite = store.runs(RunFilter::default()).await.unwrap()[0].suite.clone();
    let told =
        (store.cases(suite.clone(), 100).await.unwrap(), store.metrics(suite.clone(), 100).await.unwrap());
    assert!(!told.0.is_empty() && !told.1.is_empty(), "{told:?}");
    store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = options.connect().await.unwrap();
    // What came later is undone as well.
    let back = format!(
        "{KINDS} DROP TABLE cases; DROP TABLE metrics; DROP INDEX transitions_of_physical; DROP INDEX runs_going_on; \
         DROP INDEX runs_of_verdict; DROP INDEX runs_of_suite_and_verdict; \
         DROP TABLE deliveries; DROP TABLE considered; DROP TABLE revocations; PRAGMA user_version = 5"
    );
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(back))).await.unwrap();
    connection.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let again = (store.cases(suite.clone(), 100).await.unwrap(), store.metrics(suite, 100).await.unwrap());
    assert_eq!(again, told);
    store.close().await;
}

/// Mails that an engine of the time before webhooks had not sent.
#[tokio::test]
async fn an_older_store_has_its_mails_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = options.connect().await.unwrap();
    let back = format!(
        "{KINDS} DROP TABLE deliveries; DROP TABLE considered; DROP TABLE revocations; {} \
         INSERT INTO mails VALUES (4, 'r1', 'case-0', 'a@b', '{{}}', 10, 2, 50, 'refused'); \
         INSERT INTO mail_considered VALUES (0, 17); PRAGMA user_version = 7",
        include_str!("../src/sqlite/migrations/0007_mail.sql")
    );
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(back))).await.unwrap();
    connection.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let [kept] = &store.deliveries("mail".to_owned(), DeliveryOrder::Due, 10).await.unwrap()[..] else {
        panic!("one mail was there")
    };
    assert_eq!((kept.id, kept.attempts, kept.error.as_str()), (4, 2, "refused"));
    assert_eq!((kept.delivery.recipient.as_str(), kept.delivery.about.as_str()), ("a@b", "case-0"));
    assert_eq!(store.tell_targets(vec!["mail".to_owned()], 99).await.unwrap(), [17]);
    store.close().await;
}
