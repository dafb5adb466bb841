//! What a scheduler decides, of starts that are due, missed, overlapping and paused, and of clocks that were set.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::collections::BTreeSet;

use support::{HOUR, Suites, at, suite};
use xrdtest_model::Timestamp;
use xrdtest_model::definition::{MissedStart, Overlap, Timing};
use xrdtest_schedule::Zone;
use xrdtest_schedule::agenda::{Agenda, Decision, Last, Record, Standing, What};

const DAY: u64 = 24 * HOUR;

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
