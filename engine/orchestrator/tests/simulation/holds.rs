//! People who hold the queue and hypervisors back, and forget it.

use std::collections::BTreeSet;

use xrdtest_model::{EventBody, Held};
use xrdtest_orchestrator::Input;

use crate::world::{Happening, World};

impl World {
    /// Somebody will hold something for a while.
    pub(crate) fn plan_holds(&mut self) {
        for _ in 0..self.rng.below(4).saturating_sub(1) {
            let names: Vec<_> = self.hypervisors.keys().cloned().collect();
            let on = match self.rng.chance(500) {
                true => Held::Queue,
                false => Held::Hypervisor(self.rng.pick(&names).clone()),
            };
            let from = self.rng.span(5000, 200_000);
            let to = from + self.rng.below(150_000);
            self.after(from, Happening::Hold { on: on.clone(), held: true });
            self.after(to, Happening::Hold { on, held: false });
        }
    }

    pub(crate) fn hold(&mut self, on: Held, held: bool) {
        let by = "somebody".to_owned();
        self.input(match held {
            true => Input::Hold { on, by, reason: "chance".to_owned() },
            false => Input::Release { on, by },
        });
    }

    /// Nothing got a place where somebody held it.
    pub(crate) fn check_holds(&self) {
        let mut held: BTreeSet<Held> = BTreeSet::new();
        for event in &self.engine.journal {
            match &event.body {
                EventBody::HoldBegan { on, .. } => drop(held.insert(on.clone())),
                EventBody::HoldEnded { on, .. } => assert!(held.remove(on), "{on} was not held"),
                EventBody::RunPlaced { run, instances } => {
                    assert!(!held.contains(&Held::Queue), "{run} left a queue that was paused");
                    for placed in instances {
                        let on = Held::Hypervisor(placed.hypervisor.clone());
                        assert!(!held.contains(&on), "{} is made on {on}, which is held", placed.instance);
                    }
                }
                EventBody::ClusterOrdered { instance, hypervisor, .. } => {
                    let on = Held::Hypervisor(hypervisor.clone());
                    assert!(!held.contains(&on), "{instance} is made on {on}, which is held");
                }
                _ => {}
            }
        }
    }
}
