//! Which waiting run goes where. All of a run's clusters or none; the oldest run first; younger ones may overtake it
//! for a while, then the hypervisors that it could use are kept for it.

mod fit;
mod reason;
mod survey;

use xrdtest_model::event::Placement;
use xrdtest_model::{EventBody, Held, Hold, HypervisorName, InstanceId, RunId, Timestamp};

use crate::rules::View;
use crate::state::Run;
use crate::{ClusterOrder, Effect, Orchestrator};

pub(crate) use fit::free_room;
use fit::{Kept, Site, find};
pub use survey::{Survey, ToldHypervisor, ToldInstance, survey, told_cluster};

impl Orchestrator {
    /// Places what can be placed and says why the rest waits.
    pub(crate) fn place_runs(&mut self) {
        if let Some(hold) = self.state.holds.get(&Held::Queue).cloned() {
            self.wait_for(&hold);
            return;
        }
        let mut kept: Option<Kept> = None;
        let waiting: Vec<RunId> = self.view().waiting().into_iter().map(|run| run.id.clone()).collect();
        for id in waiting {
            let view = self.view();
            let Some(run) = self.state.runs.get(&id) else {
                continue;
            };
            let sites = view.sites(kept.as_ref());
            let news = match find(&run.plan.clusters, &sites) {
                Some(places) => Some(placed(run, places)),
                None => view.waits(run, &sites),
            };
            if kept.is_none() && !matches!(news, Some(EventBody::RunPlaced { .. })) {
                kept = view.keep_for(run);
            }
            if let Some(event) = news {
                self.record(event);
            }
        }
    }

    /// All that wait say that somebody holds the queue.
    fn wait_for(&mut self, hold: &Hold) {
        let reason = format!("the queue is paused by {hold}");
        let waiting = self.view().waiting().into_iter();
        let news = waiting.filter(|run| run.waiting.as_ref() != Some(&reason));
        for run in news.map(|run| run.id.clone()).collect::<Vec<_>>() {
            self.record(EventBody::RunWaiting { run, reason: reason.clone() });
        }
    }
}

impl Orchestrator {
    /// Starts a cluster by hand where there is a place for it now. It takes nothing that is kept for a waiting run.
    pub(crate) fn place_order(&mut self, order: ClusterOrder) {
        let ClusterOrder { instance, cluster, repository, by, start_ms, keep } = order;
        if self.state.instances.contains_key(&instance) {
            return;
        }
        let view = self.view();
        // While the queue is paused nothing is kept for those in it.
        let mut waiting = view.waiting();
        if self.state.holds.contains_key(&Held::Queue) {
            waiting.clear();
        }
        let kept = waiting.into_iter().find_map(|run| view.keep_for(run));
        let sites = view.sites(kept.as_ref());
        let wanted = [cluster];
        let found = find(&wanted, &sites).and_then(|places| places.into_iter().next());
        let reason = found.is_none().then(|| reason::why(&wanted, &sites));
        let [plan] = wanted;
        match (found, reason) {
            (Some(hypervisor), _) => {
                let until = self.world.now.after(keep.unwrap_or(self.config.kept_for));
                self.record(EventBody::ClusterOrdered {
                    instance,
                    plan,
                    repository,
                    hypervisor,
                    by,
                    start_ms,
                    until,
                });
            }
            (None, reason) => {
                let reason = reason.unwrap_or_default();
                self.effects.push(Effect::ClusterRefused { instance, reason });
            }
        }
    }
}

impl<'a> View<'a> {
    /// The waiting runs, the oldest first.
    pub(crate) fn waiting(self) -> Vec<&'a Run> {
        let waiting = self.state.runs.values().filter(|run| run.placed.is_none());
        let mut waiting: Vec<&Run> = waiting.collect();
        waiting.sort_by_key(|run| run.number);
        waiting
    }

    /// The connected hypervisors as they are now.
    fn sites<'b>(self, kept: Option<&'b Kept>) -> Vec<Site<'b>>
    where
        Self: 'b,
    {
        let connected = self.world.hypervisors.iter().filter(|(_, known)| known.connected);
        connected
            .map(|(name, known)| {
                let mut site = Site::of(name, known, self.state);
                site.kept = kept.filter(|kept| kept.hypervisors.contains(name));
                site
            })
            .collect()
    }

    /// The hypervisors and physical machines to keep for a run that could not be placed: none before it has waited long
    /// enough, and none where it could not even be placed if they were free.
    fn keep_for(self, run: &Run) -> Option<Kept> {
        if self.now < self.patient_until(run) {
            return None;
        }
        let mut empty = self.sites(None);
        empty.iter_mut().for_each(Site::clear);
        find(&run.plan.clusters, &empty)?;
        let usable = empty.iter().filter(|site| {
            let clusters = &run.plan.clusters;
            clusters.iter().any(|cluster| site.obstacle(cluster).is_none())
        });
        let external = run.plan.clusters.iter().filter(|cluster| cluster.external);
        let hosts = external.flat_map(|cluster| &cluster.hosts).map(|host| host.name.clone());
        Some(Kept {
            run: run.id.clone(),
            hypervisors: usable.map(|site| site.name.clone()).collect(),
            hosts: hosts.collect(),
        })
    }

    fn patient_until(self, run: &Run) -> Timestamp {
        run.queued.after(self.config.patience)
    }

    /// Why a run waits, where that is news.
    fn waits(self, run: &Run, sites: &[Site<'_>]) -> Option<EventBody> {
        // After a restart the hypervisors are given the time to come back before it is said that there is none.
        let mut made = run.plan.clusters.iter().filter(|cluster| !cluster.external);
        let nobody = made.any(|cluster| !sites.iter().any(|site| site.suits(cluster)));
        let too_early = nobody && run.waiting.is_some() && self.now < self.hypervisors_back();
        let reason = reason::why(&run.plan.clusters, sites);
        let news = !too_early && run.waiting.as_ref() != Some(&reason);
        news.then(|| EventBody::RunWaiting { run: run.id.clone(), reason })
    }

    fn hypervisors_back(self) -> Timestamp {
        self.world.awake.after(self.config.late_after)
    }

    /// When time alone changes who may be placed, or why a run waits.
    pub(crate) fn placement_wakeup(self) -> Option<Timestamp> {
        let waiting = self.state.runs.values().filter(|run| run.placed.is_none());
        waiting
            .flat_map(|run| [self.patient_until(run), self.hypervisors_back()])
            .filter(|due| *due > self.now)
            .min()
    }
}

fn placed(run: &Run, places: Vec<HypervisorName>) -> EventBody {
    let clusters = run.plan.clusters.iter().zip(places).enumerate();
    let instances = clusters.map(|(index, (cluster, hypervisor))| Placement {
        instance: InstanceId::new(format!("{}.{index}", run.id)),
        cluster: cluster.name.clone(),
        hypervisor,
    });
    EventBody::RunPlaced { run: run.id.clone(), instances: instances.collect() }
}
