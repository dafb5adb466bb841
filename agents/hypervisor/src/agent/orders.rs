//! What the engine orders, carried out.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::sync::{mpsc, watch};
use xrdtest_model::InstanceId;
use xrdtest_model::event::InstanceStep;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::time::limit;
use xrdtest_protocol::message::{EngineToHypervisor, HypervisorToEngine};

use super::consoles::Consoles;
use super::link::Link;
use crate::provider::{FoundAgain, MachineGone, Provider, ProviderError, StartOrder, Step};
use crate::relay::Relay;

/// Instances whose bad news are kept, at most. An engine that is interested stops them, which ends that.
const REMEMBERED: usize = 256;

/// What the provider does.
type Work = BoxFuture<'static, Result<(), ProviderError>>;

/// Carries out orders in tasks of their own and queues what they have to say.
pub(crate) struct Orders {
    engine_id: Arc<str>,
    engine: watch::Receiver<Option<SocketAddr>>,
    provider: Arc<dyn Provider>,
    link: Arc<Link>,
    reports: mpsc::UnboundedSender<HypervisorToEngine>,
    relays: Mutex<HashMap<InstanceId, Relay>>,
    consoles: Consoles,
    /// Bad news that a broken connection may have swallowed, until the instance is stopped.
    bad_news: Mutex<BTreeMap<InstanceId, Vec<HypervisorToEngine>>>,
}

impl Orders {
    pub(crate) fn new(
        engine_id: Arc<str>,
        engine: watch::Receiver<Option<SocketAddr>>,
        provider: Arc<dyn Provider>,
        link: Arc<Link>,
        reports: mpsc::UnboundedSender<HypervisorToEngine>,
    ) -> Self {
        let consoles = Consoles::new(link.clone());
        let (relays, bad_news) = (Mutex::default(), Mutex::default());
        Self { engine_id, engine, provider, link, reports, relays, consoles, bad_news }
    }

    /// Begins to carry out an order. The provider has it when this returns, so that orders keep their order.
    pub(crate) fn take(self: &Arc<Self>, order: EngineToHypervisor) {
        let orders = self.clone();
        match order {
            EngineToHypervisor::StartInstance { instance, cluster, tokens } => {
                tracing::info!(%instance, cluster = cluster.name, "to be started");
                let (steps, taken) = mpsc::unbounded_channel();
                let (engine, of) = (self.engine_id.clone(), cluster.clone());
                let order = StartOrder { instance: instance.clone(), engine, cluster: of, tokens };
                let start = self.provider.start(order, steps);
                tokio::spawn(async move { orders.start(instance, &cluster, start, taken).await });
            }
            EngineToHypervisor::StopInstance { instance } => {
                tracing::info!(%instance, "to be stopped");
                let stop = self.provider.stop(&instance);
                tokio::spawn(async move { orders.stop(&instance, stop).await });
            }
            EngineToHypervisor::Unknown => {
                tracing::warn!("the engine gave an order that this version does not know");
            }
        }
    }

    /// A machine ended by itself.
    pub(crate) fn machine_gone(&self, gone: MachineGone) {
        let MachineGone { instance, host, detail } = gone;
        tracing::warn!(%instance, host, detail, "machine gone");
        self.bad(&instance, HypervisorToEngine::MachineGone { instance: instance.clone(), host, detail });
    }

    /// Serves instances that an earlier process made.
    pub(crate) fn take_over(&self, found: Vec<FoundAgain>) {
        for FoundAgain { instance, cluster, sockets } in found {
            self.follow(&instance, &cluster, Step::Network(sockets));
        }
    }

    /// What is said again after each reconnection.
    pub(crate) fn standing(&self) -> Vec<HypervisorToEngine> {
        self.bad_news().values().flatten().cloned().collect()
    }

    /// Stops everything that there is.
    pub(crate) async fn stop_all(&self) {
        let instances = self.instances();
        join_all(instances.iter().map(|instance| self.stop(instance, self.provider.stop(instance)))).await;
    }

    /// Leaves the instances to the agent's next process.
    pub(crate) async fn let_go(&self) {
        let relays: Vec<Relay> = self.relays().drain().map(|(_, relay)| relay).collect();
        join_all(relays.into_iter().map(Relay::stop)).await;
    }

