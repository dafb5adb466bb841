//! Agents whose certificates are void: kept by the store, and asked at every connection.
//!
//! What is void are the certificates that were given until then. Who gets a fresh token joins again, and has one that was
//! given later.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use xrdtest_model::Timestamp;
use xrdtest_protocol::Identity;
use xrdtest_protocol::authority::now_ms;
use xrdtest_store::{Revocation, Store, StoreError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Revocations {
    store: Arc<dyn Store>,
    known: Arc<RwLock<HashMap<String, Revocation>>>,
}

impl Revocations {
    /// Those that the store keeps.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let kept = store.revocations().await?;
        let known = kept.into_iter().map(|kept| (kept.identity.clone(), kept)).collect();
        Ok(Self { store, known: Arc::new(RwLock::new(known)) })
    }

    /// Why a certificate that was issued at that time is not accepted; `None`: it is.
    pub(crate) fn refusal(&self, identity: &Identity, issued_ms: u64) -> Option<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let revocation = known.get(&identity.to_string())?;
        if issued_ms > revocation.at.as_millis() {
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
    /// answered; who is connected stays so until somebody ends that.
    pub(crate) async fn revoke(
        &self,
        identity: &Identity,
        by: String,
        reason: String,
    ) -> Result<Revocation, StoreError> {
        let identity = identity.to_string();
        let at = |ms: u64| Revocation {
            identity: identity.clone(),
            at: Timestamp::from_millis(ms),
            by: by.clone(),
            reason: reason.clone(),
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
        Ok(revocation)
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
        let made = revocations.revoke(&hv1, "alice".to_owned(), "stolen".to_owned()).await.unwrap();
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
}
