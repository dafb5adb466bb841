//! The rules of a run: what is so, in; what follows from it, out. Nothing here changes anything.
//!
//! Every rule looks at what is so now and not at how it came about. So nothing is missed when inputs come late, doubled
//! or in odd order, or when the core was restored in between.

mod attempts;
mod clock;
mod contact;
mod end;
mod standing;
mod starting;
mod steps;

use xrdtest_model::{EventBody, Timestamp};

use crate::config::Config;
use crate::scope::Scope;
use crate::state::{Run, State};
use crate::world::World;

pub(crate) use end::{CutOff, stopping};

/// All that the rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) state: &'a State,
    pub(crate) world: &'a World,
    pub(crate) now: Timestamp,
}

impl View<'_> {
    /// What follows for a run from the news about the machines in the scope. Asked again after these events are applied,
    /// until nothing follows any more.
    pub(crate) fn decide(self, run: &Run, scope: &Scope) -> Vec<EventBody> {
        if run.placed.is_none() {
            return self.decide_waiting(run);
        }
        if run.began.is_none() {
            return self.decide_starting(run);
        }
        // Who is lost decides what becomes of attempts, and attempts decide what comes next.
        [Self::decide_contact, Self::decide_limit, Self::decide_attempts]
            .into_iter()
            .map(|rule| rule(self, run, scope))
            .find(|events| !events.is_empty())
            .unwrap_or_else(|| self.next_step(run))
    }
}
