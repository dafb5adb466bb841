//! What a scheduler decides, under clocks that are set, ends in every moment, and definitions that change.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xrdtest_model::Timestamp;
use xrdtest_model::definition::{
    AlertPolicy, MissedStart, Overlap, Schedule, Source, SuiteDefinition, Timing,
};
use xrdtest_schedule::agenda::{Agenda, Decision, Last, Record, Standing, What};
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

/// Decides and carries out all that is due.
fn all(agenda: &mut Agenda, now: Timestamp) -> Vec<(Timestamp, What)> {
    std::iter::from_fn(|| one_of(agenda, now, Standing::default())).map(|it| (it.start, it.what)).collect()
}

fn one_of(agenda: &mut Agenda, now: Timestamp, standing: Standing) -> Option<Decision> {
    let (suite, start) = agenda.due(now)?;
    let decision = agenda.decide(&suite, now, standing).expect("it is due");
    assert_eq!((&decision.suite, decision.start), (&suite, start));
    agenda.tell(&decision, Some("run".to_owned()), String::new()).expect("it has a record");
    Some(decision)
}

/// What is kept, as somebody else would find it.
fn kept(agenda: &mut Agenda, now: Timestamp) -> Vec<Record> {
    let paused = agenda.all_paused().map(str::to_owned);
    agenda.clone().pause("", paused, now).expect("all records")
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
        let kept = kept(&mut agenda(&suites, at(0)), at(0));
        let mut agenda = Agenda::new(kept);
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
        let decision = one_of(&mut agenda, at(3 * HOUR), standing);
        let expected = Decision { suite: "s".to_owned(), start: at(3 * HOUR), at: at(3 * HOUR), what };
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

/// An engine ended after the run was queued, before that was noted, and was down over the next start: the run that is
/// there makes up for nothing.
#[test]
fn a_run_that_is_there_makes_up_for_no_later_start() {
    let suites = one(Timing { missed: MissedStart::Once, ..Timing::default() });
    let mut agenda = agenda(&suites, at(0));
    let later = at(DAY + 9 * HOUR);
    assert_eq!(agenda.due(later), Some(("s".to_owned(), at(3 * HOUR))));
    let record = agenda.has_run("s", at(3 * HOUR), "run".to_owned()).expect("a record");
    assert_eq!((record.considered, record.last.expect("told").run), (at(3 * HOUR), Some("run".to_owned())));
    assert_eq!(all(&mut agenda, later), [(at(DAY + 3 * HOUR), What::MakeUp)]);
}

#[test]
fn a_clock_that_was_wrong_for_years_holds_nothing_up() {
    for restarted in [false, true] {
        let suites = one(Timing::default());
        let mut agenda = agenda(&suites, at(0));
        assert_eq!(all(&mut agenda, at(4000 * DAY)), [(at(3 * HOUR), What::Missed)]);
        if restarted {
            let records = kept(&mut agenda, at(4000 * DAY));
            agenda = Agenda::new(records);
            assert_eq!(agenda.define(&suites, &Zone::utc(), at(HOUR)), []);
        }
        let set_back = agenda.look(at(HOUR));
        assert_eq!(set_back.iter().map(|record| record.considered).collect::<Vec<_>>(), [at(HOUR)]);
        assert_eq!(agenda.look(at(HOUR)), []);
        assert_eq!(all(&mut agenda, at(3 * HOUR)), [(at(3 * HOUR), What::Run)]);
    }
}

#[test]
fn starts_that_are_put_off_are_still_told() {
    let timing = Timing { jitter_ms: Some(HOUR), ..Timing::default() };
    let suites: Suites = (0..50).map(|n| suite(&format!("s{n}"), "0 3 * * *", timing.clone())).collect();
    let agenda = agenda(&suites, at(0));
    for name in suites.keys() {
        let due = agenda.next_starts(name, at(0), 1)[0];
        let just_before = Timestamp::from_millis(due.as_millis() - 1);
        assert_eq!(agenda.next_starts(name, just_before, 1), [due], "{name}");
        assert!(agenda.next_starts(name, due, 1)[0] >= at(DAY + 3 * HOUR), "{name}");
    }
}

#[test]
fn what_became_of_the_latest_start_is_kept() {
    let suites = one(Timing::default());
    let mut agenda = agenda(&suites, at(0));
    assert_eq!(agenda.last("s"), None);
    let (suite, _) = agenda.due(at(9 * HOUR)).expect("due");
    let decision = agenda.decide(&suite, at(9 * HOUR), Standing::default()).expect("due");
    agenda.tell(&decision, None, "missed".to_owned()).expect("a record");
    let mut agenda = Agenda::new(kept(&mut agenda, at(9 * HOUR)));
    agenda.define(&one(Timing::default()), &Zone::utc(), at(9 * HOUR));
    let last = Last { start: at(3 * HOUR), run: None, reason: "missed".to_owned() };
    assert_eq!(agenda.last("s"), Some(&last));
}

#[test]
fn suites_that_can_not_be_read_just_now_are_paused_with_all() {
    let suites = one(Timing { missed: MissedStart::Once, ..Timing::default() });
    let mut agenda = agenda(&suites, at(0));
    agenda.pause("", Some("alice".to_owned()), at(0)).expect("records");
    agenda.define(&Suites::new(), &Zone::utc(), at(0));
    let records = agenda.pause("", None, at(4 * HOUR)).expect("records");
    assert_eq!(records.len(), 2);
    agenda.define(&suites, &Zone::utc(), at(5 * HOUR));
    assert_eq!(all(&mut agenda, at(5 * HOUR)), []);
}

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
