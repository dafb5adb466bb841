//! What is wrong in a configuration is shown with its line, but for lines that hold secrets: errors get into logs.

use serde::de::Error as _;
use toml::de::Error;

/// What lines that may hold a secret have in them.
const MARKS: [&str; 4] = ["secret", "token", "password", "url"];

/// The error, without its line where that may hold a secret.
pub(super) fn misread(text: &str, error: Error) -> Error {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
    let lower = line.to_lowercase();
    if !MARKS.iter().any(|mark| lower.contains(mark)) {
        return error;
    }
    let (row, column) = (before.matches('\n').count() + 1, before.len() - begin + 1);
    // Such a message may repeat a value.
    let why = match error.message() {
        message if message.starts_with("invalid") => "that is not what belongs there",
        message => message,
    };
    Error::custom(format!(
        "TOML parse error at line {row}, column {column}: {why} (the line is not shown, as it may hold a secret)"
    ))
}
