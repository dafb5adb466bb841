//! The journal: in order, without gaps, all or nothing, for ever.

use std::sync::Arc;

use super::again;
use super::story::{Scribe, Story};
use crate::{Store, StoreError};

/// What was appended is told as it was, also after the store was closed, and numbers go on.
pub(super) async fn is_kept_in_order<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("journal").await?;
    assert_eq!(store.events(None, 0, 10).await?, [], "an empty store has no events");
    assert_eq!(store.live_events().await?, []);
    let events = Scribe::default().all(Story::new("r1", "s", 3).whole());
    let (first, rest) = events.split_at(7);
    store.append(first.to_vec()).await?;
    assert_eq!(store.events(None, 0, 1000).await?, first, "durable is visible");
    store.append(Vec::new()).await?;
    let store = again(open, "journal", store).await?;
    store.append(rest.to_vec()).await?;
    let store = again(open, "journal", store).await?;
    assert_eq!(store.events(None, 0, 1000).await?, events);
    let (page, expected) = (store.events(None, 5, 3).await?, events.get(5..8));
    assert_eq!(Some(page.as_slice()), expected, "a page begins after a number and has a length");
    assert_eq!(store.events(None, 1000, 3).await?, []);
    store.close().await;
    Ok(())
}

/// Numbers go on from the last one. What does not fit leaves nothing behind, and harms nobody.
pub(super) async fn refuses_gaps_as_a_whole(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let events = Scribe::default().all(Story::new("r1", "s", 2).whole());
    let pick = |numbers: &[usize]| numbers.iter().filter_map(|at| events.get(at - 1).cloned()).collect();
    let late_start = store.append(pick(&[2, 3])).await;
    assert!(matches!(late_start, Err(StoreError::Refused(_))), "{late_start:?}");
    store.append(pick(&[1, 2])).await?;
    for wrong in [&[2, 3][..], &[4, 5], &[3, 5], &[3, 3], &[3, 4, 6]] {
        let answer = store.append(pick(wrong)).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{wrong:?}: {answer:?}");
    }
    assert_eq!(store.events(None, 0, 10).await?.len(), 2, "nothing of what was refused is there");
    assert!(store.outputs("r1".into()).await?.is_empty());
    store.append(pick(&[3, 4])).await?;
    store.close().await;
    Ok(())
}

/// The events of a run are its own, those of its instances and those of its machines.
pub(super) async fn is_told_by_run(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let mut scribe = Scribe::default();
    let (one, two) = (Story::new("r1", "s", 2), Story::new("r2", "s", 2));
    let first = scribe.all(one.beginning());
    let second = scribe.all(two.beginning());
    let rest = scribe.all(one.middle().into_iter().chain(one.end()));
    store.append([&first[..], &second, &rest].concat()).await?;
    assert_eq!(store.events(Some("r1".into()), 0, 1000).await?, [&first[..], &rest].concat());
    assert_eq!(store.events(Some("r2".into()), 0, 1000).await?, second);
    let last = first.last().map_or(0, |event| event.number);
    let page = store.events(Some("r1".into()), last, 2).await?;
    assert_eq!(Some(page.as_slice()), rest.get(..2));
    assert_eq!(store.events(Some("nobody".into()), 0, 1000).await?, []);
    store.close().await;
    Ok(())
}
