//! How long machines wait for each other at barriers.

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::{Event, EventBody, MachineId, RunId, StageId, Timestamp};

/// Upper bounds in seconds.
pub(super) const BOUNDS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];

/// What was seen since the engine's start: for each stage the time from the first machine's outcome to the last one's.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// Stages that have begun, and are not over on all machines.
    open: BTreeMap<(RunId, StageId), Barrier>,
    /// Those that waited at most so long, and longer than the bound before says.
    pub(super) counts: [u64; BOUNDS.len() + 1],
    /// All of these times, in milliseconds.
    pub(super) sum_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Barrier {
    missing: BTreeSet<MachineId>,
    first: Option<Timestamp>,
}

impl Waits {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            // Again after a boot, for that machine.
            EventBody::StageStarted { run, stage, machines } => {
                let barrier = self.open.entry((run.clone(), *stage)).or_default();
                barrier.missing.extend(machines.iter().map(|(machine, _)| machine.clone()));
            }
            EventBody::StageFinished { run, result } => {
                let key = (run.clone(), result.stage);
                let Some(barrier) = self.open.get_mut(&key) else { return };
                barrier.missing.remove(&result.machine);
                let first = *barrier.first.get_or_insert(event.at);
                if barrier.missing.is_empty() {
                    self.open.remove(&key);
                    self.count(u64::try_from(event.at.since(first).as_millis()).unwrap_or(u64::MAX));
                }
            }
            EventBody::RunFinished { run, .. } => self.open.retain(|(of, _), _| of != run),
            _ => {}
        }
    }

    fn count(&mut self, millis: u64) {
        let within = |bound: &f64| std::time::Duration::from_millis(millis).as_secs_f64() <= *bound;
        let bucket = BOUNDS.iter().position(within).unwrap_or(BOUNDS.len());
        self.counts[bucket] += 1;
        self.sum_ms = self.sum_ms.saturating_add(millis);
    }
}
