//! Histories of a scheduler by the thousand: its clock is set, it ends in every moment, its definitions are read again.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use support::{HOUR, Suites, at, suite};
use xrdtest_model::Timestamp;
use xrdtest_model::definition::{MissedStart, SuiteDefinition, Timing};
use xrdtest_schedule::agenda::{Agenda, Record, Standing, What};
use xrdtest_schedule::{Timetable, Zone};

/// A scheduler's world: a clock that is set, a store, and a scheduler that may end between any two steps.
struct World {
    chance: u64,
    now: u64,
    suites: Suites,
    /// What is durable: runs by suite and start, with when they were made, and records.
    runs: BTreeMap<(String, Timestamp), Timestamp>,
    records: BTreeMap<String, Record>,
    agenda: Agenda,
    /// How often a scheduler ended with a run and without the record of it.
    torn: u32,
    made_up: u32,
}

impl World {
    fn new(seed: u64, suites: Suites) -> Self {
        let (runs, records, agenda) = (BTreeMap::new(), BTreeMap::new(), Agenda::default());
        let chance = seed * 0x9e37_79b9;
        let mut world = Self { chance, now: 0, suites, runs, records, agenda, torn: 0, made_up: 0 };
        world.restart();
        world
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % limit
    }

    fn keep(&mut self, records: impl IntoIterator<Item = Record>) {
        self.records.extend(records.into_iter().map(|record| (record.suite.clone(), record)));
    }

    fn restart(&mut self) {
        self.agenda = Agenda::new(self.records.values().cloned());
        let new = self.agenda.define(&self.suites, &Zone::utc(), at(self.now));
        self.keep(new);
        self.look();
    }

    fn look(&mut self) {
        let set_back = self.agenda.look(at(self.now));
        self.keep(set_back);
    }

    /// Decides all that is due, as the engine does. Now and then it is ended somewhere in it, for a while, and another
    /// one goes on.
    fn wake(&mut self, longest: u64) {
        self.look();
        while let Some((suite, start)) = self.agenda.due(at(self.now)) {
            if self.below(10) == 0 {
                self.now += self.below(longest);
                self.restart();
                continue;
            }
            let key = (suite.clone(), start);
            if self.runs.contains_key(&key) {
                let record = self.agenda.has_run(&suite, start, "run".to_owned());
                self.keep(record);
                continue;
            }
            let decided = self.agenda.decide(&suite, at(self.now), Standing::default()).expect("it is due");
            if matches!(decided.what, What::Run | What::MakeUp) {
                self.made_up += u32::from(decided.what == What::MakeUp);
                assert_eq!(self.runs.insert(key, at(self.now)), None);
            }
            if self.below(10) == 0 {
                self.torn += 1;
                self.now += self.below(longest);
                self.restart();
                continue;
            }
            let record = self.agenda.tell(&decided, None, String::new());
            self.keep(record);
        }
    }

    /// All starts until a time, by suite.
    fn starts(&self, until: u64) -> Vec<(String, Timestamp)> {
        let of = |(name, suite): (&String, &Arc<SuiteDefinition>)| {
            let timetable = Timetable::new(suite.schedule.as_ref().expect("a schedule")).expect("good");
            let starts: Vec<_> =
                timetable.starts_after(at(0), &Zone::utc()).take_while(|start| *start <= at(until)).collect();
            starts.into_iter().map(|start| (name.clone(), start)).collect::<Vec<_>>()
        };
        self.suites.iter().flat_map(of).collect()
    }
}

fn three(timing: &Timing) -> Suites {
    let crons = [("a", "*/5 * * * *"), ("b", "7,9 * * * *"), ("c", "0 */2 * * *")];
    crons.map(|(name, cron)| suite(name, cron, timing.clone())).into()
}

/// A thousand histories: without a long break each start has exactly one run, however often the scheduler is ended, its
/// definitions are read again, or the clock is set back and comes again.
#[test]
fn no_start_is_lost_and_none_doubled() {
    let mut torn = 0;
    for seed in 1..=1000 {
        let jitter_ms = (seed % 2 == 0).then_some(20_000);
        let mut world = World::new(seed, three(&Timing { jitter_ms, ..Timing::default() }));
        let mut latest = 0;
        while latest < 3 * HOUR {
            match world.below(48) {
                0 => world.restart(),
                1 => {
                    let new = world.agenda.define(&world.suites.clone(), &Zone::utc(), at(world.now));
                    assert_eq!(new, [], "nothing has changed");
                }
                2 => {
                    // Not before the begin: then the first records would be of the future.
                    let back = world.below(600_000).min(world.now);
                    world.now -= back;
                }
                _ => world.now += world.below(50_000),
            }
            world.wake(1);
            latest = latest.max(world.now);
        }
        world.now = latest;
        world.wake(1);
        for (name, start) in world.starts(latest - 20_000) {
            let made = world.runs.contains_key(&(name.clone(), start));
            assert!(made, "seed {seed}: {name} at {start:?}");
        }
        assert!(world.runs.iter().all(|((_, start), made)| start <= made), "none comes before its time");
        torn += world.torn;
    }
    assert!(torn > 1000, "{torn}");
}

/// A thousand histories with breaks of up to an hour, in which starts are missed and made up for: whenever a start was,
/// a run of that suite is made at that time or later, before the next look at the clock is over.
#[test]
fn what_was_missed_is_made_up_for_whenever_the_engine_ends() {
    let (mut torn, mut made_up) = (0, 0);
    for seed in 1..=1000 {
        let jitter_ms = (seed % 2 == 0).then_some(20_000);
        let timing = Timing { missed: MissedStart::Once, jitter_ms, ..Timing::default() };
        let mut world = World::new(seed, three(&timing));
        while world.now < 6 * HOUR {
            match world.below(20) {
                0 => {
                    world.now += world.below(HOUR);
                    world.restart();
                }
                1 => world.now += world.below(HOUR),
                _ => world.now += world.below(50_000),
            }
            world.wake(HOUR);
            for (name, start) in world.starts(world.now.saturating_sub(20_000)) {
                let covered = world.runs.iter().any(|((suite, _), made)| *suite == name && *made >= start);
                assert!(covered, "seed {seed}: {name} at {start:?}, at {:?}", at(world.now));
            }
        }
        (torn, made_up) = (torn + world.torn, made_up + world.made_up);
    }
    assert!(torn > 1000 && made_up > 1000, "{torn}, {made_up}");
}
