//! What engines answer, as text for people.

mod agents;
mod audit;
mod definitions;
mod instances;
mod repositories;
mod runs;
mod table;
mod time;

pub(crate) use self::agents::{hypervisor, hypervisors, revocation, slave, slaves, tokens};
pub(crate) use self::audit::audit;
pub(crate) use self::definitions::{cluster, clusters, schedules, suite, suites};
pub(crate) use self::instances::{instance, instances, kept_line, kept_until};
pub(crate) use self::repositories::{repositories, repository};
pub(crate) use self::runs::{queue, run_line, runs};

use anstyle::{AnsiColor, Style};
use xrdtest_model::Timestamp;
use xrdtest_model::chronicle::{StateWord, Transition};

use self::table::{Cell, table};
use self::time::{ago, clock};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// A state in the manual's words; errors (their codes are negative) stand out.
fn state(word: &StateWord) -> Cell {
    let style = if word.code < 0 { BAD } else { Style::new() };
    Cell::new(words(word), style)
}

/// The words of a state: some of the manual's end with a full stop.
fn words(word: &StateWord) -> String {
    word.text.trim_end_matches('.').to_owned()
}

/// Since when; empty where that is not known.
fn since(now: Timestamp, at: Option<Timestamp>) -> Cell {
    Cell::new(at.map(|at| ago(now, at)).unwrap_or_default(), DIM)
}

/// `name` and its details, one per line; those without value are left out.
fn details(name: &str, details: &[(&str, String)]) -> String {
    let width = details.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    let mut text = format!("{BOLD}{name}{BOLD:#}\n");
    for (key, value) in details.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {DIM}{key:width$}{DIM:#}  {value}\n"));
    }
    text
}

/// The states of one thing, newest first.
fn history(now: Timestamp, states: &[Transition]) -> String {
    if states.is_empty() {
        return String::new();
    }
    let row = |entered: &Transition| {
        vec![
            Cell::from(clock(entered.at)),
            since(now, Some(entered.at)),
            state(&entered.state),
            Cell::new(entered.run.as_ref().map(ToString::to_string).unwrap_or_default(), DIM),
            // The last, as it may be long.
            Cell::from(entered.detail.as_str()),
        ]
    };
    format!("\n{}", table(&["AT", "", "STATE", "RUN", "DETAIL"], states.iter().map(row).collect()))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_of_instances;
