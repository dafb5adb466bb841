//! What a fleet has seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Agents whose troubles are remembered by name.
const REMEMBERED: usize = 1000;
/// Steps of the histogram between a power of two and the next.
const STEPS: u64 = 8;

/// Counters that all agents of a fleet share.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) hypervisors_connected: Gauge,
    pub(crate) slaves: Gauge,
    pub(crate) slaves_connected: Gauge,
    pub(crate) joins: Counter,
    pub(crate) connections: Counter,
    pub(crate) reconnects: Counter,
    pub(crate) orders: Counter,
    pub(crate) reports: Counter,
    pub(crate) uploads: Counter,
    pub(crate) uploaded_bytes: Counter,
    pub(crate) barriers: Histogram,
    troubles: Mutex<BTreeMap<String, Trouble>>,
}

/// What a fleet has seen so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Fake hypervisor agents that are connected now.
    pub hypervisors_connected: u64,
    /// Fake slaves that exist now.
    pub slaves: u64,
    /// Fake slaves that are connected now.
    pub slaves_connected: u64,
    /// Times that an agent has joined.
    pub joins: u64,
    /// Connections that the engine has accepted.
    pub connections: u64,
    /// Those of them that followed an earlier one of the same agent.
    pub reconnects: u64,
    /// Orders that slaves got, repeated ones included.
    pub orders: u64,
    /// Reports that slaves sent.
    pub reports: u64,
    /// Outputs that the engine has in full.
    pub uploads: u64,
    /// Bytes of output that were sent.
    pub uploaded_bytes: u64,
    /// From an order to the next order of the same slave: with prompt slaves, how long a barrier takes.
    pub barrier: Latency,
    /// What went wrong, by agent.
    pub troubles: BTreeMap<String, Trouble>,
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Half of them took at most so many microseconds; a bound, at most an eighth too high.
    pub p50_us: u64,
    /// Of 100, 99.
    pub p99_us: u64,
    /// All.
    pub max_us: u64,
}

/// What went wrong with an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// How often.
    pub count: u64,
    /// What it was the last time.
    pub last: String,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

/// One of them, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted<'a>(&'a Gauge);

impl Gauge {
    pub(crate) fn one(&self) -> Counted<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self)
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Times in classes whose bounds lie an eighth of a power of two apart.
#[derive(Debug)]
pub(crate) struct Histogram {
    classes: Vec<AtomicU64>,
    longest: AtomicU64,
}

impl Histogram {
    fn new() -> Self {
        let classes = (0..=class_of(u64::MAX)).map(|_| AtomicU64::new(0)).collect();
        Self { classes, longest: AtomicU64::new(0) }
    }

    pub(crate) fn note(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.classes[class_of(time)].fetch_add(1, Ordering::Relaxed);
        self.longest.fetch_max(time, Ordering::Relaxed);
    }

    fn latency(&self) -> Latency {
        let counts: Vec<u64> = self.classes.iter().map(|class| class.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max_us = self.longest.load(Ordering::Relaxed);
        let bound = |percent: u64| {
            let wanted = (count * percent).div_ceil(100);
            let mut seen = 0;
            let class = counts.iter().position(|of_class| {
                seen += of_class;
                seen >= wanted && seen > 0
            });
            class.map_or(0, |class| end_of(class).min(max_us))
        };
        Latency { count, p50_us: bound(50), p99_us: bound(99), max_us }
    }
}

fn class_of(time: u64) -> usize {
    let class = match time.checked_ilog2() {
        Some(power) if power >= 3 => u64::from(power - 2) * STEPS + (time >> (power - 3)) % STEPS,
        _ => time,
    };
    usize::try_from(class).unwrap_or(usize::MAX)
}

/// The longest time of a class.
fn end_of(class: usize) -> u64 {
    let class = class as u64;
    if class < STEPS {
        return class;
    }
    let power = class / STEPS + 2;
    let width = 1 << (power - 3);
    (1_u64 << power) + (class % STEPS) * width + (width - 1)
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            hypervisors_connected: Gauge::default(),
            slaves: Gauge::default(),
            slaves_connected: Gauge::default(),
            joins: Counter::default(),
            connections: Counter::default(),
            reconnects: Counter::default(),
            orders: Counter::default(),
            reports: Counter::default(),
            uploads: Counter::default(),
            uploaded_bytes: Counter::default(),
            barriers: Histogram::new(),
            troubles: Mutex::default(),
        }
    }

    /// Something went wrong with an agent.
    pub(crate) fn trouble(&self, agent: &str, what: &dyn std::fmt::Display) {
        tracing::debug!(agent, error = %what, "trouble");
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() < REMEMBERED || troubles.contains_key(agent) {
            let trouble = troubles.entry(agent.to_owned()).or_default();
            trouble.count += 1;
            trouble.last = what.to_string();
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            hypervisors_connected: self.hypervisors_connected.get(),
            slaves: self.slaves.get(),
            slaves_connected: self.slaves_connected.get(),
            joins: self.joins.get(),
            connections: self.connections.get(),
            reconnects: self.reconnects.get(),
            orders: self.orders.get(),
            reports: self.reports.get(),
            uploads: self.uploads.get(),
            uploaded_bytes: self.uploaded_bytes.get(),
            barrier: self.barriers.latency(),
            troubles: self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_no_gaps() {
        for class in 1..class_of(u64::MAX) {
            assert_eq!(class_of(end_of(class)), class);
            assert_eq!(class_of(end_of(class) + 1), class + 1);
        }
        assert_eq!(end_of(class_of(u64::MAX)), u64::MAX);
    }

    #[test]
    fn percentiles_are_bounds() {
        let histogram = Histogram::new();
        assert_eq!(histogram.latency(), Latency::default());
        for millisecond in 1..=100 {
            histogram.note(Duration::from_millis(millisecond));
        }
        let latency = histogram.latency();
        assert_eq!((latency.count, latency.max_us), (100, 100_000));
        assert!((50_000..=57_000).contains(&latency.p50_us), "{latency:?}");
        assert!((99_000..=100_000).contains(&latency.p99_us), "{latency:?}");
    }

    #[test]
    fn what_lives_is_counted_and_troubles_are_kept() {
        let stats = Stats::new();
        let one = stats.slaves.one();
        stats.trouble("a", &"first");
        stats.trouble("a", &"second");
        let text = serde_json::to_value(stats.snapshot()).unwrap();
        assert_eq!(text["slaves"], 1);
        assert_eq!(text["troubles"]["a"], serde_json::json!({"count": 2, "last": "second"}));
        drop(one);
        assert_eq!(stats.snapshot().slaves, 0);
    }
}
