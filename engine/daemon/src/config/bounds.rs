//! What may be changed within bounds only: what a definition may take, and what the protocol allows at most anyway.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::Error;
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer};
use xrdtest_definitions::Bounds;
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::human;
use xrdtest_protocol::authority::STANDING_LIFETIME;
use xrdtest_protocol::frame::MAX_FRAME;
use xrdtest_protocol::stream::{MAX_CONSOLE, MAX_FETCHED};

use super::units;

const LEAST: Bounds = Bounds::LEAST;
const MOST: Bounds = Bounds::MOST;

/// What the evaluation of one definition may take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefinitionsSection {
    /// Operations.
    #[serde(deserialize_with = "operations")]
    pub operations: u64,
    /// Processor time.
    #[serde(deserialize_with = "time")]
    pub time: Duration,
    /// Bytes of memory.
    #[serde(deserialize_with = "memory")]
    pub memory: u64,
    /// Bytes of a string.
    #[serde(deserialize_with = "string")]
    pub string: usize,
    /// Elements of an array, entries of an object map.
    #[serde(deserialize_with = "elements")]
    pub elements: usize,
    /// Bytes of a definition's file.
    #[serde(deserialize_with = "file")]
    pub file: u64,
}

impl Default for DefinitionsSection {
    fn default() -> Self {
        let Bounds { operations, time, memory, string, elements, file } = Bounds::default();
        Self { operations, time, memory, string, elements, file }
    }
}

impl From<&DefinitionsSection> for Bounds {
    fn from(section: &DefinitionsSection) -> Self {
        let DefinitionsSection { operations, time, memory, string, elements, file } = *section;
        Self { operations, time, memory, string, elements, file }
    }
}

/// `value`, where it is in the range.
fn within<T: PartialOrd, E: Error>(
    value: T,
    range: RangeInclusive<T>,
    told: impl Fn(&T) -> String,
) -> Result<T, E> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (told(range.start()), told(range.end()));
    Err(E::custom(format!("{} is not possible here: at least {least}, at most {most}", told(&value))))
}

fn bytes_within<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: RangeInclusive<u64>,
) -> Result<u64, D::Error> {
    within(units::bytes(deserializer)?, range, |bytes| human_bytes(*bytes))
}

fn length_within<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: RangeInclusive<usize>,
) -> Result<usize, D::Error> {
    let length = usize::try_from(units::bytes(deserializer)?).unwrap_or(usize::MAX);
    within(length, range, |length| human_bytes(*length as u64))
}

fn operations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    within(u64::deserialize(deserializer)?, LEAST.operations..=MOST.operations, u64::to_string)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    within(units::duration(deserializer)?, LEAST.time..=MOST.time, |time| human(*time))
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    bytes_within(deserializer, LEAST.memory..=MOST.memory)
}

fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    length_within(deserializer, LEAST.string..=MOST.string)
}

fn elements<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(usize::deserialize(deserializer)?, LEAST.elements..=MOST.elements, usize::to_string)
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    bytes_within(deserializer, LEAST.file..=MOST.file)
}

/// The longest message that is taken from an agent. An agent's hello and reports may well have hundreds of KiB.
pub(super) fn frame<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    length_within(deserializer, 1 << 20..=MAX_FRAME)
}

/// The largest file that is fetched.
pub(super) fn fetched_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    bytes_within(deserializer, 4 << 10..=MAX_FETCHED)
}

/// What is kept of a console.
pub(super) fn console<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    bytes_within(deserializer, 4 << 10..=MAX_CONSOLE)
}

/// How long certificates live: longer than any other duration may be, so days by themselves are read here.
pub(super) fn certificate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let lifetime = match days {
        Some(days) => Duration::from_secs(u64::from(days) * 24 * 3600),
        None => units::duration(text.into_deserializer())?,
    };
    within(lifetime, Duration::from_secs(15)..=STANDING_LIFETIME, |time| human(*time))
}
