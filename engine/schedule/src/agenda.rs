//! Which suites are to be started now: the decisions of a scheduler, with the time as an argument.
//!
//! Of each suite it is known until when its starts were considered. A start is considered once it is due; what was
//! decided becomes durable before the record of it ([`Agenda::tell`]) does, and a run's id tells its suite and start.
//! So a scheduler that ends anywhere between finds the same start again ([`Agenda::due`]), and that its run is there.
//! Whether it is there is asked before anything is decided: a start that has its run was not missed, and its run makes
//! up for no later start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::Timestamp;
use xrdtest_model::definition::{MissedStart, Overlap, Schedule, SuiteDefinition, Timing};

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
    /// What became of the latest start that was considered by itself.
    pub last: Option<Last>,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// The start; of several missed ones the first.
    pub start: Timestamp,
    /// The run that it led to.
    pub run: Option<String>,
    /// Why it led to none, or to one late; else empty.
    pub reason: String,
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
    /// When this was decided.
    pub at: Timestamp,
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
            let text = spelling(schedule, &zone);
            let known = self.others.remove(name);
            let paused = known.as_ref().and_then(|record| record.paused.clone());
            let record = match known {
                Some(record) if record.schedule == text => record,
                known => {
                    let last = known.and_then(|record| record.last);
                    let record =
                        Record { suite: name.clone(), considered: now, schedule: text, paused, last };
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

    /// The next start that is due, one at a time: what it leads to may change how the next one stands. The caller looks
    /// whether it has its run already, then either says so ([`Self::tell`]) or has it decided ([`Self::decide`]), and
    /// asks again.
    pub fn due(&mut self, now: Timestamp) -> Option<(String, Timestamp)> {
        let Self { entries, paused, .. } = self;
        for entry in entries.values_mut() {
            let Some((start, _)) = entry.next.filter(|(_, due)| *due <= now) else { continue };
            if paused.is_none() && entry.record.paused.is_none() {
                return Some((entry.record.suite.clone(), start));
            }
            entry.consider(now);
        }
        None
    }

    /// What becomes of a suite's start that is due.
    pub fn decide(&self, suite: &str, now: Timestamp, standing: Standing) -> Option<Decision> {
        let entry = self.entries.get(suite)?;
        let (start, due) = entry.next.filter(|(_, due)| *due <= now)?;
        let what = entry.decide(now.since(due) > LATE, standing);
        Some(Decision { suite: suite.to_owned(), start, at: now, what })
    }

    /// A start has its run, and is considered by that; answers what is to be kept.
    pub fn has_run(&mut self, suite: &str, start: Timestamp, run: String) -> Option<Record> {
        let entry = self.entries.get_mut(suite)?;
        entry.record.last = Some(Last { start, run: Some(run), reason: String::new() });
        entry.consider(start);
        Some(entry.record.clone())
    }

    /// A decision was carried out: with a run, or with a reason why there is none. Answers what is to be kept.
    pub fn tell(&mut self, decision: &Decision, run: Option<String>, reason: String) -> Option<Record> {
        let Decision { suite, start, at, .. } = decision;
        let (entry, start) = (self.entries.get_mut(suite)?, *start);
        entry.record.last = Some(Last { start, run, reason });
        match entry.next {
            Some((next, due)) if next == start && at.since(due) > LATE => entry.pass_over_missed(*at),
            _ => entry.consider(start),
        }
        Some(entry.record.clone())
    }

    /// When something is due next.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let running = self.entries.values().filter(|entry| entry.record.paused.is_none());
        running.filter(|_| self.paused.is_none()).filter_map(|entry| entry.next).map(|(_, due)| due).min()
    }

    /// Takes note of clocks that were set back, by this engine's life or before it: what lies behind the clock now will
    /// come again, as nobody knows whether it was right before. Answers what is to be kept.
    pub fn look(&mut self, now: Timestamp) -> Vec<Record> {
        let mut changed = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| entry.record.considered > now) {
            entry.consider(now);
            changed.push(entry.record.clone());
        }
        changed
    }

    /// Pauses a suite (`by` whom), or lets it go on; with an empty name all. Answers what is to be kept; `None`: it has
    /// no schedule. Starts while it is paused are neither run nor missed.
    pub fn pause(&mut self, suite: &str, by: Option<String>, now: Timestamp) -> Option<Vec<Record>> {
        if suite.is_empty() {
            if by.is_none() && self.paused.is_some() {
                self.entries.values_mut().for_each(|entry| entry.consider(now));
                // Suites whose definitions can't be read just now were paused with the others.
                self.others.values_mut().for_each(|record| record.considered = now);
            }
            self.paused.clone_from(&by);
            let all = Record {
                suite: String::new(),
                considered: now,
                schedule: String::new(),
                paused: by,
                last: None,
            };
            let each = self.entries.values().map(|entry| &entry.record).chain(self.others.values());
            return Some(each.cloned().chain([all]).collect());
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

    /// What became of a suite's latest start.
    pub fn last(&self, suite: &str) -> Option<&Last> {
        self.entries.get(suite)?.record.last.as_ref()
    }

    /// When a suite is started next, jitter included.
    pub fn next_starts(&self, suite: &str, now: Timestamp, count: usize) -> Vec<Timestamp> {
        let Some(entry) = self.entries.get(suite) else { return Vec::new() };
        // One that is past may be put off until later than now.
        let from = now.before(entry.jitter()).max(entry.record.considered);
        let starts = entry.timetable.starts_after(from, &entry.zone).map(|start| entry.due(start));
        starts.filter(|due| *due > now).take(count).collect()
    }
}

impl Entry {
    fn decide(&self, missed: bool, standing: Standing) -> What {
        if missed && self.timing.missed == MissedStart::Skip {
            return What::Missed;
        }
        match self.timing.overlap {
            Overlap::Queue if standing.waits => What::Overlaps,
            Overlap::Skip if standing.waits || standing.runs => What::Overlaps,
            _ if missed => What::MakeUp,
            _ => What::Run,
        }
    }

    /// Considers all starts that are too late by now.
    fn pass_over_missed(&mut self, now: Timestamp) {
        // However long it was: all of these are too late. The rest is looked at one by one.
        let surely = now.before(LATE).before(self.jitter()).before(Duration::from_millis(1));
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

    fn jitter(&self) -> Duration {
        Duration::from_millis(self.timing.jitter_ms.unwrap_or(0))
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

/// A schedule in its zone, to tell whether it has changed: kept on disk, so never spelt in another way.
fn spelling(schedule: &Schedule, zone: &Zone) -> String {
    let text = match schedule {
        Schedule::Cron(text) => text.clone(),
        Schedule::Fields(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
        }
    };
    format!("{text} {}", zone.name())
}

/// FNV-1a of a suite's name and a start: the same at every time and everywhere, and different for neighbours.
pub fn digest(suite: &str, start: Timestamp) -> u64 {
    let bytes = suite.bytes().chain([0]).chain(start.as_millis().to_le_bytes());
    let mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed ^ (mixed >> 32)
}
