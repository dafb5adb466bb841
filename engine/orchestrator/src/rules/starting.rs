//! From the placement to the first stage: the clusters come up, or do not.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{EventBody, InstanceId, MachineId};

use crate::rules::View;
use crate::state::{Instance, Run};
use crate::words::{limit_ms, list};

impl View<'_> {
    /// A run whose clusters are being started.
    pub(super) fn decide_starting(self, run: &Run) -> Vec<EventBody> {
        if run.cancel.is_some() {
            return self.finish(run, None);
        }
        if let Some(words) = self.start_failure(run) {
            return self.finish(run, Some(words));
        }
        let news = self.contact_news(run);
        if !news.is_empty() {
            return news;
        }
        let active = self.newly_active(run);
        if !active.is_empty() {
            return active;
        }
        let complete =
            self.state.instances_of(run).all(|(_, instance)| instance.state == InstanceState::Active);
        // A machine that was there and is away again is waited for.
        if complete && self.missing(run).next().is_none() {
            return self.next_step(run);
        }
        if self.now >= self.start_until(run) {
            return self.finish(run, Some(self.start_overdue(run)));
        }
        Vec::new()
    }

    /// The machines of a run whose slaves are awaited and not in contact.
    pub(crate) fn missing<'b>(self, run: &'b Run) -> impl Iterator<Item = &'b MachineId>
    where
        Self: 'b,
    {
        run.awaited().filter(move |machine| !self.world.is_in(machine))
    }

    fn start_failure(self, run: &Run) -> Option<String> {
        for (_, instance) in self.state.instances_of(run) {
            let cluster = &instance.cluster.name;
            if let Some(detail) = &instance.broken {
                let hypervisor = &instance.hypervisor;
                return Some(format!("cluster {cluster} could not be started on {hypervisor}: {detail}"));
            }
            for (host, machine) in &instance.machines {
                if let Some(why) = &machine.lost {
                    return Some(format!("cluster {cluster} did not come up: {host} was lost: {why}"));
                }
            }
        }
        None
    }

    /// First contacts, and boots before the first stage, which are nobody's loss.
    fn contact_news(self, run: &Run) -> Vec<EventBody> {
        let news = run.awaited().filter_map(|machine| {
            let link = self.world.link_in(machine)?;
            let known = self.state.machine(machine)?;
            (known.boot_id.as_ref() != Some(&link.boot_id)).then(|| EventBody::MachineConnected {
                machine: machine.clone(),
                boot_id: link.boot_id.clone(),
            })
        });
        news.collect()
    }

    fn newly_active(self, run: &Run) -> Vec<EventBody> {
        let made = self.state.instances_of(run).filter(|(id, instance)| {
            instance.state == InstanceState::WaitingSlaves
                && self.missing(run).all(|machine| machine.instance != **id)
        });
        made.map(|(id, _)| active(id)).collect()
    }

    fn start_overdue(self, run: &Run) -> String {
        let limit = limit_ms(run.plan.limits.cluster_start_ms);
        let making: Vec<String> = self
            .state
            .instances_of(run)
            .filter(|(_, instance)| instance.state == InstanceState::Starting)
            .map(|(_, instance)| unmade(instance))
            .collect();
        let missing: Vec<&str> = self.missing(run).map(|machine| machine.host.as_str()).collect();
        let subject = match run.plan.clusters.as_slice() {
            [only] => format!("cluster {}", only.name),
            _ => "the clusters".to_owned(),
        };
        let why = match (making.is_empty(), missing.is_empty()) {
            (false, _) => making.join("; "),
            (true, false) => format!("no contact with {}", list(&missing)),
            (true, true) => "not all machines were in contact at the same time".to_owned(),
        };
        format!("{subject} did not come up within {limit}: {why}")
    }
}

pub(super) fn active(instance: &InstanceId) -> EventBody {
    EventBody::InstanceChanged {
        instance: instance.clone(),
        state: InstanceState::Active,
        detail: String::new(),
        step: None,
    }
}

pub(super) fn unmade(instance: &Instance) -> String {
    let (cluster, hypervisor) = (&instance.cluster.name, &instance.hypervisor);
    format!("{hypervisor} has not made {cluster}")
}
