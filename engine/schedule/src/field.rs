//! The fields of a schedule and what each may hold: APScheduler's, which the manual's schedules are made of, and those
//! of five-field cron.

use jiff::civil::Weekday;

use crate::values::{Days, Item, Nth, Values};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS_FROM_MONDAY: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Cron knows Sunday by two numbers.
const DAYS_FROM_SUNDAY: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ORDINALS: [&str; 6] = ["1st", "2nd", "3rd", "4th", "5th", "last"];

/// A field of a schedule.
#[derive(Debug)]
pub struct Field {
    /// Its name in a map.
    pub name: &'static str,
    least: u32,
    greatest: u32,
    /// Names for the numbers from `least` on.
    names: &'static [&'static str],
}

const fn new(name: &'static str, least: u32, greatest: u32, names: &'static [&'static str]) -> Field {
    Field { name, least, greatest, names }
}

/// Fields of a map (APScheduler's `CronTrigger`), the coarsest first.
pub static FIELDS: [Field; 8] = [
    new("year", 1970, 9999, &[]),
    new("month", 1, 12, &MONTHS),
    new("day", 1, 31, &[]),
    new("week", 1, 53, &[]),
    new("day_of_week", 0, 6, &DAYS_FROM_MONDAY),
    new("hour", 0, 23, &[]),
    new("minute", 0, 59, &[]),
    new("second", 0, 59, &[]),
];

/// Fields of a cron expression, in its order.
pub(crate) static CRON: [Field; 5] = [
    new("minute", 0, 59, &[]),
    new("hour", 0, 23, &[]),
    new("day of month", 1, 31, &[]),
    new("month", 1, 12, &MONTHS),
    new("day of week", 0, 7, &DAYS_FROM_SUNDAY),
];

/// The field of a map with a name.
pub fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// Says what is wrong with a five-field cron expression.
///
/// # Errors
/// What is wrong, in words.
pub fn check_cron(text: &str) -> Result<(), String> {
    parse_cron(text).map(drop)
}

/// The values of a cron expression's five fields.
pub(crate) fn parse_cron(text: &str) -> Result<[Values; 5], String> {
    let parts: Vec<_> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts.as_slice() else {
        return Err(format!("it has {} fields, not five", parts.len()));
    };
    let [of_minute, of_hour, of_day, of_month, of_weekday] = &CRON;
    let parse = |field: &Field, part: &str| {
        field.parse(part).map_err(|problem| format!("{} `{part}`: {problem}", field.name))
    };
    Ok([
        parse(of_minute, minute)?,
        parse(of_hour, hour)?,
        parse(of_day, day)?,
        parse(of_month, month)?,
        parse(of_weekday, weekday)?,
    ])
}

impl Field {
    /// Its least value.
    pub(crate) fn least(&self) -> u32 {
        self.least
    }

    /// What the field takes, for a help line.
    pub fn help(&self) -> String {
        let names = match self.names {
            [first, .., last] => format!(" or `{first}` to `{last}`"),
            _ => String::new(),
        };
        let special = if self.name == "day" { ", `last`, `2nd fri`, `last fri`" } else { "" };
        format!(
            "`{}` takes {} to {}{names}, `*`, `*/n`, ranges `a-b` and `a-b/n`{special}, and lists of these",
            self.name, self.least, self.greatest
        )
    }

    /// Says what is wrong with a value in a map.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, text: &str) -> Result<(), String> {
        if self.name == "day" { self.parse_days(text).map(drop) } else { self.parse(text).map(drop) }
    }

    /// Days of a month: beside numbers there are `last`, `2nd fri` and `last fri`.
    pub(crate) fn parse_days(&self, text: &str) -> Result<Days, String> {
        let mut days = Days::numbers(Values { items: Vec::new() });
        for item in text.split(',') {
            let words: Vec<_> = item.split_whitespace().map(str::to_lowercase).collect();
            match words.as_slice() {
                [word] if word == "last" => days.last = true,
                [nth, day] => match (parse_nth(nth), parse_weekday(day)) {
                    (Some(nth), Some(weekday)) => days.weekdays.push((nth, weekday)),
                    _ => days.numbers.items.push(self.parse_item(item.trim())?),
                },
                _ => days.numbers.items.push(self.parse_item(item.trim())?),
            }
        }
        Ok(days)
    }

    /// A list of values.
    pub(crate) fn parse(&self, text: &str) -> Result<Values, String> {
        let items = text.split(',').map(|item| self.parse_item(item.trim())).collect::<Result<_, _>>()?;
        Ok(Values { items })
    }

    fn parse_item(&self, item: &str) -> Result<Item, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (first, last, star) = match range.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (self.value(first)?, self.value(last)?);
                // Cron's second Sunday may end a range that no name for it could.
                if first > last {
                    return Err(format!("the range `{range}` ends before it begins"));
                }
                (first, last, false)
            }
            None if range == "*" => (self.least, self.greatest, true),
            None if step.is_some() => {
                return Err("a step needs `*` or a range in front of it".to_owned());
            }
            None => {
                let value = self.value(range)?;
                (value, value, false)
            }
        };
        Ok(Item { first, last, step: step.unwrap_or(1), star })
    }

    fn step(&self, step: &str) -> Result<u32, String> {
        let most = self.greatest - self.least;
        match number(step) {
            Some(0) => Err("a step of 0 never gets anywhere".to_owned()),
            Some(step) if step <= most.max(1) => Ok(step),
            _ => Err(format!("the step `{step}` is not a number from 1 to {most}")),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let name = text.to_lowercase();
        if let Some(index) = self.names.iter().position(|known| *known == name) {
            return Ok(self.least + u32::try_from(index).unwrap_or(0));
        }
        match number(text) {
            Some(value) if (self.least..=self.greatest).contains(&value) => Ok(value),
            Some(value) => Err(format!("{value} is not between {} and {}", self.least, self.greatest)),
            None if text.is_empty() => Err("a value is missing".to_owned()),
            None => Err(format!("`{text}` is not a number")),
        }
    }
}

