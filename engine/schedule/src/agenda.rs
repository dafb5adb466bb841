//! Which suites are to be started now: the decisions of a scheduler, with the time as an argument.
//!
//! Of each suite it is known until when its starts were considered. A start is considered once it is due; what was
//! decided becomes durable before the record of it ([`Agenda::record`]) does, and a run's id tells its suite and start.
//! So a scheduler that ends anywhere between decides the same again, and finds that the run is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::Timestamp;
use xrdtest_model::definition::{MissedStart, Overlap, SuiteDefinition, Timing};

use crate::{Timetable, Zone};

/// A start that is considered later than this was missed.
pub const LATE: Duration = Duration::from_secs(60);

/// What is kept of a suite's starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The suite; empty: all of them, of which only `paused` is meant.
    pub suite: String,
    /// The starts up to this time were considered.
    pub considered: Timestamp,
    /// The schedule that they are of, with its zone. Under another one there are no starts in the past.
    pub schedule: String,
    /// Who has paused it.
    pub paused: Option<String>,
}

/// How the runs stand that earlier starts of a suite have led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// One waits in the queue.
    pub waits: bool,
    /// One has a place and is not over.
    pub runs: bool,
}

/// What becomes of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The suite.
    pub suite: String,
    /// The start; of several missed ones the first.
    pub start: Timestamp,
    /// What to do.
    pub what: What,
}

/// What becomes of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A run is asked for.
    Run,
    /// A run is asked for that makes up for this and all later starts that were missed.
    MakeUp,
    /// Nothing: this, and perhaps later ones, were missed.
    Missed,
    /// Nothing: an earlier start's run is not over.
    Overlaps,
}

#[derive(Clone, Debug)]
struct Entry {
    timetable: Arc<Timetable>,
    zone: Zone,
    timing: Timing,
    record: Record,
    /// The first start that was not considered, and when it is due.
    next: Option<(Timestamp, Timestamp)>,
}

/// All suites that have a schedule.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    entries: BTreeMap<String, Entry>,
    /// Records of suites that are not defined now.
    others: BTreeMap<String, Record>,
    /// Who has paused all.
    paused: Option<String>,
}

impl Agenda {
    /// Goes on from what was kept.
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut agenda = Self::default();
        for record in records {
            if record.suite.is_empty() {
                agenda.paused = record.paused;
            } else {
                agenda.others.insert(record.suite.clone(), record);
            }
        }
        agenda
    }

    /// Takes new definitions over; answers the suites whose records are to be kept. What was due before should have been
    /// decided ([`Self::decide`]): a schedule that has changed has no past.
    pub fn define<'a>(
        &mut self,
        suites: impl IntoIterator<Item = (&'a String, &'a Arc<SuiteDefinition>)>,
        zone: &Zone,
        now: Timestamp,
    ) -> Vec<Record> {
        for (name, entry) in std::mem::take(&mut self.entries) {
            self.others.insert(name, entry.record);
        }
        let mut new = Vec::new();
        for (name, suite) in suites {
            let Some(schedule) = &suite.schedule else { continue };
            let Ok(timetable) = Timetable::new(schedule) else { continue };
            let own = suite.timing.timezone.as_deref().and_then(Zone::find);
            let zone = own.unwrap_or_else(|| zone.clone());
            let text = format!("{schedule:?} {}", zone.name());
            let known = self.others.remove(name);
            let paused = known.as_ref().and_then(|record| record.paused.clone());
            let record = match known {
                Some(record) if record.schedule == text => record,
                _ => {
                    let record = Record { suite: name.clone(), considered: now, schedule: text, paused };
                    new.push(record.clone());
                    record
                }
            };
            let (timetable, timing) = (Arc::new(timetable), suite.timing.clone());
            let mut entry = Entry { timetable, zone, timing, record, next: None };
            entry.look_ahead();
            self.entries.insert(name.clone(), entry);
        }
        new
    }

    /// The next thing that is due, one at a time: what it leads to may change how the next one stands. The caller keeps
    /// [`Self::record`] when it is carried out, and asks again.
    pub fn decide(&mut self, now: Timestamp, standing: impl Fn(&str) -> Standing) -> Option<Decision> {
        let Self { entries, paused, .. } = self;
        let due = |entry: &&mut Entry| entry.next.is_some_and(|(_, due)| due <= now);
        for entry in entries.values_mut().filter(due) {
            if paused.is_some() || entry.record.paused.is_some() {
                entry.consider(now);
                continue;
            }
            return entry.decide(now, standing(&entry.record.suite));
        }
        None
    }

    /// When something is due next.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(|entry| entry.next).map(|(_, due)| due).min()
    }

    /// The clock was set. What lies behind it now will come again: nobody knows whether it was right before.
    pub fn clock_was_set(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut().filter(|entry| entry.record.considered > now) {
            entry.consider(now);
        }
    }

    /// What is to be kept of a suite.
    pub fn record(&self, suite: &str) -> Option<Record> {
        self.entries.get(suite).map(|entry| entry.record.clone())
    }

    /// Pauses a suite (`by` whom), or lets it go on; with an empty name all. Answers what is to be kept; `None`: it has
    /// no schedule. Starts while it is paused are neither run nor missed.
    pub fn pause(&mut self, suite: &str, by: Option<String>, now: Timestamp) -> Option<Vec<Record>> {
        if suite.is_empty() {
            if by.is_none() && self.paused.is_some() {
                self.entries.values_mut().for_each(|entry| entry.consider(now));
            }
            self.paused.clone_from(&by);
            let all = Record { suite: String::new(), considered: now, schedule: String::new(), paused: by };
            let each = self.entries.values().map(|entry| entry.record.clone());
            return Some(each.chain([all]).collect());
        }
        let entry = self.entries.get_mut(suite)?;
        if by.is_none() && entry.record.paused.is_some() {
            entry.consider(now);
        }
        entry.record.paused = by;
        Some(vec![entry.record.clone()])
    }

    /// The suites that have a schedule.
    pub fn suites(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Who has paused all suites.
    pub fn all_paused(&self) -> Option<&str> {
        self.paused.as_deref()
    }

    /// Who has paused a suite by itself.
    pub fn paused(&self, suite: &str) -> Option<&str> {
        self.entries.get(suite)?.record.paused.as_deref()
    }

    /// A suite's schedule in words, and its zone.
    pub fn describe(&self, suite: &str) -> Option<(String, &Zone)> {
        self.entries.get(suite).map(|entry| (entry.timetable.words(), &entry.zone))
    }

    /// When a suite is started next, jitter included.
    pub fn next_starts(&self, suite: &str, now: Timestamp, count: usize) -> Vec<Timestamp> {
        let Some(entry) = self.entries.get(suite) else { return Vec::new() };
        let starts = entry.timetable.starts_after(now.max(entry.record.considered), &entry.zone);
        starts.take(count).map(|start| entry.due(start)).collect()
    }
}

