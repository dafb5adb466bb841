//! Events of one run from the store, a batch at a time.

use std::collections::BTreeSet;

use xrdtest_model::event::InstanceState;
use xrdtest_model::{Event, EventBody, InstanceId, RunId, RunPlan};
use xrdtest_store::{Store, StoreError};

use super::problem::{Answer, Failure};

/// Events that are read at once: a slow reader costs no more memory than these.
pub(crate) const BATCH: u32 = 128;

/// Hands all events of a run with greater numbers than `after` to `each`, in order; answers the last one's number.
pub(crate) async fn each(
    store: &dyn Store,
    run: &RunId,
    mut after: u64,
    mut each: impl FnMut(&Event) + Send,
) -> Result<u64, StoreError> {
    loop {
        let batch = store.events(Some(run.clone()), after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(after) };
        after = last.number;
        batch.iter().for_each(&mut each);
        // There is no more; what comes later is asked for later.
        if batch.len() < BATCH as usize {
            return Ok(after);
        }
    }
}

/// The definition of a run as it was when the run was asked for.
pub(crate) async fn plan(store: &dyn Store, run: &RunId) -> Answer<Box<RunPlan>> {
    let first = store.events(Some(run.clone()), 0, 1).await?.pop();
    match first.map(|event| event.body) {
        Some(EventBody::RunQueued { plan, .. }) => Ok(plan),
        _ => Err(Failure::unknown_run(run)),
    }
}

/// Whether more events of a run may come: it is not over, or something is left of its instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    finished: bool,
    instances: BTreeSet<InstanceId>,
}

impl End {
    /// Takes the next event of the run.
    pub(crate) fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunPlaced { instances, .. } => {
                self.instances.extend(instances.iter().map(|placed| placed.instance.clone()));
            }
            // It belongs to no run that would have to be over.
            EventBody::ClusterOrdered { instance, .. } => {
                self.instances.insert(instance.clone());
                self.finished = true;
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopped, .. } => {
                self.instances.remove(instance);
            }
            EventBody::RunFinished { .. } => self.finished = true,
            _ => {}
        }
    }

    /// Nothing will come any more.
    pub(crate) fn is_here(&self) -> bool {
        self.finished && self.instances.is_empty()
    }
}
