//! Join tokens: made by the CA, kept by the store as digests, good for one key.

use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::Timestamp;
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::{Identity, JoinToken, ProtocolError};
use xrdtest_store::{Store, StoreError, TokenPrefix, TokenRecord};

/// How long the token of a machine that is being made is good: longer than any cluster takes to start.
pub(crate) const MACHINE_TOKEN: Duration = Duration::from_secs(24 * 3600);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes tokens and takes them.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    authority: Arc<Authority>,
    store: Arc<dyn Store>,
}

impl Tokens {
    pub(crate) fn new(authority: Arc<Authority>, store: Arc<dyn Store>) -> Self {
        Self { authority, store }
    }

    /// One token for each identity, in that order; durable when they are answered.
    pub(crate) async fn make(
        &self,
        identities: &[Identity],
        by: &str,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Vec<JoinToken>, TokenError> {
        let mut tokens = Vec::with_capacity(identities.len());
        let mut records = Vec::with_capacity(identities.len());
        for identity in identities {
            let token = self.authority.new_token()?;
            records.push(TokenRecord {
                digest: token.digest(),
                identity: identity.to_string(),
                by: by.to_owned(),
                created: now,
                expires: now.after(valid),
                used: None,
            });
            tokens.push(token);
        }
        self.store.add_tokens(records).await?;
        Ok(tokens)
    }

    /// Whom a token was made for. It is used up, but for the holder of `key`, who may not have heard the answer.
    pub(crate) async fn take(
        &self,
        token: &JoinToken,
        key: String,
        now: Timestamp,
    ) -> Result<Option<Identity>, TokenError> {
        match self.store.use_token(token.digest(), key, now).await? {
            Some(identity) => Ok(Some(identity.parse()?)),
            None => Ok(None),
        }
    }

    /// Forgets those that were made for the machines of an instance.
    pub(crate) async fn forget(&self, instance: &xrdtest_model::InstanceId) -> Result<(), TokenError> {
        let prefix = Identity::Slave(xrdtest_model::MachineId::new(instance.clone(), ""));
        self.store.revoke_tokens(TokenPrefix::Identity(prefix.to_string())).await?;
        Ok(())
    }
}
