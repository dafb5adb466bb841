//! The instances of a provider, from the order to start one until nothing of it is left: what orders that repeat and
//! overlap mean, whatever is made. `T` is a made instance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use tokio::sync::Mutex as Slot;
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;

use crate::provider::ProviderError;

/// The instances of a provider.
#[derive(Debug)]
pub(crate) struct Instances<T> {
    provider: &'static str,
    entries: Arc<Mutex<HashMap<InstanceId, Entry<T>>>>,
}

/// Who changes an instance holds its slot.
#[derive(Debug)]
struct Entry<T> {
    cancelled: CancellationToken,
    slot: Arc<Slot<Option<T>>>,
}

impl<T> Clone for Instances<T> {
    fn clone(&self) -> Self {
        Self { provider: self.provider, entries: self.entries.clone() }
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { cancelled: self.cancelled.clone(), slot: self.slot.clone() }
    }
}

impl<T: Send + 'static> Instances<T> {
    /// None yet.
    pub(crate) fn new(provider: &'static str) -> Self {
        Self { provider, entries: Arc::default() }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<InstanceId, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an instance that is new; for one that is there, or being made, waits for how it stands. `make` gets what is
    /// cancelled when it is to be stopped meanwhile; `cancelled` is the error of whoever waited in vain.
    pub(crate) fn start<E, M>(
        &self,
        id: InstanceId,
        make: impl FnOnce(CancellationToken) -> M,
        cancelled: impl FnOnce(InstanceId) -> E + Send + 'static,
    ) -> BoxFuture<'static, Result<(), ProviderError>>
    where
        E: Into<ProviderError> + Send + 'static,
        M: Future<Output = Result<T, E>> + Send + 'static,
    {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&id).cloned() {
            drop(entries);
            return self.finish(async move {
                match *entry.slot.lock().await {
                    Some(_) => Ok(()),
                    None => Err(cancelled(id)),
                }
            });
        }
        let entry = Entry { cancelled: CancellationToken::new(), slot: Arc::default() };
        // Nobody else has it yet, so this does not fail.
        let slot = entry.slot.clone().try_lock_owned().ok();
        let making = make(entry.cancelled.clone());
        entries.insert(id.clone(), entry);
        drop(entries);
        let instances = self.clone();
        self.finish(async move {
            let made = making.await;
            match made {
                Ok(made) => {
                    if let Some(mut slot) = slot {
                        *slot = Some(made);
                    }
                    Ok(())
                }
                Err(error) => {
                    instances.entries().remove(&id);
                    Err(error)
                }
            }
        })
    }

    /// Takes an instance away once nobody makes it any more; at once where it does not exist.
    pub(crate) fn stop<E, R>(
        &self,
        id: &InstanceId,
        remove: impl FnOnce(T) -> R + Send + 'static,
    ) -> BoxFuture<'static, Result<(), ProviderError>>
    where
        E: Into<ProviderError> + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
    {
        let Some(entry) = self.entries().get(id).cloned() else { return ready(Ok(())).boxed() };
        entry.cancelled.cancel();
        let (instances, id) = (self.clone(), id.clone());
        self.finish(async move {
            let mut slot = entry.slot.lock().await;
            let Some(made) = slot.take() else { return Ok(()) };
            let removed = remove(made).await;
            instances.entries().remove(&id);
            removed
        })
    }

    /// Takes in an instance that is made already.
    #[cfg(feature = "libvirt")]
    pub(crate) fn adopt(&self, id: InstanceId, made: T) {
        let entry = Entry { cancelled: CancellationToken::new(), slot: Arc::new(Slot::new(Some(made))) };
        self.entries().insert(id, entry);
    }

    /// All of them, and whether they are made.
    pub(crate) fn list(&self) -> Vec<(InstanceId, bool)> {
        let made = |entry: &Entry<T>| entry.slot.try_lock().is_ok_and(|slot| slot.is_some());
        self.entries().iter().map(|(id, entry)| (id.clone(), made(entry))).collect()
    }

    /// Looks at an instance that is made and that nobody changes now.
    pub(crate) fn look<A>(&self, id: &InstanceId, at: impl FnOnce(&T) -> Option<A>) -> Option<A> {
        let entry = self.entries().get(id)?.clone();
        let slot = entry.slot.try_lock().ok()?;
        at(slot.as_ref()?)
    }

    /// Whether an instance is there, or being made, and nobody wants it away.
    #[cfg(feature = "libvirt")]
    pub(crate) fn is_wanted(&self, id: &InstanceId) -> bool {
        self.entries().get(id).is_some_and(|entry| !entry.cancelled.is_cancelled())
    }

    /// Does the work in a task of its own, so that it is not left half-done when nobody waits for it any more.
    fn finish<E: Into<ProviderError> + Send + 'static>(
        &self,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> BoxFuture<'static, Result<(), ProviderError>> {
        let (provider, task) = (self.provider, tokio::spawn(work));
        async move {
            match task.await {
                Ok(result) => result.map_err(Into::into),
                Err(error) => Err(ProviderError::BrokenOff { provider, reason: error.to_string() }),
            }
        }
        .boxed()
    }
}
