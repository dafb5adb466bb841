//! What HTTP needs of a running engine. The daemon implements it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;
use xrdtest_model::api::{
    ArchiveRequest, Archived, ClusterRequest, EngineInfo, HypervisorInfo, InstanceInfo, Problem, QueueEntry,
    RepositoryInfo, RevocationInfo, RevocationRequest, RunProgress, RunRequest, RunSummary, ScheduledSuite,
    SchedulesInfo, TokenCreated, TokenRequest,
};
use xrdtest_model::definition::Catalogue;
use xrdtest_model::{Held, Hold, InstanceId, MachineId, RunId};
use xrdtest_store::Store;

use crate::access::Access;
use crate::metrics::Waits;

/// Why the engine did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing: 404.
    Unknown(Problem),
    /// It can't be done as asked: 422.
    Invalid(Problem),
    /// Not in the present state: 409.
    Conflict(Problem),
    /// The engine is stopping or broken: 503.
    Unavailable(Problem),
}

/// The answer of an engine.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Refusal>>;

/// A running engine. What is over is in its store; what is going on it says itself.
pub trait Engine: Send + Sync + 'static {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Who may do what.
    fn access(&self) -> Arc<Access>;

    /// The folder with one folder per run.
    fn runs_folder(&self) -> PathBuf;

    /// The number of the last durable event; waking who waits.
    fn last_event(&self) -> watch::Receiver<u64>;

    /// Counts pieces of output as they arrive, of whatever run: wakes who follows a file.
    fn output_arrived(&self) -> watch::Receiver<u64>;

    /// The definitions as last loaded.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// Its repositories, and how it goes with them.
    fn repositories(&self) -> Vec<RepositoryInfo>;

    /// Looks at a repository at once; answers how it goes with it then.
    fn fetch(&self, repository: String) -> Answer<'_, RepositoryInfo>;

    /// About itself.
    fn info(&self) -> EngineInfo;

    /// How long machines have waited for each other since the engine's start.
    fn waits(&self) -> Waits;

    /// The runs that wait.
    fn queue(&self) -> Vec<QueueEntry>;

    /// The runs that are not over, in the core's words: what each is doing.
    fn phases(&self) -> Vec<(RunId, String)>;

    /// How far the runs are that are not over.
    fn progress(&self) -> Vec<(RunId, RunProgress)>;

    /// The instances of which something may be left.
    fn instances(&self) -> Vec<InstanceInfo>;

    /// Hypervisor agents that have been in contact since the engine's start.
    fn hypervisors(&self) -> Vec<HypervisorInfo>;

    /// Slave agents in contact.
    fn slaves(&self) -> Vec<MachineId>;

    /// Asks for a run, or for as many as the request says. `by`: who asks.
    fn submit(&self, request: RunRequest, by: String) -> Answer<'_, Vec<RunId>>;

    /// Removes a run and all that it left; answers what was known of it. A conflict where it is not over, is pinned, or
    /// still has an instance.
    fn delete_run(&self, run: RunId, by: String) -> Answer<'_, RunSummary>;

    /// What people hold.
    fn holds(&self) -> BTreeMap<Held, Hold>;

    /// Holds the queue or a hypervisor back, for a reason that may be empty; without one the hold is over.
    fn hold(&self, on: Held, by: String, reason: Option<String>) -> Answer<'_, ()>;

    /// Gives a run up.
    fn cancel(&self, run: RunId, by: String, reason: String, force: bool) -> Answer<'_, ()>;

    /// Takes a run out of the queue; a conflict where it has a place already.
    fn dequeue(&self, run: RunId, by: String, reason: String) -> Answer<'_, ()>;

    /// Starts a cluster by hand; a conflict, in words, where there is no place for it now. `by`: who asks.
    fn start_cluster(&self, request: ClusterRequest, by: String) -> Answer<'_, InstanceId>;

    /// Stops an instance that belongs to no run; a conflict where it does.
    fn stop_cluster(&self, instance: InstanceId, by: String) -> Answer<'_, ()>;

    /// Suites that start by themselves, with so many starts to come of each.
    fn schedules(&self, starts: usize) -> SchedulesInfo;

    /// One of them; `None`: there is no such suite, or it has no schedule.
    fn schedule(&self, suite: &str, starts: usize) -> Option<ScheduledSuite>;

    /// Pauses the schedule of a suite, or lets it go on; with an empty name all of them. `by`: who asks.
    fn pause(&self, suite: String, paused: bool, by: String) -> Answer<'_, ()>;

    /// Makes a join token.
    fn new_token(&self, request: TokenRequest, by: String) -> Answer<'_, TokenCreated>;

    /// Makes the certificates void that an agent was given so far, and ends its connection.
    fn revoke(&self, request: RevocationRequest, by: String) -> Answer<'_, RevocationInfo>;

    /// Packs runs into files.
    fn archive(&self, request: ArchiveRequest) -> Answer<'_, Archived>;

    /// Reads configuration and definitions again.
    fn reload(&self) -> Answer<'_, ()>;

    /// Ends the engine in an orderly way; machines and scripts go on.
    fn stop(&self) -> Answer<'_, ()>;

    /// Changes the filter of the log.
    fn set_log_level(&self, level: String) -> Answer<'_, ()>;
}
