//! What a scheduler decides, under clocks that are set, ends in every moment, and definitions that change.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xrdtest_model::Timestamp;
use xrdtest_model::definition::{
    AlertPolicy, MissedStart, Overlap, Schedule, Source, SuiteDefinition, Timing,
};
use xrdtest_schedule::agenda::{Agenda, Decision, Record, Standing, What};
use xrdtest_schedule::{Timetable, Zone};

const DAY: u64 = 86_400_000;
const HOUR: u64 = 3_600_000;
/// 2026-11-27.
const BEGIN: u64 = 1_795_737_600_000;

type Suites = BTreeMap<String, Arc<SuiteDefinition>>;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(BEGIN + millis)
}

fn suite(name: &str, cron: &str, timing: Timing) -> (String, Arc<SuiteDefinition>) {
    let definition = SuiteDefinition {
        name: name.to_owned(),
        desc_name: None,
        clusters: Vec::new(),
        machines: Vec::new(),
        schedule: Some(Schedule::Cron(cron.to_owned())),
        timing,
        tests: Vec::new(),
        initialize: None,
        finalize: None,
        logs: Vec::new(),
        alert_emails: Vec::new(),
        alert_success: AlertPolicy::None,
        alert_failure: AlertPolicy::None,
        timeout_ms: None,
        stage_timeout_ms: None,
        tags: BTreeMap::new(),
        source: Source::default(),
    };
    (name.to_owned(), Arc::new(definition))
}

fn agenda(suites: &Suites, now: Timestamp) -> Agenda {
    let mut agenda = Agenda::new([]);
    assert_eq!(agenda.define(suites, &Zone::utc(), now).len(), suites.len(), "all are new");
    agenda
}

fn one(timing: Timing) -> Suites {
    [suite("s", "0 3 * * *", timing)].into()
}

fn all(agenda: &mut Agenda, now: Timestamp) -> Vec<(Timestamp, What)> {
    let decide = || agenda.decide(now, |_| Standing::default()).map(|it| (it.start, it.what));
    std::iter::from_fn(decide).collect()
}

#[test]
fn a_start_is_decided_when_it_is_due_and_once() {
    let mut agenda = agenda(&one(Timing::default()), at(0));
    assert_eq!(agenda.next_wakeup(), Some(at(3 * HOUR)));
    assert_eq!(all(&mut agenda, at(3 * HOUR - 1)), []);
    assert_eq!(all(&mut agenda, at(3 * HOUR)), [(at(3 * HOUR), What::Run)]);
    assert_eq!(all(&mut agenda, at(3 * HOUR)), []);
    assert_eq!(agenda.next_wakeup(), Some(at(DAY + 3 * HOUR)));
}

#[test]
fn what_was_missed_is_left_out_or_made_up_for_once() {
    for (missed, what) in [(MissedStart::Skip, What::Missed), (MissedStart::Once, What::MakeUp)] {
        let suites = one(Timing { missed, ..Timing::default() });
        let kept = agenda(&suites, at(0)).record("s").expect("a record");
        let mut agenda = Agenda::new([kept]);
        assert_eq!(agenda.define(&suites, &Zone::utc(), at(9 * DAY)), [], "the record is still right");
        assert_eq!(all(&mut agenda, at(9 * DAY)), [(at(3 * HOUR), what)]);
        assert_eq!(agenda.next_wakeup(), Some(at(9 * DAY + 3 * HOUR)));
    }
}

#[test]
fn years_that_were_missed_cost_no_time() {
    let timing = Timing { missed: MissedStart::Once, jitter_ms: Some(50), ..Timing::default() };
    let every_minute: Suites = [suite("s", "* * * * *", timing)].into();
    let mut agenda = agenda(&every_minute, at(0));
    let found = all(&mut agenda, at(3650 * DAY));
    assert_eq!(found[0], (at(60_000), What::MakeUp));
    assert!(found.len() <= 3 && found[1..].iter().all(|(_, what)| *what == What::Run), "{found:?}");
}

#[test]
fn overlapping_starts_wait_or_are_left_out() {
    let (waits, runs) = (Standing { waits: true, runs: false }, Standing { waits: false, runs: true });
    for (overlap, standing, what) in [
        (Overlap::Queue, Standing::default(), What::Run),
        (Overlap::Queue, runs, What::Run),
        (Overlap::Queue, waits, What::Overlaps),
        (Overlap::Skip, Standing::default(), What::Run),
        (Overlap::Skip, runs, What::Overlaps),
        (Overlap::Skip, waits, What::Overlaps),
    ] {
        let mut agenda = agenda(&one(Timing { overlap, ..Timing::default() }), at(0));
        let decision = agenda.decide(at(3 * HOUR), |_| standing);
        let expected = Decision { suite: "s".to_owned(), start: at(3 * HOUR), what };
        assert_eq!(decision, Some(expected), "{overlap:?} {standing:?}");
    }
}

#[test]
fn what_is_paused_is_neither_run_nor_missed() {
    for name in ["s", ""] {
        let mut agenda = agenda(&one(Timing { missed: MissedStart::Once, ..Timing::default() }), at(0));
        let kept = agenda.pause(name, Some("alice".to_owned()), at(0)).expect("records");
        assert_eq!(all(&mut agenda, at(5 * DAY)), []);
        // Over a restart too.
        let mut agenda = Agenda::new(kept);
        agenda.define(
            &one(Timing { missed: MissedStart::Once, ..Timing::default() }),
            &Zone::utc(),
            at(6 * DAY),
        );
        assert_eq!(all(&mut agenda, at(6 * DAY)), []);
        assert_eq!(agenda.paused("s").or(agenda.all_paused()), Some("alice"));
        agenda.pause(name, None, at(6 * DAY + 4 * HOUR)).expect("records");
        assert_eq!(all(&mut agenda, at(6 * DAY + 4 * HOUR)), []);
        assert_eq!(all(&mut agenda, at(7 * DAY + 3 * HOUR)), [(at(7 * DAY + 3 * HOUR), What::Run)]);
    }
    assert_eq!(agenda(&one(Timing::default()), at(0)).pause("other", None, at(0)), None);
}

