//! What a field of a schedule allows.

use jiff::civil::{Date, Weekday};

/// One item of a list: `*`, `*/5`, `7`, `1-5`, `8-18/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) step: u32,
    /// Whether it was written with `*`.
    pub(crate) star: bool,
}

impl Item {
    fn contains(&self, value: u32) -> bool {
        (self.first..=self.last).contains(&value) && (value - self.first).is_multiple_of(self.step)
    }
}

/// The values that a list allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) items: Vec<Item>,
}

impl Values {
    /// A single value.
    pub(crate) fn one(value: u32) -> Self {
        Self { items: vec![Item { first: value, last: value, step: 1, star: false }] }
    }

    pub(crate) fn contains(&self, value: u32) -> bool {
        self.items.iter().any(|item| item.contains(value))
    }

    /// Whether there is a plain `*` in it.
    pub(crate) fn is_any(&self) -> bool {
        self.items.iter().any(|item| item.star && item.step == 1)
    }

    /// Whether it begins with `*`: cron then takes the field as not restricted, also where it has a step.
    pub(crate) fn begins_with_star(&self) -> bool {
        self.items.first().is_some_and(|item| item.star)
    }

    /// All of them. For fields with few only: there are eight thousand years.
    pub(crate) fn all(&self) -> impl Iterator<Item = u32> {
        let most = self.items.iter().map(|item| item.last).max().unwrap_or(0);
        (0..=most).filter(|value| self.contains(*value))
    }

    /// The only one, where there is only one.
    pub(crate) fn only(&self) -> Option<u32> {
        let mut all = self.all();
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }
}

/// The days of a month that a list allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    /// By number.
    pub(crate) numbers: Values,
    /// `last`.
    pub(crate) last: bool,
    /// `2nd fri`, `last sun`.
    pub(crate) weekdays: Vec<(Nth, Weekday)>,
}

/// Which of a month's Fridays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nth {
    /// From 1 to 5.
    Number(i8),
    Last,
}

impl Days {
    /// Days by number only.
    pub(crate) fn numbers(numbers: Values) -> Self {
        Self { numbers, last: false, weekdays: Vec::new() }
    }

    /// Whether all of it is in the numbers.
    pub(crate) fn is_plain(&self) -> bool {
        !self.last && self.weekdays.is_empty()
    }

    pub(crate) fn contains(&self, date: Date) -> bool {
        let day = u32::try_from(date.day()).unwrap_or(0);
        self.numbers.contains(day)
            || self.last && date.day() == date.days_in_month()
            || self.weekdays.iter().any(|(nth, weekday)| is_nth(date, *nth, *weekday))
    }
}

fn is_nth(date: Date, nth: Nth, weekday: Weekday) -> bool {
    date.weekday() == weekday
        && match nth {
            Nth::Number(number) => (date.day() - 1) / 7 + 1 == number,
            Nth::Last => date.day() + 7 > date.days_in_month(),
        }
}
