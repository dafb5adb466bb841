//! Random worlds, by the thousand: machines that die, boot, hang and come back, links that break in either direction,
//! hypervisors that fail, a core that is killed between any two effects and restored from its journal. At every step
//! and at the end the rules of a run are checked, the verdicts against an oracle of their own.
//!
//! A failure prints its seed. `XRDTEST_SIM_SEED=N` runs that world alone and prints what happens in it;
//! `XRDTEST_SIM_RUNS=N` changes how many there are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test helpers are not marked as tests"
)]

#[path = "../common/mod.rs"]
mod common;

mod agent;
mod boots;
mod checks;
mod engine;
mod external;
mod faults;
mod holds;
mod hypervisor;
mod oracle;
mod rng;
mod setup;
mod standing;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn random_worlds_keep_the_rules() {
    if let Some(seed) = number("XRDTEST_SIM_SEED") {
        World::new(seed, true).run();
        return;
    }
    let mut totals = checks::Totals::default();
    for seed in 0..number("XRDTEST_SIM_RUNS").unwrap_or(10_000) {
        match catch_unwind(AssertUnwindSafe(|| World::new(seed, false).run())) {
            Ok(world) => totals.add(&world),
            Err(panic) => {
                eprintln!("seed {seed} breaks a rule; XRDTEST_SIM_SEED={seed} shows how");
                std::panic::resume_unwind(panic);
            }
        }
    }
    totals.check();
}
