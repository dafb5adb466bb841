//! Agents whose certificates are void: kept by the store, and asked at every connection.
//!
//! What is void are the certificates that were given until then. Who gets a fresh token joins again, and has one that was
//! given later.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use tracing::warn;
use xrdtest_model::Timestamp;
use xrdtest_protocol::Identity;
use xrdtest_protocol::authority::now_ms;
use xrdtest_store::{Revocation, Store, StoreError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Revocations {
    store: Arc<dyn Store>,
    known: Arc<RwLock<HashMap<String, Revocation>>>,
    /// What is known and what is kept change together.
    changing: Arc<Mutex<()>>,
}

impl Revocations {
    /// Those that the store keeps.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let kept = store.revocations().await?;
        let known = kept.into_iter().map(|kept| (kept.identity.clone(), kept)).collect();
        Ok(Self { store, known: Arc::new(RwLock::new(known)), changing: Arc::default() })
    }

    /// Why a certificate that was issued at that time is not accepted; `None`: it is.
    pub(crate) fn refusal(&self, identity: &Identity, issued_ms: u64) -> Option<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let revocation = known.get(&identity.to_string())?;
        if issued_ms > revocation.void_until.as_millis() {
            return None;
        }
        let Revocation { by, reason, .. } = revocation;
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let again = match identity {
            Identity::Hypervisor(name) => again(&format!("hypervisor {name}")),
            Identity::Slave(machine) if machine.is_physical() => again(&format!("slave {}", machine.host)),
            // Machines of clusters are made anew, and the engine is its own.
            Identity::Slave(_) | Identity::Engine => String::new(),
        };
        Some(format!("its certificate was revoked by {by}{reason}{again}"))
    }

    /// Makes the certificates of `identity` void that were given so far, and its tokens. It is durable when it is
    /// answered; who is connected stays so until somebody ends that. Whether it was revoked already is answered as well:
    /// then that is what stands, and only what it was given since is void in addition.
    pub(crate) async fn revoke(
        &self,
        identity: &Identity,
        by: String,
        reason: String,
    ) -> Result<(Revocation, bool), StoreError> {
        let _changing = self.changing.lock().await;
        let identity = identity.to_string();
        let standing = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(&identity).filter(|known| known.joined.is_none()).cloned()
        };
        let at = |ms: u64| {
            let at = Timestamp::from_millis(ms);
            match &standing {
                Some(standing) => Revocation { void_until: at, ..standing.clone() },
                None => Revocation {
                    identity: identity.clone(),
                    at,
                    void_until: at,
                    by: by.clone(),
                    reason: reason.clone(),
                    joined: None,
                },
            }
        };
        // First no token leads to a certificate any more, then those are void that exist: whoever joins in between has
        // one that is older than what is kept.
        self.store.revoke(at(now_ms())).await?;
        let revocation = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let revocation = at(now_ms());
            known.insert(identity.clone(), revocation.clone());
            revocation
        };
        self.store.revoke(revocation.clone()).await?;
        Ok((revocation, standing.is_some()))
    }

    /// An agent is in contact with a certificate that was issued at that time: where it is a good one of somebody who
    /// was revoked, he is that no more.
    pub(crate) async fn in_contact(&self, identity: &Identity, issued_ms: u64) {
        let identity = identity.to_string();
        let is_anew = |known: &Revocation| known.joined.is_none() && issued_ms > known.void_until.as_millis();
        if !self.known.read().unwrap_or_else(PoisonError::into_inner).get(&identity).is_some_and(is_anew) {
            return;
        }
        let _changing = self.changing.lock().await;
        let now = Timestamp::from_millis(now_ms());
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let Some(revocation) = known.get_mut(&identity).filter(|known| is_anew(known)) else { return };
            revocation.joined = Some(now);
        }
        if let Err(error) = self.store.joined_anew(identity.clone(), now).await {
            warn!(identity, %error, "that a revoked agent has joined anew could not be kept: it is shown as revoked");
        }
    }
}

/// What to do where the agent shall come back.
fn again(agent: &str) -> String {
    format!(
        "; to let it in again, remove its credentials and have it join with a fresh token (xrdtest token new {agent})"
    )
}

#[cfg(test)]
mod tests {
    use xrdtest_model::MachineId;
    use xrdtest_store::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn what_was_given_later_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let open = || async {
            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
            store
        };
        let store = open().await;
        let revocations = Revocations::load(store.clone()).await.unwrap();
        let (hv1, hv10) = (Identity::Hypervisor("hv1".into()), Identity::Hypervisor("hv10".into()));
        let slave = Identity::Slave(MachineId::physical("node7"));
        assert_eq!(revocations.refusal(&hv1, 0), None);
        let (made, already) =
            revocations.revoke(&hv1, "alice".to_owned(), "stolen".to_owned()).await.unwrap();
        assert!(!already);
        revocations.revoke(&slave, "alice".to_owned(), String::new()).await.unwrap();
        store.close().await;
        drop((revocations, store));
        let again = Revocations::load(open().await).await.unwrap();
        let at = made.at.as_millis();
        for issued in [0, at - 1, at] {
            let why = again.refusal(&hv1, issued).unwrap();
            assert!(why.contains("revoked by alice: stolen; "), "{why}");
            assert!(why.ends_with("(xrdtest token new hypervisor hv1)"), "{why}");
        }
        let why = again.refusal(&slave, 0).unwrap();
        assert!(why.ends_with("(xrdtest token new slave node7)"), "{why}");
        assert_eq!(again.refusal(&hv1, at + 1), None);
        assert_eq!(again.refusal(&hv10, 0), None);
    }

    #[tokio::test]
    async fn the_first_one_stands_until_the_agent_joins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).await.unwrap();
        let revocations = Revocations::load(Arc::new(store)).await.unwrap();
        let hv1 = Identity::Hypervisor("hv1".into());
        let revoke = async |by: &str, why: &str| {
            revocations.revoke(&hv1, by.to_owned(), why.to_owned()).await.unwrap()
        };
        let (first, _) = revoke("alice", "stolen").await;
        let (second, already) = revoke("bob", "").await;
        assert!(already);
        assert_eq!(second, Revocation { void_until: second.void_until, ..first.clone() });
        // Whatever it was given between the two is void as well, and nothing of that lets it in.
        let until = second.void_until.as_millis();
        assert!(revocations.refusal(&hv1, until).is_some_and(|why| why.contains("by alice: stolen")));
        revocations.in_contact(&hv1, until).await;
        assert!(revoke("bob", "").await.1);
        revocations.in_contact(&hv1, u64::MAX).await;
        let kept = Revocations::load(revocations.store.clone()).await.unwrap();
        assert!(kept.known.read().unwrap().values().all(|kept| kept.joined.is_some()));
        let (third, already) = kept.revoke(&hv1, "bob".to_owned(), "sold".to_owned()).await.unwrap();
        assert_eq!((third.by.as_str(), third.reason.as_str(), already), ("bob", "sold", false));
    }
}
