//! Certificates of the engine's own authority, renewed before they end: those of agents, which ask, and the engine's own.

use std::time::Duration;

use tracing::{error, info, warn};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::renewal::{Decision, RenewReply, again, decide, now};
use xrdtest_protocol::{Identity, ProtocolError};

use crate::revocations::Revocations;

/// Answers an agent that asks for a new certificate, on a connection with one that was issued at `issued_ms`.
pub(crate) fn answer(
    authority: &Authority,
    revocations: &Revocations,
    (identity, issued_ms): (&Identity, u64),
    request: &str,
    ends: u64,
) -> RenewReply {
    let lifetime = authority.lifetime(identity);
    if let Decision::In(wait) = decide(Duration::from_secs(ends), now(), lifetime) {
        return RenewReply::NotYet { again_s: wait.as_secs() };
    }
    let signed = authority.sign(request, identity);
    // Asked after it was made: one that is made while the agent is revoked must not count.
    if let Some(reason) = revocations.refusal(identity, issued_ms) {
        return RenewReply::Refused { reason };
    }
    match signed {
        Ok(certificate) => {
            info!(%identity, "an agent's certificate is renewed");
            RenewReply::Signed { certificate, again_s: again(lifetime).as_secs() }
        }
        Err(error) => {
            warn!(%identity, %error, "an agent's certificate is not renewed");
            RenewReply::Refused { reason: error.to_string() }
        }
    }
}

/// Renews a certificate of this very process, which was made just now and lives so long, whenever it is time.
pub(crate) async fn keep(what: &str, lifetime: Duration, renew: impl Fn() -> Result<(), String>) {
    let mut ends = now() + lifetime;
    loop {
        if let Decision::In(wait) = decide(ends, now(), lifetime) {
            tokio::time::sleep(wait).await;
            continue;
        }
        match renew() {
            Ok(()) => {
                ends = now() + lifetime;
                info!("the certificate of {what} is renewed");
            }
            Err(error) => {
                error!(%error, "the certificate of {what} could not be renewed; it is tried again");
                tokio::time::sleep(again(lifetime)).await;
            }
        }
    }
}

/// The engine's own certificate, for those who connect from then on.
pub(crate) fn renew_own(
    authority: &Authority,
    listener: &xrdtest_protocol::server::Listener,
) -> Result<(), ProtocolError> {
    listener.renew(&authority.issue(&Identity::Engine)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use xrdtest_protocol::JoinKey;
    use xrdtest_store::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn agents_get_new_ones_when_it_is_time_and_never_when_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).await.unwrap();
        let revocations = Revocations::load(Arc::new(store)).await.unwrap();
        let authority = Authority::new().unwrap().with_lifetime(Duration::from_secs(300));
        let identity = Identity::Hypervisor("hv1".into());
        let request = JoinKey::generate().unwrap().request().unwrap();
        let ask = |left: u64, issued: u64| {
            answer(&authority, &revocations, (&identity, issued), &request, now().as_secs() + left)
        };
        assert!(matches!(ask(290, 1), RenewReply::NotYet { again_s: 189..=190 }), "{:?}", ask(290, 1));
        assert!(matches!(ask(90, 1), RenewReply::Signed { again_s: 200, .. }));
        let bad = answer(&authority, &revocations, (&identity, 1), "nonsense", 0);
        assert!(matches!(bad, RenewReply::Refused { .. }), "{bad:?}");
        let (made, _) = revocations.revoke(&identity, "alice".to_owned(), String::new()).await.unwrap();
        assert!(matches!(ask(90, made.at.as_millis()), RenewReply::Refused { .. }));
        assert!(matches!(ask(90, made.at.as_millis() + 1), RenewReply::Signed { .. }));
    }
}
