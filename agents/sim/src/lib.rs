//! A fleet of fake agents in one process that speak the real protocol over real connections, and misbehave on demand.
//!
//! A fake hypervisor agent accepts every cluster and starts one fake slave agent per host, which joins with its token,
//! connects, and answers orders without running anything: as its [`rule`]s say, it passes at once, is slow, writes
//! output, fails, dies, lies, floods. What it answers is decided by [`slave::Core`], which knows no socket and no clock.
//!
//! All agents share the runtime that [`Fleet::start`] is called in; each has a socket of its own, as real ones have.

mod fleet;
mod hypervisor;
mod random;
pub mod rule;
mod session;
pub mod slave;
mod stats;

pub use fleet::{FakeHypervisor, Fleet, FleetConfig, Pass};
pub use random::Random;
pub use rule::{Behaviours, Kind, ParseRuleError, Rule};
pub use stats::{Latency, Snapshot, Trouble};
