//! A schedule that was read, and its next starts.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};
use xrdtest_model::Timestamp;
use xrdtest_model::definition::Schedule;

use crate::calendar::Calendar;
use crate::field::{FIELDS, Field, field, parse_cron};
use crate::values::{Days, Values};
use crate::zone::Zone;

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub struct Problem {
    /// The field of a map.
    pub field: Option<String>,
    /// In words.
    pub message: String,
}

/// What a schedule says of each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) year: Values,
    pub(crate) month: Values,
    pub(crate) day: Days,
    pub(crate) week: Values,
    /// In cron's numbers, where 0 and 7 are Sunday, for both forms.
    pub(crate) weekday: Values,
    pub(crate) hour: Values,
    pub(crate) minute: Values,
    pub(crate) second: Values,
    /// `day` or `weekday` is enough.
    pub(crate) either: bool,
}

/// A schedule that was read.
#[derive(Clone, Debug)]
pub struct Timetable {
    fields: Fields,
    calendar: Calendar,
}

impl Timetable {
    /// Reads a schedule.
    ///
    /// # Errors
    /// Where it means nothing. Schedules of a catalogue's sound suites do.
    pub fn new(schedule: &Schedule) -> Result<Self, Problem> {
        let fields = match schedule {
            Schedule::Fields(fields) => of_map(fields)?,
            Schedule::Cron(text) => of_cron(text).map_err(|message| Problem { field: None, message })?,
        };
        let calendar = Calendar::new(&fields)
            .ok_or_else(|| Problem { field: None, message: "this can't be worked out".to_owned() })?;
        Ok(Self { fields, calendar })
    }

    /// The next start after a time, itself not included; `None` where there is none until the year 9999.
    pub fn next_after(&self, time: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let mut from = first_second_after(time, zone)?;
        loop {
            let local = self.calendar.next_from(&self.fields, from)?;
            let start = zone.instant(local)?;
            if start > time {
                return Some(start);
            }
            // Clocks were put back across a zone's second change within hours; else `first_second_after` is past it.
            from = local.checked_add(1.second()).ok()?;
        }
    }

    /// The starts after a time, in order.
    pub fn starts_after<'a>(
        &'a self,
        time: Timestamp,
        zone: &'a Zone,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        std::iter::successors(self.next_after(time, zone), |last| self.next_after(*last, zone))
    }

    /// In plain words, such as `every night at 02:30`.
    pub fn words(&self) -> String {
        crate::words::describe(&self.fields)
    }
}

/// The first whole second on the zone's clock that can stand for a later instant.
fn first_second_after(time: Timestamp, zone: &Zone) -> Option<DateTime> {
    let local = zone.local(time)?;
    let local = zone.end_of_second_hour(time, local).unwrap_or(local);
    let whole = local.with().subsec_nanosecond(0).build().ok()?;
    if zone.instant(whole).is_some_and(|instant| instant > time) {
        return Some(whole);
    }
    whole.checked_add(SignedDuration::from_secs(1)).ok()
}

/// APScheduler's rules: fields finer than the finest one that is given are at their minimum, all others `*`.
fn of_map(map: &BTreeMap<String, String>) -> Result<Fields, Problem> {
    let problem = |field: Option<&str>, message: String| Problem { field: field.map(str::to_owned), message };
    if let Some(unknown) = map.keys().find(|name| field(name).is_none()) {
        return Err(problem(Some(unknown), "there is no such field".to_owned()));
    }
    let Some(finest) = FIELDS.iter().rposition(|field| map.contains_key(field.name)) else {
        return Err(problem(None, "the schedule has no field".to_owned()));
    };
    let text = |index: usize, field: &Field| match map.get(field.name) {
        Some(text) => text.clone(),
        None if index > finest && !matches!(field.name, "week" | "day_of_week") => field.least().to_string(),
        None => "*".to_owned(),
    };
    let [year, month, day, week, weekday, hour, minute, second] = &FIELDS;
    let values = |index: usize, field: &Field| {
        field.parse(&text(index, field)).map_err(|message| problem(Some(field.name), message))
    };
    let days = day.parse_days(&text(2, day)).map_err(|message| problem(Some(day.name), message))?;
    Ok(Fields {
        year: values(0, year)?,
        month: values(1, month)?,
        day: days,
        week: values(3, week)?,
        weekday: from_monday(&values(4, weekday)?),
        hour: values(5, hour)?,
        minute: values(6, minute)?,
        second: values(7, second)?,
        either: false,
    })
}

/// Days of a week counted from Monday (0), in cron's numbers.
fn from_monday(values: &Values) -> Values {
    let mut items = values.items.clone();
    for item in &mut items {
        item.first += 1;
        item.last += 1;
    }
    Values { items }
}

fn of_cron(text: &str) -> Result<Fields, String> {
    let [minute, hour, day, month, weekday] = parse_cron(text)?;
    let [year, _, _, week, ..] = &FIELDS;
    Ok(Fields {
        year: year.parse("*")?,
        month,
        week: week.parse("*")?,
        // Vixie: a field that begins with `*` restricts nothing by itself, also where it has a step: both must hold.
        either: !day.begins_with_star() && !weekday.begins_with_star(),
        day: Days::numbers(day),
        weekday,
        hour,
        minute,
        second: Values::one(0),
    })
}
