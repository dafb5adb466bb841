//! Starts as others see them: APScheduler 3 and a matcher in Python (kept in `starts.tsv`, made by `oracle.py`), and
//! croner.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, Utc};
use xrdtest_model::Timestamp;
use xrdtest_model::definition::Schedule;
use xrdtest_schedule::{Timetable, Zone};

const KEPT: &str = include_str!("starts.tsv");
/// 2200-01-01: the oracle looks no further.
const END: u64 = 7_258_118_400;
const STARTS: usize = 200;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn schedule(text: &str) -> Schedule {
    if !text.contains('=') {
        return Schedule::Cron(text.to_owned());
    }
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Schedule::Fields(text.split(';').map(|text| pair(text).expect("a pair")).collect::<BTreeMap<_, _>>())
}

fn starts(timetable: &Timetable, after: u64, zone: &Zone) -> Vec<u64> {
    let starts = timetable.starts_after(at(after), zone).map(|start| start.as_millis() / 1000);
    starts.take_while(|start| *start < END).take(STARTS).collect()
}

fn digest(starts: &[u64]) -> String {
    let text: String = starts.iter().map(|start| format!("{start}\n")).collect();
    let step = |value: u64, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

#[test]
fn kept_answers_agree() {
    let mut lines = 0;
    let (mut compared, mut maps) = (0, 0);
    let mut changes = BTreeMap::<(String, String), usize>::new();
    for (number, line) in (1..).zip(KEPT.lines()) {
        let columns: Vec<_> = line.split('\t').collect();
        let [zone_name, after, text, count, first, last, expected] = columns.as_slice() else {
            panic!("line {number} has seven columns: {line}");
        };
        let zone = Zone::find(zone_name).expect("a zone");
        let after: u64 = after.parse().expect("a number");
        let timetable = Timetable::new(&schedule(text)).expect(text);
        let found = starts(&timetable, after, &zone);
        let some = found.iter().take(3).map(u64::to_string).collect::<Vec<_>>().join(",");
        let end = found.last().map(u64::to_string).unwrap_or_default();
        assert_eq!(
            (some.as_str(), end.as_str()),
            (*first, *last),
            "line {number}: {zone_name} {after} {text}"
        );
        assert_eq!(found.len().to_string(), *count, "line {number}: {text}");
        assert_eq!(digest(&found), *expected, "line {number}: oracle.py --show {number} prints all starts");
        lines += 1;
        compared += found.len();
        maps += usize::from(text.contains('='));
        count_change_days(&found, &zone, &mut changes);
    }
    assert_eq!((lines, maps), (2000, 1000));
    assert!(compared > 380_000, "{compared}");
    // Both days of a year on which clocks are changed, in both zones, again and again.
    for [from, to] in [["CET", "CEST"], ["CEST", "CET"], ["EST", "EDT"], ["EDT", "EST"]] {
        let count = changes.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or(0);
        assert!(count > 60, "{count} days from {from} to {to} with starts before and after the change");
    }
}

/// Counts the days on which a zone's clock is changed between two neighbouring starts, both on that day.
fn count_change_days(starts: &[u64], zone: &Zone, changes: &mut BTreeMap<(String, String), usize>) {
    let shown: Vec<_> = starts.iter().map(|start| zone.show(at(*start))).collect();
    for pair in shown.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|text| text.split(' ').collect::<Vec<_>>());
        if before[0] == after[0] && before[2] != after[2] {
            *changes.entry((before[2].to_owned(), after[2].to_owned())).or_default() += 1;
        }
    }
}

#[test]
#[ignore = "asks the oracle again, by Python with APScheduler 3 and tzdata in $PYTHON: make oracle"]
fn kept_answers_are_the_oracle_s() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let made = Command::new(python).arg(script).output().expect("Python");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(made.stdout == KEPT.as_bytes(), "starts.tsv is what oracle.py writes");
}

/// xorshift: the same schedules every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn field(&mut self, least: u64, most: u64, steps: bool) -> String {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.item(least, most, steps)).collect::<Vec<_>>().join(",")
    }

    fn item(&mut self, least: u64, most: u64, steps: bool) -> String {
        let first = least + self.below(most - least);
        let last = first + 1 + self.below(most - first);
        match self.below(if steps { 4 } else { 2 }) {
            0 => first.to_string(),
            1 => format!("{first}-{last}"),
            2 => format!("*/{}", 1 + self.below((most - least) / 2)),
            _ => format!("{first}-{last}/{}", 1 + self.below(last - first)),
        }
    }

    fn maybe(&mut self, text: String) -> String {
        if self.below(2) == 0 { "*".to_owned() } else { text }
    }
}

#[test]
fn croner_agrees() {
    let mut chance = Chance(0x5eed_cafe_f00d);
    let (utc, mut compared) = (Zone::utc(), 0);
    for _ in 0..1000 {
        let fields = [
            chance.field(0, 59, true),
            chance.field(0, 23, true),
            chance.field(1, 31, false),
            chance.field(1, 12, true),
            chance.field(0, 7, false),
        ];
        let text = fields.map(|field| chance.maybe(field)).join(" ");
        let after = 1_600_000_000 + chance.below(400_000_000);
        let timetable = Timetable::new(&Schedule::Cron(text.clone())).expect(&text);
        let cron: croner::Cron = text.parse().expect(&text);
        let mut time = DateTime::<Utc>::from_timestamp(after.try_into().expect("a time"), 0).expect("a time");
        for start in timetable.starts_after(at(after), &utc).take(STARTS) {
            time = cron.find_next_occurrence(&time, false).expect(&text);
            let expected = time.timestamp_millis().try_into().expect("after 1970");
            assert_eq!(start, Timestamp::from_millis(expected), "{text} after {after}");
            compared += 1;
        }
    }
    assert!(compared > 190_000, "{compared} starts were compared");
}
