//! Who has done what.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, Via};

use super::table::{Cell, table};
use super::time::ago;
use super::{BAD, DIM, GOOD};

/// Requests to change something, one per line.
pub(crate) fn audit(now: Timestamp, all: &[AuditEntry]) -> String {
    let row = |entry: &AuditEntry| {
        vec![
            Cell::new(entry.id.to_string(), DIM),
            Cell::new(ago(now, entry.at), DIM),
            Cell::from(if entry.who.is_empty() { "nobody known" } else { entry.who.as_str() }),
            Cell::from(entry.role.map(|role| role.to_string()).unwrap_or_default()),
            Cell::new(from(entry), DIM),
            Cell::from(entry.action.as_str()),
            Cell::from(entry.target.as_str()),
            Cell::from(entry.reason.as_str()),
            Cell::new(entry.status.to_string(), if entry.status < 400 { GOOD } else { BAD }),
        ]
    };
    let headings = ["NO", "AT", "WHO", "ROLE", "FROM", "ASKED FOR", "ABOUT", "WHY", "ANSWER"];
    table(&headings, all.iter().map(row).collect())
}

fn from(entry: &AuditEntry) -> String {
    match entry.via {
        Via::Socket => "this machine".to_owned(),
        Via::Token => format!("{}, token", entry.address),
        _ => entry.address.clone(),
    }
}

#[cfg(test)]
mod tests {
    use xrdtest_model::api::Role;

    use super::*;

    #[test]
    fn a_line_says_who_has_done_what() {
        let entry = AuditEntry {
            id: 7,
            at: Timestamp::from_millis(1_000),
            who: "ci".to_owned(),
            role: Some(Role::Operator),
            via: Via::Token,
            address: "192.0.2.1".to_owned(),
            action: "POST /api/v1/runs".to_owned(),
            target: "ts_001_mm".to_owned(),
            reason: "nightly".to_owned(),
            status: 201,
        };
        let nobody =
            AuditEntry { who: String::new(), role: None, via: Via::Nobody, status: 401, ..entry.clone() };
        let text = anstream::adapter::strip_str(&audit(Timestamp::from_millis(61_000), &[entry, nobody]))
            .to_string();
        let lines: Vec<_> =
            text.lines().map(|line| line.split("  ").filter(|part| !part.is_empty())).collect();
        let words: Vec<Vec<_>> = lines.into_iter().map(|line| line.map(str::trim).collect()).collect();
        assert_eq!(
            words[1][2..],
            ["ci", "operator", "192.0.2.1, token", "POST /api/v1/runs", "ts_001_mm", "nightly", "201"],
            "{text}"
        );
        assert_eq!((words[2][2], words[2].last()), ("nobody known", Some(&"401")), "{text}");
    }
}
