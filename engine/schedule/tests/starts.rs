//! What schedules mean, by example.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use xrdtest_model::Timestamp;
use xrdtest_model::definition::Schedule;
use xrdtest_schedule::{Timetable, Zone};

fn map(pairs: &[(&str, &str)]) -> Schedule {
    Schedule::Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn cron(text: &str) -> Schedule {
    Schedule::Cron(text.to_owned())
}

fn timetable(schedule: &Schedule) -> Timetable {
    Timetable::new(schedule).expect("a schedule")
}

/// Starts after a time in seconds, on the zone's clock.
fn shown(schedule: &Schedule, zone: &str, after: u64, count: usize) -> Vec<String> {
    let zone = Zone::find(zone).expect("a zone");
    let timetable = timetable(schedule);
    let starts = timetable.starts_after(Timestamp::from_millis(after * 1000), &zone);
    starts.take(count).map(|start| zone.show(start)).collect()
}

/// 2026-03-29 00:00 and 2026-10-25 00:00 in Zurich.
const SPRING: u64 = 1_774_738_800;
const AUTUMN: u64 = 1_792_879_200;

#[test]
fn what_does_not_exist_is_run_at_once_after_the_gap() {
    let found = shown(&cron("30 2 * * *"), "Europe/Zurich", SPRING, 2);
    assert_eq!(found, ["2026-03-29 03:00:00 CEST", "2026-03-30 02:30:00 CEST"]);
    // Four times of the gap and the one at its end are one start.
    let found = shown(&cron("*/15 1-3 * * *"), "Europe/Zurich", SPRING, 6);
    assert_eq!(
        found[3..],
        ["2026-03-29 01:45:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-29 03:15:00 CEST"]
    );
}

#[test]
fn what_exists_twice_is_run_once() {
    let found = shown(&cron("30 2 * * *"), "Europe/Zurich", AUTUMN, 2);
    assert_eq!(found, ["2026-10-25 02:30:00 CEST", "2026-10-26 02:30:00 CET"]);
    // Asked in the second hour, and just at its beginning.
    for after in [AUTUMN + 3 * 3600, AUTUMN + 3 * 3600 + 1234] {
        let found = shown(&map(&[("second", "*")]), "Europe/Zurich", after, 2);
        assert_eq!(found, ["2026-10-25 03:00:00 CET", "2026-10-25 03:00:01 CET"]);
    }
}

#[test]
fn the_next_start_is_never_now() {
    let utc = Zone::utc();
    let every_minute = timetable(&cron("* * * * *"));
    for (now, next) in [(60_000, 120_000), (60_001, 120_000), (119_999, 120_000)] {
        let found = every_minute.next_after(Timestamp::from_millis(now), &utc);
        assert_eq!(found, Some(Timestamp::from_millis(next)));
    }
}

#[test]
fn the_manual_s_schedule() {
    let schedule = map(&[("second", "30"), ("minute", "08"), ("hour", "*"), ("day", "*"), ("month", "1")]);
    let found = shown(&schedule, "UTC", SPRING, 2);
    assert_eq!(found, ["2027-01-01 00:08:30 UTC", "2027-01-01 01:08:30 UTC"]);
}

#[test]
fn what_never_fires_is_found_out_soon() {
    let began = Instant::now();
    for schedule in [
        cron("0 0 30 2 *"),
        cron("0 0 31 4,6,9,11 *"),
        map(&[("day", "30"), ("month", "2")]),
        map(&[("day", "5th mon"), ("month", "2"), ("year", "2027")]),
        map(&[("week", "53"), ("month", "6"), ("second", "*")]),
        map(&[("year", "1970-2000"), ("second", "*")]),
        map(&[("day", "2nd fri"), ("day_of_week", "mon")]),
    ] {
        assert!(shown(&schedule, "Europe/Zurich", SPRING, 1).is_empty(), "{schedule:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn what_fires_seldom_is_found() {
    // Feb 29 on a Monday, week 53 in January on a Sunday, the end of all years.
    let found = shown(&map(&[("day", "29"), ("month", "2"), ("day_of_week", "mon")]), "UTC", SPRING, 2);
    assert_eq!(found, ["2044-02-29 00:00:00 UTC", "2072-02-29 00:00:00 UTC"]);
    let last = map(&[("year", "9999"), ("month", "12"), ("day", "30"), ("hour", "1")]);
    assert_eq!(shown(&last, "UTC", SPRING, 9), ["9999-12-30 01:00:00 UTC"]);
    let nowhere = timetable(&cron("* * * * *")).next_after(Timestamp::from_millis(u64::MAX), &Zone::utc());
    assert_eq!(nowhere, None);
}

#[test]
fn what_means_nothing_is_told() {
    let problem = |schedule| Timetable::new(&schedule).map(drop).expect_err("a problem").to_string();
    assert_eq!(problem(map(&[])), "the schedule has no field");
    assert_eq!(problem(map(&[("minutes", "5")])), "minutes: there is no such field");
    assert_eq!(problem(map(&[("hour", "24")])), "hour: 24 is not between 0 and 23");
    assert_eq!(problem(cron("0 0 * *")), "it has 4 fields, not five");
    assert!(Zone::find("Europe/Zürich").is_none() && Zone::find("").is_none());
    assert_eq!(Zone::find("europe/zurich").expect("a zone").name(), "Europe/Zurich");
    assert!(Zone::names().len() > 400);
}

#[test]
fn in_plain_words() {
    for (schedule, words) in [
        (cron("30 2 * * *"), "every night at 02:30"),
        (cron("0 6,18 * * *"), "every day at 06:00 and 18:00"),
        (cron("* * * * *"), "every minute"),
        (cron("*/5 * * * *"), "every 5 minutes"),
        (cron("*/7 * * * *"), "at minutes 0 to 56 in steps of 7 of every hour"),
        (cron("8 * * 1 *"), "at minute 8 of every hour in January"),
        (cron("8 2 * * 1-5"), "on Monday to Friday at 02:08"),
        (cron("0 0 1,15 * 0"), "on days 1 and 15 of the month, and on Sunday, at 00:00"),
        (cron("0 0 */2 * 0"), "on days 1 to 31 in steps of 2 of the month where that is Sunday, at 00:00"),
        (cron("0 */2 * * 7"), "at minute 0 of every 2 hours on Sunday"),
        (
            map(&[("second", "30"), ("minute", "08"), ("hour", "*"), ("day", "*"), ("month", "1")]),
            "at second 30 of minute 8 of every hour in January",
        ),
        (map(&[("second", "*/10")]), "every 10 seconds"),
        (map(&[("minute", "*/15")]), "every 15 minutes"),
        (
            map(&[("hour", "8-18/2"), ("day_of_week", "mon-fri")]),
            "on Monday to Friday at 08:00, 10:00, 12:00, 14:00, 16:00 and 18:00",
        ),
        (map(&[("day", "last"), ("hour", "23")]), "on the last day of the month at 23:00"),
        (
            map(&[("day", "1, 2nd fri, last sun")]),
            "on day 1, the 2nd Friday and the last Sunday of the month at 00:00",
        ),
        (map(&[("week", "1-10"), ("day_of_week", "6"), ("hour", "3")]), "on Sunday at 03:00 in week 1 to 10"),
        (map(&[("year", "2027-2030")]), "on day 1 of the month at 00:00 in January in 2027 to 2030"),
    ] {
        assert_eq!(timetable(&schedule).words(), words, "{schedule:?}");
    }
}
