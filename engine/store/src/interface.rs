//! [`Store`], the contract between the engine and whatever keeps its data.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use xrdtest_model::api::{OutputEntry, RunSummary};
use xrdtest_model::chronicle::{Subject, SubjectKind, Transition};
use xrdtest_model::{Event, InstanceId, RunId, Timestamp, Verdict};

use crate::{AccessStore, Outbox};

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be used any more, or not at all: torn, full, read-only, of a newer version. In words, with what to do.
    #[error("{0}")]
    Broken(String),
    /// This one request can't be carried out and nothing of it was: events that do not follow the last one, a run that
    /// is not over. Everything else goes on. In words.
    #[error("{0}")]
    Refused(String),
}

/// The answer of a store.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Where everything is kept. What is written is durable (synced to the disk) when the future is done; what several
/// callers write at the same time shares one sync. Writes are carried out in the order in which they were asked for, and
/// that is when the method is called: a caller need not wait for one answer before it asks for the next write.
pub trait Store: AccessStore + Outbox + Send + Sync + std::fmt::Debug + 'static {
    /// Appends events to the journal, and brings records, states and the index of outputs up to them, all or nothing.
    /// Their numbers go on from the last one, else they are refused.
    fn append(&self, events: Vec<Event>) -> Answer<'_, ()>;

    /// What a core is restored from: all events of runs that are not over and of instances of which something may be
    /// left, those about agents that say who is in contact, those that say what people hold, and the journal's last event; in order.
    fn live_events(&self) -> Answer<'_, Vec<Event>>;

    /// Events with greater numbers than `after`, at most `limit`, in order; of one run (with its instances and
    /// machines), or of all. An instance that was started by hand belongs to no run: its events are those of the run
    /// of its own id, which is no run otherwise.
    fn events(&self, run: Option<RunId>, after: u64, limit: u32) -> Answer<'_, Vec<Event>>;

    /// Runs, newest first.
    fn runs(&self, filter: RunFilter) -> Answer<'_, Vec<RunSummary>>;

    /// The latest runs of each suite that has any, at most so many of each: by suite, newest first.
    fn latest_runs(&self, of_each: u32) -> Answer<'_, Vec<RunSummary>>;

    /// The verdicts of the cases in the latest runs of a suite, at most so many runs: newest run first, in the order of
    /// the cases.
    fn cases(&self, suite: String, runs: u32) -> Answer<'_, Vec<CaseVerdict>>;

    /// The numbers that scripts stated in the latest runs of a suite, at most so many runs: newest run first, in the
    /// order in which they came.
    fn metrics(&self, suite: String, runs: u32) -> Answer<'_, Vec<Measured>>;

    /// How many of the runs that are kept have which verdict; none with 0.
    fn verdicts(&self) -> Answer<'_, Vec<(Verdict, u64)>>;

    /// One run.
    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>>;

    /// What a run left, in order of the stages.
    fn outputs(&self, run: RunId) -> Answer<'_, Vec<OutputEntry>>;

    /// The present state of all subjects of a kind, by name.
    fn states(&self, kind: SubjectKind) -> Answer<'_, Vec<Transition>>;

    /// The present state of all physical machines and of the machines of these instances, by name: of machines that ever
    /// were there may be hundreds of thousands.
    fn machines(&self, instances: Vec<InstanceId>) -> Answer<'_, Vec<Transition>>;

    /// The states of a subject, newest first, at most `limit`.
    fn history(&self, subject: Subject, limit: u32) -> Answer<'_, Vec<Transition>>;

    /// Keeps tokens.
    fn add_tokens(&self, tokens: Vec<TokenRecord>) -> Answer<'_, ()>;

    /// Uses a token up: answers the identity that it is for. With the same `key` it may be used again, as an agent does
    /// that did not hear the answer. `None`: unknown, expired, revoked, or used with another key.
    fn use_token(&self, digest: String, key: String, now: Timestamp) -> Answer<'_, Option<String>>;

    /// All tokens that are not expired, newest first.
    fn tokens(&self, now: Timestamp) -> Answer<'_, Vec<TokenRecord>>;

    /// Removes the tokens whose identity begins with `prefix`, or whose digest does; answers how many.
    fn revoke_tokens(&self, prefix: TokenPrefix) -> Answer<'_, u64>;

    /// Keeps that an agent's certificates are void, in the place of what was kept of it, and removes its tokens.
    fn revoke(&self, revocation: Revocation) -> Answer<'_, ()>;

    /// Keeps that an agent whose certificates are void was in contact with one that was given later.
    fn joined_anew(&self, identity: String, at: Timestamp) -> Answer<'_, ()>;

    /// Whose certificates are void, the latest first.
    fn revocations(&self) -> Answer<'_, Vec<Revocation>>;

    /// Keeps what is known of suites' starts, in the place of what was kept of these suites.
    fn keep_schedules(&self, records: Vec<ScheduleRecord>) -> Answer<'_, ()>;

    /// What is kept of suites' starts, by suite.
    fn schedules(&self) -> Answer<'_, Vec<ScheduleRecord>>;

    /// A pinned run is never removed by itself. Answers whether the run exists.
    fn pin(&self, run: RunId, pinned: bool) -> Answer<'_, bool>;

    /// Notes that the outputs and logs of a run were removed; `archive` is the file that they are in.
    fn evidence_removed(&self, run: RunId, at: Timestamp, archive: Option<String>) -> Answer<'_, ()>;

    /// Removes a run that is over, and whose instances are stopped, from everywhere: its events, record, index, the
    /// states of its job and of its machines; and with it, instances that were started by hand and stopped before
    /// all runs that are left. An unknown run is none to remove; one that is not over is refused. The
    /// journal's last event stays until others follow, so that no number is used twice; it is no run's any more.
    fn remove_run(&self, run: RunId) -> Answer<'_, ()>;

    /// Ends it; what was begun is finished.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFilter {
    /// Of this suite.
    pub suite: Option<String>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// Only those that are over (`true`), or are not (`false`).
    pub over: Option<bool>,
    /// Asked for at this time or later.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Asked for before this time, which is how a list is continued. (Runs of one millisecond are not told apart.)
    pub before: Option<Timestamp>,
    /// How many at most; 0: 100.
    #[serde(default)]
    pub limit: u32,
}