impl Entry {
    fn decide(&mut self, now: Timestamp, standing: Standing) -> Option<Decision> {
        let (start, due) = self.next?;
        let suite = self.record.suite.clone();
        let missed = now.since(due) > LATE;
        let what = match self.timing.missed {
            MissedStart::Skip if missed => What::Missed,
            _ => match self.timing.overlap {
                Overlap::Queue if standing.waits => What::Overlaps,
                Overlap::Skip if standing.waits || standing.runs => What::Overlaps,
                _ if missed => What::MakeUp,
                _ => What::Run,
            },
        };
        if missed {
            self.pass_over_missed(now);
        } else {
            self.consider(start);
        }
        Some(Decision { suite, start, what })
    }

    /// Considers all starts that are too late by now.
    fn pass_over_missed(&mut self, now: Timestamp) {
        let jitter = Duration::from_millis(self.timing.jitter_ms.unwrap_or(0));
        // However long it was: all of these are too late. The rest is looked at one by one.
        let surely = now.before(LATE).before(jitter);
        self.consider(surely.max(self.record.considered));
        while let Some((start, due)) = self.next
            && now.since(due) > LATE
        {
            self.consider(start);
        }
    }

    fn consider(&mut self, until: Timestamp) {
        self.record.considered = until;
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        let start = self.timetable.next_after(self.record.considered, &self.zone);
        self.next = start.map(|start| (start, self.due(start)));
    }

    /// When a start is carried out: later by its jitter, but before the next one.
    fn due(&self, start: Timestamp) -> Timestamp {
        let Some(jitter) = self.timing.jitter_ms else { return start };
        let next = self.timetable.next_after(start, &self.zone);
        let room = next.map_or(u64::MAX, |next| next.as_millis() - start.as_millis());
        let most = jitter.saturating_add(1).min(room);
        let chance = digest(&self.record.suite, start) % most.max(1);
        start.after(Duration::from_millis(chance))
    }
}

/// FNV-1a of a suite's name and a start: the same at every time and everywhere, and different for neighbours.
pub fn digest(suite: &str, start: Timestamp) -> u64 {
    let bytes = suite.bytes().chain([0]).chain(start.as_millis().to_le_bytes());
    let mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed ^ (mixed >> 32)
}