#[test]
fn a_changed_schedule_has_no_past() {
    let mut agenda = agenda(&one(Timing { missed: MissedStart::Once, ..Timing::default() }), at(0));
    let changed: Suites =
        [suite("s", "0 1 * * *", Timing { missed: MissedStart::Once, ..Timing::default() })].into();
    assert_eq!(agenda.define(&changed, &Zone::utc(), at(2 * HOUR)).len(), 1);
    assert_eq!(all(&mut agenda, at(4 * HOUR)), []);
    assert_eq!(agenda.next_starts("s", at(4 * HOUR), 2), [at(DAY + HOUR), at(2 * DAY + HOUR)]);
    // Gone for a while, and back.
    agenda.define(&Suites::new(), &Zone::utc(), at(5 * HOUR));
    assert_eq!((agenda.next_wakeup(), agenda.describe("s")), (None, None));
    assert_eq!(agenda.define(&changed, &Zone::utc(), at(3 * DAY)), []);
    assert_eq!(all(&mut agenda, at(3 * DAY)), [(at(DAY + HOUR), What::MakeUp)]);
}

#[test]
fn jitter_stays_between_two_starts() {
    let timing = Timing { jitter_ms: Some(DAY), ..Timing::default() };
    let suites: Suites = (0..50).map(|n| suite(&format!("s{n}"), "*/10 * * * *", timing.clone())).collect();
    let agenda = agenda(&suites, at(0));
    let mut seen = BTreeSet::new();
    for name in suites.keys() {
        let starts = agenda.next_starts(name, at(0), 20);
        for (start, due) in (1..).zip(&starts) {
            assert!((at(start * 600_000)..at((start + 1) * 600_000)).contains(due), "{name}");
        }
        seen.extend(starts);
    }
    assert!(seen.len() > 900, "{} different times of 1000", seen.len());
}

/// A scheduler's world: a clock that is set, a store, and a scheduler that may end between any two steps.
struct World {
    chance: u64,
    now: u64,
    suites: Suites,
    /// What is durable: runs by suite and start, and records.
    runs: BTreeMap<(String, Timestamp), u32>,
    records: BTreeMap<String, Record>,
    agenda: Agenda,
}

impl World {
    fn below(&mut self, limit: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % limit
    }

    fn keep(&mut self, records: Vec<Record>) {
        self.records.extend(records.into_iter().map(|record| (record.suite.clone(), record)));
    }

    fn restart(&mut self) {
        self.agenda = Agenda::new(self.records.values().cloned());
        let new = self.agenda.define(&self.suites, &Zone::utc(), at(self.now));
        self.keep(new);
    }

    /// Decides all that is due. Now and then it is ended somewhere in it, and another one goes on.
    fn wake(&mut self) {
        while let Some(Decision { suite, start, what }) =
            self.agenda.decide(at(self.now), |_| Standing::default())
        {
            if self.below(10) == 0 {
                self.restart();
                continue;
            }
            if matches!(what, What::Run | What::MakeUp) {
                let known = self.runs.contains_key(&(suite.clone(), start));
                if !known {
                    *self.runs.entry((suite.clone(), start)).or_default() += 1;
                }
            }
            if self.below(10) == 0 {
                self.restart();
                continue;
            }
            let record = self.agenda.record(&suite).expect("a record");
            self.keep(vec![record]);
        }
    }
}

/// A thousand histories: without a long break each start has exactly one run, however often the scheduler is ended, its
/// definitions are read again, or the clock is set back and comes again.
#[test]
fn no_start_is_lost_and_none_doubled() {
    for seed in 1..=1000 {
        let suites: Suites = [("a", "*/5 * * * *"), ("b", "7,9 * * * *"), ("c", "0 */2 * * *")]
            .map(|(name, cron)| {
                suite(
                    name,
                    cron,
                    Timing { jitter_ms: (seed % 2 == 0).then_some(20_000), ..Timing::default() },
                )
            })
            .into();
        let agenda = Agenda::default();
        let (runs, records) = (BTreeMap::new(), BTreeMap::new());
        let mut world = World { chance: seed * 0x9e37_79b9, now: 0, suites, runs, records, agenda };
        world.restart();
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
                    world.agenda.clock_was_set(at(world.now));
                }
                _ => world.now += world.below(50_000),
            }
            latest = latest.max(world.now);
            world.wake();
        }
        world.now = latest;
        world.wake();
        for (name, suite) in &world.suites {
            let timetable = Timetable::new(suite.schedule.as_ref().expect("a schedule")).expect("good");
            let zone = Zone::utc();
            let expected = timetable.starts_after(at(0), &zone);
            for start in expected.take_while(|start| start.as_millis() + 20_000 <= at(latest).as_millis()) {
                assert_eq!(
                    world.runs.get(&(name.clone(), start)),
                    Some(&1),
                    "seed {seed}: {name} at {start:?}"
                );
            }
        }
        assert!(world.runs.values().all(|count| *count == 1));
        assert!(world.runs.keys().all(|(_, start)| start.as_millis() <= at(latest).as_millis()));
    }
}
