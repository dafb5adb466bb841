//! The end of a record.

use std::sync::Arc;

use xrdtest_model::chronicle::{Subject, SubjectKind};
use xrdtest_model::event::InstanceState;
use xrdtest_model::{EventBody, Verdict};

use super::again;
use super::story::{Scribe, Story};
use crate::{RunFilter, Store, StoreError};

/// Nothing of a removed run is told any more, everything of others is, and its numbers are not used again.
pub(super) async fn leaves_nothing_of_a_run<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("removal").await?;
    let mut scribe = Scribe::default();
    let (one, two) = (Story::new("r1", "s", 2), Story::new("r10", "s", 2));
    store.append(scribe.all(two.whole())).await?;
    let kept = scribe.all(one.whole());
    let last = kept.last().map_or(0, |event| event.number);
    store.append(kept).await?;
    store.remove_run("unknown".into()).await?;
    let others = (store.events(Some("r10".into()), 0, 1000).await?, store.outputs("r10".into()).await?);
    store.remove_run("r1".into()).await?;
    store.remove_run("r1".into()).await?;
    let store = again(open, "removal", store).await?;
    assert_eq!(store.run("r1".into()).await?, None);
    assert_eq!(store.runs(RunFilter::default()).await?.len(), 1);
    assert_eq!(store.events(Some("r1".into()), 0, 1000).await?, []);
    assert_eq!(store.outputs("r1".into()).await?, []);
    let subject = |kind, name: &str| Subject { kind, name: name.to_owned() };
    for gone in [subject(SubjectKind::Job, "r1"), subject(SubjectKind::Slave, "r1.0/ds1.xrd.test")] {
        assert_eq!(store.history(gone.clone(), 100).await?, [], "{gone:?}");
    }
    for kept in [subject(SubjectKind::Job, "r10"), subject(SubjectKind::Slave, "r10.0/ds1.xrd.test")] {
        assert!(!store.history(kept.clone(), 100).await?.is_empty(), "{kept:?}");
    }
    let present = store.states(SubjectKind::Suite).await?;
    assert!(!present.is_empty(), "a suite has a state, whatever is removed");
    let history = store.history(subject(SubjectKind::Suite, "s"), 100).await?;
    assert_eq!(history.first(), present.first(), "and its history begins with it");
    let left = (store.events(Some("r10".into()), 0, 1000).await?, store.outputs("r10".into()).await?);
    assert_eq!(left, others);
    let live = store.live_events().await?;
    assert_eq!(live.last().map(|event| event.number), Some(last), "numbers go on");
    let next = scribe.one(EventBody::RunTimedOut { run: "r1".into() });
    store.append(vec![next]).await?;
    store.close().await;
    Ok(())
}

/// What was started by hand goes with the runs of its time, once it is stopped.
pub(super) async fn takes_what_was_started_by_hand(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let [old, stopped, goes_on, new] =
        ["old", "stopped", "goes-on", "new"].map(|name| Story::new(name, "s", 1));
    let mut scribe = Scribe::default();
    store.append(scribe.all(old.whole())).await?;
    store.append(scribe.all([stopped.by_hand(), goes_on.by_hand()].concat())).await?;
    store.append(scribe.all(stopped.end().into_iter().skip(1))).await?;
    store.append(scribe.all(new.whole())).await?;
    let events = |story: &Story| store.events(Some(story.instance.as_str().into()), 0, 100);
    let before = events(&goes_on).await?;
    assert!(!before.is_empty() && !events(&stopped).await?.is_empty());
    store.remove_run("old".into()).await?;
    assert_eq!(events(&stopped).await?, []);
    assert_eq!(events(&goes_on).await?, before);
    let machine = |story: &Story| Subject { kind: SubjectKind::Slave, name: story.machine(0).to_string() };
    assert_eq!(store.history(machine(&stopped), 100).await?, []);
    assert!(!store.history(machine(&goes_on), 100).await?.is_empty());
    store.append(scribe.all([goes_on.instance(InstanceState::Stopped)])).await?;
    store.remove_run("new".into()).await?;
    assert!(!events(&goes_on).await?.is_empty(), "of the journal's last event everything is left");
    store.close().await;
    Ok(())
}

/// A run that is not over, and one whose instance may be left, can't be removed.
pub(super) async fn refuses_what_is_not_over(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let story = Story::new("r1", "s", 1);
    let mut scribe = Scribe::default();
    store.append(scribe.all(story.beginning())).await?;
    let refused = |answer: Result<(), StoreError>| {
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    };
    refused(store.remove_run("r1".into()).await);
    store.append(scribe.all([story.over(Verdict::Passed, "")])).await?;
    refused(store.remove_run("r1".into()).await);
    let last = story.end().into_iter().last();
    store.append(scribe.all(last)).await?;
    store.remove_run("r1".into()).await?;
    store.close().await;
    Ok(())
}
