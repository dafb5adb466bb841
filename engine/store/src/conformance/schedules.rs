//! What is kept of suites' starts.

use std::sync::Arc;

use xrdtest_model::Timestamp;

use super::again;
use crate::{LastStart, ScheduleRecord, Store, StoreError};

/// The last record of a suite is kept, over a restart too.
pub(super) async fn are_kept<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let record = |suite: &str, considered: u64, paused: Option<&str>| ScheduleRecord {
        suite: suite.to_owned(),
        considered: Timestamp::from_millis(considered),
        schedule: "0 3 * * *".to_owned(),
        paused: paused.map(str::to_owned),
        last: None,
    };
    let store = open("schedules").await?;
    assert_eq!(store.schedules().await?, []);
    store.keep_schedules(Vec::new()).await?;
    let (all, a, b) = (record("", 1, Some("alice")), record("a", 2, None), record("b", 3, Some("bob")));
    store.keep_schedules(vec![b.clone(), a, all.clone()]).await?;
    let last = |run: Option<&str>, reason: &str| {
        let run = run.map(xrdtest_model::RunId::new);
        Some(LastStart { start: Timestamp::from_millis(1), run, reason: reason.to_owned() })
    };
    let a = ScheduleRecord { last: last(Some("r1"), ""), ..record("a", 1, None) };
    let b = ScheduleRecord { last: last(None, "missed"), ..b };
    // One transaction of several records, in any order; what was kept of others stays.
    store.keep_schedules(vec![b.clone(), a.clone()]).await?;
    assert_eq!(store.schedules().await?, [all.clone(), a.clone(), b.clone()]);
    let store = again(open, "schedules", store).await?;
    assert_eq!(store.schedules().await?, [all, a, b]);
    store.close().await;
    Ok(())
}
