//! Numbers that scripts state about the software under test: `metric NAME VALUE [UNIT]`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Metrics of one stage on one machine, at most.
pub const MOST_METRICS: usize = 1000;
/// Characters of a name, at most.
const NAME: usize = 64;
/// Characters of a unit, at most.
const UNIT: usize = 16;

/// One number that a script has stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Metric {
    /// What was measured: `copy.throughput`.
    pub name: String,
    /// The number.
    pub value: Number,
    /// What it counts: `MB/s`; empty where nothing was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A finite number in double precision.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
pub struct Number(f64);

/// Why something is no metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// Not a name.
    #[error(
        "`{0}` can't be the name of a metric: it must begin with a letter and have at most {NAME} letters, digits and \
         characters of `_.:/-`"
    )]
    Name(String),
    /// Not a number.
    #[error("`{0}` is not a number: write it like 12, -0.5 or 1.5e9")]
    Value(String),
    /// A number that double precision can't hold.
    #[error("`{0}` is too large a number")]
    TooLarge(String),
    /// Not a unit.
    #[error("`{0}` can't be a unit: it must have at most {UNIT} characters, no blanks among them")]
    Unit(String),
}

impl Metric {
    /// A metric from a script's words.
    ///
    /// # Errors
    /// Which of them can't be used, and why.
    pub fn parse(name: &str, value: &str, unit: &str) -> Result<Self, MetricError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || name.len() > NAME || !name.chars().all(plain) {
            return Err(MetricError::Name(shortened(name)));
        }
        let printed = |c: char| !c.is_whitespace() && !c.is_control();
        if unit.chars().count() > UNIT || !unit.chars().all(printed) {
            return Err(MetricError::Unit(shortened(unit)));
        }
        let value = Number::parse(value)?;
        Ok(Self { name: name.to_owned(), value, unit: unit.to_owned() })
    }
}

/// `copy.throughput 81.5 MB/s`
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.value)?;
        if self.unit.is_empty() { Ok(()) } else { write!(f, " {}", self.unit) }
    }
}

impl Number {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    fn parse(text: &str) -> Result<Self, MetricError> {
        // Rust takes `inf` and `nan` for numbers too.
        let digits = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
        let value: f64 = Some(text)
            .filter(|_| digits)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| MetricError::Value(shortened(text)))?;
        Self::try_from(value).map_err(|_| MetricError::TooLarge(shortened(text)))
    }
}

impl TryFrom<f64> for Number {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        // Zero has a sign in double precision, which means nothing here.
        let value = if value == 0.0 { 0.0 } else { value };
        value.is_finite().then_some(Self(value)).ok_or("a metric must be a finite number")
    }
}

impl From<Number> for f64 {
    fn from(number: Number) -> Self {
        number.0
    }
}

/// What is not a number is never kept, so that each number equals itself.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody else's word in a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_scripts() {
        let long = "x".repeat(65);
        for ((name, value, unit), expected) in [
            (("rate", "81.5", "MB/s"), Ok("rate 81.5 MB/s")),
            (("copy_to.time:p99/a-b", "-3", ""), Ok("copy_to.time:p99/a-b -3")),
            (("n", "1e3", "µs"), Ok("n 1000 µs")),
            (("n", "-0", "%"), Ok("n 0 %")),
            (("n", ".5", ""), Ok("n 0.5")),
            (("", "1", ""), Err("`` can't be the name")),
            (("9n", "1", ""), Err("`9n` can't be the name")),
            (("a b", "1", ""), Err("`a b` can't be the name")),
            ((long.as_str(), "1", ""), Err("x…` can't be the name")),
            (("n", "", ""), Err("`` is not a number")),
            (("n", "fast", ""), Err("`fast` is not a number")),
            (("n", "nan", ""), Err("`nan` is not a number")),
            (("n", "1,5", ""), Err("`1,5` is not a number")),
            (("n", "1e999", ""), Err("`1e999` is too large")),
            (("n", "1", "M B"), Err("`M B` can't be a unit")),
            (("n", "1", "12345678901234567"), Err("can't be a unit")),
        ] {
            match (Metric::parse(name, value, unit), expected) {
                (Ok(metric), Ok(expected)) => assert_eq!(metric.to_string(), expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => panic!("{name} {value} {unit}: {found:?}"),
            }
        }
    }

    #[test]
    fn json_holds_numbers() {
        let metric = Metric::parse("rate", "81.5", "MB/s").unwrap();
        let text = serde_json::to_string(&metric).unwrap();
        assert_eq!(text, r#"{"name":"rate","value":81.5,"unit":"MB/s"}"#);
        assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric);
        let metric: Metric = serde_json::from_str(r#"{"name":"n","value":7}"#).unwrap();
        assert_eq!(metric.to_string(), "n 7");
    }
}
