//! A schedule in plain words.

use crate::timetable::Fields;
use crate::values::{Days, Item, Nth, Values};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 8] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// So many times of a day are told one by one.
const TIMES: usize = 6;

pub(crate) fn describe(fields: &Fields) -> String {
    let days = days(fields);
    let rest = rest(fields);
    match times(fields) {
        Times::At { times, night } => {
            let days = days.unwrap_or_else(|| if night { "every night" } else { "every day" }.to_owned());
            format!("{days} at {times}{rest}")
        }
        Times::Within(times) => match days {
            Some(days) => format!("{times} {days}{rest}"),
            None => format!("{times}{rest}"),
        },
    }
}

enum Times {
    /// A few times of a day.
    At { times: String, night: bool },
    /// Anything else.
    Within(String),
}

fn times(fields: &Fields) -> Times {
    if let (Some(second), false, false) = (fields.second.only(), fields.minute.is_any(), fields.hour.is_any())
    {
        let minutes: Vec<_> = fields.minute.all().collect();
        let hours: Vec<_> = fields.hour.all().collect();
        if minutes.len() * hours.len() <= TIMES {
            let time = |hour: &u32, minute: &u32| match second {
                0 => format!("{hour:02}:{minute:02}"),
                second => format!("{hour:02}:{minute:02}:{second:02}"),
            };
            let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| time(hour, minute)));
            let night = hours.iter().all(|hour| *hour < 6);
            return Times::At { times: join(&times.collect::<Vec<_>>(), "and"), night };
        }
    }
    let mut words = Vec::new();
    let mut finer = false;
    if fields.second.only() != Some(0) {
        words.push(within("second", &fields.second, finer));
        finer = true;
    }
    if !(finer && fields.minute.is_any()) {
        words.push(within("minute", &fields.minute, finer));
    }
    let often = words.last().is_some_and(|word| word.starts_with("every"));
    if !(often && fields.hour.is_any()) {
        words.push(within("hour", &fields.hour, true));
    }
    Times::Within(words.join(" of "))
}

/// `every 5 minutes`, `at minutes 0, 15 and 30`; `finer`: what begins of it was said before.
fn within(unit: &str, values: &Values, finer: bool) -> String {
    let at = if finer { "" } else { "at " };
    match values.items.as_slice() {
        _ if values.is_any() => format!("every {unit}"),
        // Steps that do not divide the hour or the day begin anew with it, which `every` would not say.
        [Item { star: true, step, last, .. }] if (last + 1).is_multiple_of(*step) => {
            format!("every {step} {unit}s")
        }
        _ => match values.only() {
            Some(value) => format!("{at}{unit} {value}"),
            None => format!("{at}{unit}s {}", list(values, &|value| value.to_string())),
        },
    }
}

/// Which days; `None`: every day.
fn days(fields: &Fields) -> Option<String> {
    let weekdays = (!fields.weekday.is_any()).then(|| list(&fields.weekday, &weekday));
    let days = (!(fields.day.is_plain() && fields.day.numbers.is_any())).then(|| of_month(&fields.day));
    match (days, weekdays) {
        (None, None) => None,
        (Some(days), None) => Some(format!("on {days}")),
        (None, Some(weekdays)) => Some(format!("on {weekdays}")),
        (Some(days), Some(weekdays)) if fields.either => Some(format!("on {days}, and on {weekdays},")),
        (Some(days), Some(weekdays)) => Some(format!("on {days} where that is {weekdays},")),
    }
}

fn of_month(days: &Days) -> String {
    let mut parts = Vec::new();
    if !days.numbers.items.is_empty() {
        let one = days.numbers.only().is_some();
        parts.push(format!(
            "{} {}",
            if one { "day" } else { "days" },
            list(&days.numbers, &|day| day.to_string())
        ));
    }
    if days.last {
        parts.push("the last day".to_owned());
    }
    for (nth, day) in &days.weekdays {
        let nth = match nth {
            Nth::Number(1) => "1st",
            Nth::Number(2) => "2nd",
            Nth::Number(3) => "3rd",
            Nth::Number(4) => "4th",
            Nth::Number(_) => "5th",
            Nth::Last => "last",
        };
        let day = u32::from(day.to_sunday_zero_offset().unsigned_abs());
        parts.push(format!("the {nth} {}", weekday(day)));
    }
    format!("{} of the month", join(&parts, "and"))
}

/// Months, weeks and years.
fn rest(fields: &Fields) -> String {
    let mut words = String::new();
    if !fields.month.is_any() {
        words += &format!(" in {}", list(&fields.month, &month));
    }
    if !fields.week.is_any() {
        words += &format!(" in week {}", list(&fields.week, &|week| week.to_string()));
    }
    if !fields.year.is_any() {
        words += &format!(" in {}", list(&fields.year, &|year| year.to_string()));
    }
    words
}

/// `1, 3 and 5 to 9`.
fn list(values: &Values, name: &dyn Fn(u32) -> String) -> String {
    let parts: Vec<_> = values.items.iter().map(|item| self::item(item, name)).collect();
    join(&parts, "and")
}

fn item(item: &Item, name: &dyn Fn(u32) -> String) -> String {
    let Item { first, last, step, .. } = *item;
    let last = last - (last - first) % step;
    match step {
        _ if first == last => name(first),
        1 => format!("{} to {}", name(first), name(last)),
        _ if (last - first) / step < 4 => {
            let values = (first..=last).step_by(usize::try_from(step).unwrap_or(1)).map(name);
            join(&values.collect::<Vec<_>>(), "and")
        }
        _ => format!("{} to {} in steps of {step}", name(first), name(last)),
    }
}

fn join(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

fn month(number: u32) -> String {
    named(&MONTHS, number.saturating_sub(1))
}

fn weekday(number: u32) -> String {
    named(&WEEKDAYS, number)
}

fn named(names: &[&str], index: u32) -> String {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index));
    name.map_or_else(|| index.to_string(), |name| (*name).to_owned())
}
