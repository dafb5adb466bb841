//! Join tokens that are still good, by the digest of their secret.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use xrdtest_model::InstanceId;
use xrdtest_protocol::{Identity, JoinToken};

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    open: Mutex<HashMap<String, Identity>>,
}

impl Tokens {
    /// Lets whoever shows `token` join once, as `identity`.
    pub(crate) fn allow(&self, token: &JoinToken, identity: Identity) {
        self.lock().insert(token.digest(), identity);
    }

    /// Whom a token was made for; it is used up.
    pub(crate) fn take(&self, token: &JoinToken) -> Option<Identity> {
        self.lock().remove(&token.digest())
    }

    /// Forgets what was made for the machines of an instance.
    pub(crate) fn forget(&self, instance: &InstanceId) {
        self.lock().retain(
            |_, identity| !matches!(identity, Identity::Slave(machine) if machine.instance == *instance),
        );
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Identity>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
