//! Time zones: instants and wall clocks.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use xrdtest_model::Timestamp;

/// A time zone of the IANA's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }

    /// The zone of a name such as `Europe/Zurich`, in any case.
    pub fn find(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("utc") {
            return Some(Self::utc());
        }
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        Some(Self { zone, name })
    }

    /// The names of all zones.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A time on the zone's clock: `2026-11-27 02:30:00 CET`.
    pub fn show(&self, time: Timestamp) -> String {
        match instant(time) {
            Some(instant) => instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            None => format!("{time:?}"),
        }
    }

    /// What the zone's clock shows.
    pub(crate) fn local(&self, time: Timestamp) -> Option<DateTime> {
        Some(self.zone.to_datetime(instant(time)?))
    }

    /// When the zone's clock shows a time: the first time that it does, or the first moment after the gap that the
    /// time is in.
    pub(crate) fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let at = |offset: Offset| offset.to_timestamp(local).ok();
        let found = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset)?,
            AmbiguousOffset::Fold { before, .. } => at(before)?,
            // By the clock as it is afterwards the time is before the change.
            AmbiguousOffset::Gap { after, .. } => self.zone.following(at(after)?).next()?.timestamp(),
        };
        Some(Timestamp::from_millis(u64::try_from(found.as_millisecond()).ok()?))
    }

    /// Where the zone's clock shows `local` for the second time: when it will have shown all of that for the second
    /// time. Nothing starts until then.
    pub(crate) fn end_of_second_hour(&self, time: Timestamp, local: DateTime) -> Option<DateTime> {
        let AmbiguousOffset::Fold { before, after } = self.zone.to_ambiguous_timestamp(local).offset() else {
            return None;
        };
        let now = instant(time)?;
        if self.zone.to_offset(now) != after {
            return None;
        }
        // The change is at or before now.
        let change =
            self.zone.preceding(now.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?).next()?;
        Some(before.to_datetime(change.timestamp()))
    }
}

fn instant(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(time.as_millis()).ok()?).ok()
}
