//! Dates and times of day that a schedule allows, on the wall clock.
//!
//! saffron finds minute, hour, day and month. It is given nothing that it gets wrong: no ranges (it begins those that
//! wrap around a day too early), no steps, no `L` or `W` (it may panic), days of the week by name (it counts from 1 =
//! Sunday), and times without a zone as what it calls UTC. What it does not know, it does not see: `year`, `week`,
//! `second`, `2nd fri` and the day of the week where it restricts the day of the month are looked at here.

use std::collections::BTreeSet;

use chrono::{DateTime as Instant, Datelike, NaiveDate, Timelike, Utc};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use saffron::Cron;

use crate::timetable::Fields;
use crate::values::Values;

const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const LAST_YEAR: i16 = 9999;

/// saffron's part of the work.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    /// Midnights of days that may be allowed.
    days: Cron,
    /// Minutes of any day.
    minutes: Cron,
}

impl Calendar {
    pub(crate) fn new(fields: &Fields) -> Option<Self> {
        let day = if fields.day.is_plain() { numbers(&fields.day.numbers) } else { "*".to_owned() };
        let weekday = if fields.either { names(&fields.weekday) } else { "*".to_owned() };
        let days = format!("0 0 {day} {} {weekday}", numbers(&fields.month));
        let minutes = format!("{} {} * * *", numbers(&fields.minute), numbers(&fields.hour));
        Some(Self { days: days.parse().ok()?, minutes: minutes.parse().ok()? })
    }

    /// The first time from `from` on, which is a whole second.
    pub(crate) fn next_from(&self, fields: &Fields, from: DateTime) -> Option<DateTime> {
        let date = self.date_from(fields, from.date())?;
        if date == from.date()
            && let Some(time) = self.time_from(fields, from.time())
        {
            return Some(date.to_datetime(time));
        }
        let date = if date == from.date() { self.date_from(fields, date.tomorrow().ok()?)? } else { date };
        Some(date.to_datetime(self.time_from(fields, Time::midnight())?))
    }

    /// The first allowed date from `from` on. There are few kinds of years: where one has no such date, none of its kind
    /// has, so that even a schedule for 30 February has its answer soon.
    fn date_from(&self, fields: &Fields, from: Date) -> Option<Date> {
        let mut barren = BTreeSet::new();
        for year in from.year()..=LAST_YEAR {
            let first = Date::new(year, 1, 1).ok()?;
            if !fields.year.contains(u32::try_from(year).ok()?) || barren.contains(&kind(first)) {
                continue;
            }
            if let Some(date) = self.date_in_year(fields, first.max(from)) {
                return Some(date);
            }
            if first >= from {
                barren.insert(kind(first));
            }
        }
        None
    }

    fn date_in_year(&self, fields: &Fields, from: Date) -> Option<Date> {
        let mut date = from;
        loop {
            date = of_chrono(self.days.next_from(midnight(date)?)?)?;
            if date.year() != from.year() {
                return None;
            }
            if allows(fields, date) {
                return Some(date);
            }
            date = date.checked_add(1.day()).ok().filter(|next| next.year() == from.year())?;
        }
    }

    /// The first allowed time of a day from `from` on.
    fn time_from(&self, fields: &Fields, from: Time) -> Option<Time> {
        let day = NaiveDate::from_ymd_opt(2000, 1, 1)?;
        let minute = |time: Time| {
            let time = day.and_hms_opt(time.hour().try_into().ok()?, time.minute().try_into().ok()?, 0)?;
            Some(time.and_utc())
        };
        let same_day = |found: &Instant<Utc>| found.date_naive() == day;
        let now = minute(from)?;
        let found = self.minutes.next_from(now).filter(same_day)?;
        let least = if found == now { u32::try_from(from.second()).ok()? } else { 0 };
        if let Some(second) = (least..60).find(|second| fields.second.contains(*second)) {
            return time(&found, second);
        }
        let second = (0..60).find(|second| fields.second.contains(*second))?;
        time(&self.minutes.next_after(found).filter(same_day)?, second)
    }
}

/// Whether all that saffron has not seen of a date holds.
fn allows(fields: &Fields, date: Date) -> bool {
    let week = u32::try_from(date.iso_week_date().week()).unwrap_or(0);
    fields.week.contains(week)
        && (fields.either
            || has_weekday(&fields.weekday, date.weekday())
                && (fields.day.is_plain() || fields.day.contains(date)))
}

/// Whether a day of the week is among values in cron's numbers.
pub(crate) fn has_weekday(values: &Values, weekday: Weekday) -> bool {
    let number = u32::from(weekday.to_sunday_zero_offset().unsigned_abs());
    values.contains(number) || number == 0 && values.contains(7)
}

/// All that decides on dates, weekdays and week numbers of a year: how it begins, and how long it and the one before are.
fn kind(first: Date) -> (i8, bool, bool) {
    let leap_before = first.yesterday().is_ok_and(Date::in_leap_year);
    (first.weekday().to_monday_zero_offset(), first.in_leap_year(), leap_before)
}

fn numbers(values: &Values) -> String {
    if values.is_any() {
        return "*".to_owned();
    }
    values.all().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

fn names(values: &Values) -> String {
    let days: BTreeSet<_> = values.all().map(|value| value % 7).collect();
    let known = NAMES.iter().zip(0u32..).filter(|(_, number)| days.contains(number));
    known.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

fn midnight(date: Date) -> Option<Instant<Utc>> {
    let (month, day) = (u32::try_from(date.month()).ok()?, u32::try_from(date.day()).ok()?);
    Some(NaiveDate::from_ymd_opt(i32::from(date.year()), month, day)?.and_hms_opt(0, 0, 0)?.and_utc())
}

fn of_chrono(time: Instant<Utc>) -> Option<Date> {
    let (month, day) = (i8::try_from(time.month()).ok()?, i8::try_from(time.day()).ok()?);
    Date::new(i16::try_from(time.year()).ok()?, month, day).ok()
}

fn time(minute: &Instant<Utc>, second: u32) -> Option<Time> {
    let number = |value: u32| i8::try_from(value).ok();
    Time::new(number(minute.hour())?, number(minute.minute())?, number(second)?, 0).ok()
}