/// What a case amounted to in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseVerdict {
    /// The run.
    pub run: RunId,
    /// Its position in the run.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// A number that a script stated in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The run.
    pub run: RunId,
    /// The metric's name.
    pub name: String,
    /// The host on which it was stated.
    pub machine: String,
    /// The number.
    pub value: f64,
    /// What it counts; may be empty.
    pub unit: String,
}

/// Which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPrefix {
    /// Those for identities that begin so.
    Identity(String),
    /// Those whose digest begins so.
    Digest(String),
}

/// The certificates that an agent was given until then are void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose: the text of an identity of the protocol, `xrdtest:hypervisor/NAME`.
    pub identity: String,
    /// When that was said first since it was in contact.
    pub at: Timestamp,
    /// Certificates that were given later are good.
    pub void_until: Timestamp,
    /// Who said so.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// When it was in contact with a certificate that is good; `None`: it is refused.
    pub joined: Option<Timestamp>,
}

/// A join token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// SHA-256 of its secret, hexadecimal.
    pub digest: String,
    /// Whom it lets join: the text of an identity of the protocol, `xrdtest:slave/INSTANCE/HOST`.
    pub identity: String,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// When it was used first.
    pub used: Option<Timestamp>,
}

/// What is kept of a suite's starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// The suite; empty: all of them, of which only `paused` is meant.
    pub suite: String,
    /// The starts up to this time were considered.
    pub considered: Timestamp,
    /// The schedule that they are of.
    pub schedule: String,
    /// Who has paused it.
    pub paused: Option<String>,
    /// What became of its latest start.
    pub last: Option<LastStart>,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastStart {
    /// When it was planned.
    pub start: Timestamp,
    /// The run that it led to.
    pub run: Option<RunId>,
    /// Why it led to none, or to one late; else empty.
    pub reason: String,
}