    /// Stops everything because the engine was silent for too long; it is told when it comes back.
    pub(crate) async fn lapse(&self, silence: Duration) {
        let instances = self.instances();
        if instances.is_empty() {
            return;
        }
        let silence = limit(silence);
        tracing::error!(
            instances = instances.len(),
            "no word from the engine for {silence}: the lease is over, all instances are stopped"
        );
        self.stop_all().await;
        for instance in instances {
            let detail =
                format!("the engine was silent for {silence}, the lease's length; the instance was stopped");
            self.bad(&instance, HypervisorToEngine::Failed { instance: instance.clone(), detail });
        }
    }

    fn instances(&self) -> Vec<InstanceId> {
        self.provider.instances().into_iter().map(|(instance, _)| instance).collect()
    }

    async fn start(
        &self,
        instance: InstanceId,
        cluster: &ClusterPlan,
        start: Work,
        mut steps: mpsc::UnboundedReceiver<Step>,
    ) {
        self.progress(&instance, InstanceStep::StartingCluster, "starting the cluster".to_owned());
        let follow = async {
            while let Some(step) = steps.recv().await {
                self.follow(&instance, cluster, step);
            }
        };
        let (started, ()) = tokio::join!(start, follow);
        match started {
            Ok(()) => self.say(HypervisorToEngine::Made { instance }),
            // Whoever stopped it says so.
            Err(error) if error.is_cancelled() => self.end_service(&instance).await,
            Err(error) => {
                tracing::warn!(%instance, %error, "could not be started");
                self.end_service(&instance).await;
                let detail = error.to_string();
                self.bad(&instance, HypervisorToEngine::Failed { instance: instance.clone(), detail });
            }
        }
    }

    fn follow(&self, instance: &InstanceId, cluster: &ClusterPlan, step: Step) {
        match step {
            Step::Progress { step, detail } => self.progress(instance, step, detail),
            Step::Images(images) => {
                self.say(HypervisorToEngine::Images { instance: instance.clone(), images });
            }
            Step::Network(sockets) => {
                self.consoles.follow(instance, self.provider.consoles(instance));
                let files = Arc::new(self.link.clone());
                match Relay::start(instance, cluster, sockets, self.engine.clone(), files) {
                    Ok(relay) => {
                        self.relays().insert(instance.clone(), relay);
                    }
                    // Without it no slave will be seen, and the engine's limit for that names them.
                    Err(error) => tracing::error!(%instance, %error, "no relay"),
                }
            }
        }
    }

    async fn stop(&self, instance: &InstanceId, stop: Work) {
        self.progress(instance, InstanceStep::DestroyingCluster, "removing the machines".to_owned());
        let stopped = stop.await;
        self.end_service(instance).await;
        self.bad_news().remove(instance);
        match stopped {
            Ok(()) => self.say(HypervisorToEngine::Stopped { instance: instance.clone() }),
            Err(error) => {
                tracing::error!(%instance, %error, "could not be removed completely");
                let detail = format!("could not be removed completely: {error}");
                self.bad(instance, HypervisorToEngine::Failed { instance: instance.clone(), detail });
            }
        }
    }

    /// Ends what is done for an instance whose machines are gone.
    async fn end_service(&self, instance: &InstanceId) {
        self.consoles.end(instance).await;
        let relay = self.relays().remove(instance);
        if let Some(relay) = relay {
            relay.stop().await;
        }
    }

    fn progress(&self, instance: &InstanceId, step: InstanceStep, detail: String) {
        self.say(HypervisorToEngine::Progress { instance: instance.clone(), detail, step: Some(step) });
    }

    fn say(&self, report: HypervisorToEngine) {
        // The agent's loop listens for as long as it runs.
        let _ = self.reports.send(report);
    }

    fn bad(&self, instance: &InstanceId, report: HypervisorToEngine) {
        let mut news = self.bad_news();
        news.entry(instance.clone()).or_default().push(report.clone());
        while news.len() > REMEMBERED {
            news.pop_first();
        }
        drop(news);
        self.say(report);
    }

    fn relays(&self) -> MutexGuard<'_, HashMap<InstanceId, Relay>> {
        self.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bad_news(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Vec<HypervisorToEngine>>> {
        self.bad_news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
