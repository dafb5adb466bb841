//! Join tokens.

use std::sync::Arc;

use xrdtest_model::Timestamp;

use super::again;
use crate::{Revocation, Store, StoreError, TokenPrefix, TokenRecord};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn token(digest: &str, identity: &str, created: u64, expires: u64) -> TokenRecord {
    TokenRecord {
        digest: digest.to_owned(),
        identity: identity.to_owned(),
        by: "alice".to_owned(),
        created: at(created),
        expires: at(expires),
        used: None,
    }
}

/// A token is for one who has one key, until it expires; who used it may use it again.
pub(super) async fn are_used_once<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("tokens").await?;
    let (slave, hypervisor) =
        (token("aa", "xrdtest:slave/i/h", 10, 100), token("bb", "xrdtest:hypervisor/hv", 11, 50));
    store.add_tokens(vec![slave.clone(), hypervisor.clone()]).await?;
    assert_eq!(store.tokens(at(20)).await?, [hypervisor, slave.clone()], "newest first");
    let store = again(open, "tokens", store).await?;
    for (digest, key, now, expected) in [
        ("cc", "key1", 20, None),
        ("aa", "key1", 20, Some("xrdtest:slave/i/h")),
        ("aa", "key2", 21, None),
        ("aa", "key1", 30, Some("xrdtest:slave/i/h")),
        ("aa", "key1", 100, None),
        ("bb", "key1", 50, None),
    ] {
        let answer = store.use_token(digest.to_owned(), key.to_owned(), at(now)).await?;
        assert_eq!(answer.as_deref(), expected, "{digest} with {key} at {now}");
    }
    let store = again(open, "tokens", store).await?;
    let used = TokenRecord { used: Some(at(20)), ..slave };
    assert_eq!(store.tokens(at(60)).await?, [used], "what is expired is not listed; the first use is noted");
    let other = store.use_token("aa".to_owned(), "key2".to_owned(), at(60)).await?;
    assert_eq!(other, None, "a use outlives a restart");
    store.close().await;
    Ok(())
}

/// Revoked tokens are as if they had never been.
pub(super) async fn are_revoked_by_prefix(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let tokens = [("a1", "xrdtest:slave/i/x"), ("a2", "xrdtest:slave/i/y"), ("b%", "xrdtest:hypervisor/_")]
        .map(|(digest, identity)| token(digest, identity, 1, 100));
    store.add_tokens(tokens.to_vec()).await?;
    for (prefix, expected) in [
        (TokenPrefix::Digest("%".to_owned()), 0),
        (TokenPrefix::Identity("xrdtest:slave/_".to_owned()), 0),
        (TokenPrefix::Digest("b".to_owned()), 1),
        (TokenPrefix::Identity("xrdtest:slave/i/".to_owned()), 2),
        (TokenPrefix::Identity("xrdtest:slave/i/".to_owned()), 0),
    ] {
        assert_eq!(store.revoke_tokens(prefix.clone()).await?, expected, "{prefix:?}");
    }
    assert_eq!(store.use_token("a1".to_owned(), "key".to_owned(), at(2)).await?, None);
    assert_eq!(store.tokens(at(2)).await?, []);
    store.close().await;
    Ok(())
}

/// Whose certificates are void is kept, once for each; of tokens only theirs go, not those of names that begin so.
pub(super) async fn of_the_revoked_are_void<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("revocations").await?;
    let revocation = |identity: &str, millis: u64, reason: &str| Revocation {
        identity: identity.to_owned(),
        at: at(millis),
        void_until: at(millis + 1),
        by: "alice".to_owned(),
        reason: reason.to_owned(),
        joined: None,
    };
    let (one, ten) = ("xrdtest:hypervisor/hv1", "xrdtest:hypervisor/hv10");
    store.add_tokens(vec![token("a", one, 1, 100), token("b", ten, 1, 100)]).await?;
    assert_eq!(store.use_token("a".to_owned(), "key".to_owned(), at(2)).await?, Some(one.to_owned()));
    store.revoke(revocation(one, 3, "")).await?;
    assert_eq!(store.use_token("a".to_owned(), "key".to_owned(), at(4)).await?, None);
    assert_eq!(store.use_token("b".to_owned(), "key".to_owned(), at(4)).await?, Some(ten.to_owned()));
    store.revoke(revocation(ten, 5, "stolen")).await?;
    store.revoke(revocation(one, 6, "lost")).await?;
    let store = again(open, "revocations", store).await?;
    assert_eq!(store.revocations().await?, [revocation(one, 6, "lost"), revocation(ten, 5, "stolen")]);
    for joined in [8, 9] {
        store.joined_anew(one.to_owned(), at(joined)).await?;
    }
    store.joined_anew("xrdtest:hypervisor/hv2".to_owned(), at(8)).await?;
    let back = Revocation { joined: Some(at(8)), ..revocation(one, 6, "lost") };
    assert_eq!(store.revocations().await?, [back, revocation(ten, 5, "stolen")]);
    store.revoke(revocation(one, 10, "again")).await?;
    assert_eq!(store.revocations().await?, [revocation(one, 10, "again"), revocation(ten, 5, "stolen")]);
    store.close().await;
    Ok(())
}
