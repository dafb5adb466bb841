//! Boots that scripts announce: what the machine has on record about them outlives them, as a rule.

use xrdtest_model::{AttemptId, Outcome, StageReport};

use crate::agent::Record;
use crate::common::report;
use crate::world::{Happening, Peer, World};

impl World {
    /// Perhaps a script will announce a boot.
    pub(crate) fn plan_announcement(&mut self, attempt: &AttemptId, boot: u32) {
        if self.rng.chance(self.chaos.announce) {
            let delay = self.rng.span(1000, 20_000);
            self.after(delay, Happening::Announces { attempt: attempt.clone(), boot });
        }
    }

    pub(crate) fn announces(&mut self, attempt: &AttemptId, boot: u32) {
        let Some(record) = self.going_on(attempt, boot) else {
            return;
        };
        record.announced = true;
        self.announcements += 1;
        self.say(|| format!("    {attempt} announces a boot"));
        self.say_of(attempt.clone(), StageReport::Rebooting);
        // Some do not do what they announce. The others wait a moment, so that it is heard.
        if self.rng.chance(900) {
            let delay = 100 + self.rng.span(500, 20_000);
            self.after(delay, Happening::AnnouncedBoot { attempt: attempt.clone(), boot });
        }
    }

    /// The record of a script that is running in a boot of its machine, and that nobody is ending.
    fn going_on(&mut self, attempt: &AttemptId, boot: u32) -> Option<&mut Record> {
        let agent = self.agents.get_mut(&attempt.machine)?;
        let record = agent.records.get_mut(attempt)?;
        let able = agent.alive && !agent.hung && agent.boot == boot;
        (able && record.finished.is_none() && !record.ending).then_some(record)
    }

    pub(crate) fn boots_as_announced(&mut self, attempt: &AttemptId, boot: u32) {
        if self.going_on(attempt, boot).is_none() {
            return;
        }
        self.say(|| format!("    {} boots as announced", attempt.machine));
        let orderly = self.rng.chance(500);
        self.break_link(&Peer::Machine(attempt.machine.clone()), orderly);
        // It may forget everything, or not come back in time.
        let (forgets, never) = (self.rng.chance(self.chaos.stuck), self.rng.chance(self.chaos.stuck));
        let takes = if never { 400_000 } else { 1000 + self.rng.span(30_000, 200_000) };
        let agent = self.agents.get_mut(&attempt.machine).unwrap();
        agent.boot += 1;
        agent.link = None;
        agent.records.retain(|_, _| !forgets);
        for (other, record) in &mut agent.records {
            if record.finished.is_none() {
                record.finished = Some(report(Outcome::Lost, None, 0));
                if other == attempt {
                    let mut passed = report(Outcome::Passed, Some(0), record.output);
                    passed.reason = "the machine was booted as announced".to_owned();
                    record.finished = Some(passed);
                    self.truth.insert(attempt.clone(), Some((Outcome::Passed, Some(0))));
                    self.booted += 1;
                }
            }
        }
        let peer = Peer::Machine(attempt.machine.clone());
        self.after(takes, Happening::PeerConnects { peer });
    }
}
