//! Many at once.

use std::sync::Arc;

use futures::future::join_all;
use xrdtest_model::Timestamp;

use super::again;
use super::story::{Scribe, Story};
use crate::{Store, StoreError, TokenPrefix};

/// Requests of many callers at once are all carried out, in the order in which they were made; one that is refused
/// takes no other down.
pub(super) async fn writes_all_become_durable<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("concurrent").await?;
    let events = Scribe::default().all(Story::new("r1", "s", 20).whole());
    let gap = events.last().cloned();
    let mut requests = Vec::new();
    for event in &events {
        requests.push(store.append(vec![event.clone()]));
    }
    let wrong = store.append(gap.into_iter().collect());
    let (answers, wrong) = futures::join!(join_all(requests), wrong);
    assert!(answers.iter().all(Result::is_ok));
    assert!(matches!(wrong, Err(StoreError::Refused(_))), "{wrong:?}");
    let store = again(open, "concurrent", store).await?;
    assert_eq!(store.events(None, 0, 1000).await?, events);
    store.close().await;
    Ok(())
}

/// After the end every request is answered with it.
pub(super) async fn a_closed_store_says_so(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let events = Scribe::default().all([Story::new("r1", "s", 1).queued()]);
    store.close().await;
    store.close().await;
    let answers = [
        store.append(events).await.err(),
        store.live_events().await.err(),
        store.run("r1".into()).await.err(),
        store.tokens(Timestamp::default()).await.err(),
        store.revoke_tokens(TokenPrefix::Digest(String::new())).await.err(),
    ];
    for answer in answers {
        assert!(matches!(answer, Some(StoreError::Broken(_))), "{answer:?}");
    }
    Ok(())
}