fn parse_nth(word: &str) -> Option<Nth> {
    let index = ORDINALS.iter().position(|known| *known == word)?;
    Some(if word == "last" { Nth::Last } else { Nth::Number(i8::try_from(index).ok()? + 1) })
}

fn parse_weekday(word: &str) -> Option<Weekday> {
    let index = DAYS_FROM_MONDAY.iter().position(|known| *known == word)?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

/// Digits only: `+1` is no number of a schedule.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_maps() {
        for (name, text, good) in [
            ("minute", "08", true),
            ("minute", "*", true),
            ("minute", "*/5", true),
            ("minute", "0,15,30-45/5", true),
            ("minute", "60", false),
            ("minute", "", false),
            ("minute", "5-", false),
            ("minute", "30-10", false),
            ("minute", "*/0", false),
            ("minute", "*/60", false),
            ("minute", "5/2", false),
            ("minute", "+5", false),
            ("minute", "1.5", false),
            ("hour", "24", false),
            ("month", "jan-MAR", true),
            ("month", "0", false),
            ("day", "last", true),
            ("day", "2nd fri, last sun", true),
            ("day", "6th fri", false),
            ("day", "32", false),
            ("day_of_week", "mon-fri", true),
            ("day_of_week", "6", true),
            ("day_of_week", "7", false),
            ("week", "53", true),
            ("year", "2027-2030", true),
            ("second", "last", false),
        ] {
            let field = field(name).expect("a field");
            assert_eq!(field.check(text).is_ok(), good, "{name} {text}");
        }
    }

    #[test]
    fn cron_expressions() {
        for (text, good) in [
            ("8 * * 1 *", true),
            ("  8\t2 * * 1-5 ", true),
            ("0 0 1,15 * mon", true),
            ("0 0 * * 5-7", true),
            ("0 0 * * 0", true),
            ("0 0 * * 8", false),
            ("60 0 * * *", false),
            ("0 0 0 * *", false),
            ("0 0 * 13 *", false),
            ("* * * *", false),
            ("30 8 * * 1 *", false),
            ("@daily", false),
            ("", false),
            ("0 0 L * *", false),
        ] {
            assert_eq!(check_cron(text).is_ok(), good, "{text}");
        }
    }
}
