//! Repositories.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{CommitInfo, RepositoryInfo, RepositoryState};
use xrdtest_report::findings::plural;

use super::table::{Cell, table};
use super::time::{ago, ahead};
use super::{BAD, DIM, GOOD, details, since};

/// Repositories, one per line.
pub(crate) fn repositories(now: Timestamp, all: &[RepositoryInfo]) -> String {
    let row = |one: &RepositoryInfo| {
        vec![
            Cell::from(one.name.as_str()),
            state(one),
            since(now, one.checked),
            Cell::from(one.branch.as_deref().unwrap_or_default()),
            Cell::from(one.commit.as_ref().map(short).unwrap_or_default()),
            Cell::new(if one.dirty == Some(true) { "changed" } else { "" }, DIM),
            Cell::from(one.suites.to_string()),
            Cell::from(one.clusters.to_string()),
            Cell::new(one.errors.to_string(), if one.errors > 0 { BAD } else { DIM }),
            Cell::from(one.location.as_str()),
            Cell::new(one.problem.as_str(), BAD),
        ]
    };
    let headings = [
        "REPOSITORY",
        "STATE",
        "LOOKED",
        "BRANCH",
        "COMMIT",
        "",
        "SUITES",
        "CLUSTERS",
        "ERRORS",
        "PLACE",
        "PROBLEM",
    ];
    table(&headings, all.iter().map(row).collect())
}

/// One repository with everything about it.
pub(crate) fn repository(now: Timestamp, one: &RepositoryInfo) -> String {
    let at = |time: Option<Timestamp>| time.map(|time| ago(now, time)).unwrap_or_default();
    let commit = |commit: &CommitInfo| {
        format!("{} {} by {}, {}", short(commit), commit.summary, commit.author, ago(now, commit.at))
    };
    let counted = [(one.suites, "suite"), (one.clusters, "cluster"), (one.errors, "error")];
    let content = counted.map(|(number, word)| plural(number as usize, word)).join(", ");
    let dirty = one.dirty.map(|dirty| if dirty { "not all is committed" } else { "as committed" });
    let failures = if one.failures > 0 { format!("{} in a row", one.failures) } else { String::new() };
    let mut lines = vec![
        ("place", one.location.clone()),
        ("state", one.state.to_string()),
        ("problem", one.problem.clone()),
        ("what to do", one.help.clone()),
        ("failures", failures),
        ("branch", one.branch.clone().unwrap_or_default()),
        ("commit", one.commit.as_ref().map(commit).unwrap_or_default()),
        ("files", dirty.unwrap_or_default().to_owned()),
        ("content", content),
        ("in use since", at(one.loaded)),
        ("looked at", at(one.checked)),
        ("next look", one.next.map(|next| ahead(now, next)).unwrap_or_default()),
    ];
    lines.extend(one.first_errors.iter().map(|error| ("error", error.clone())));
    let more = (one.errors as usize).saturating_sub(one.first_errors.len());
    if more > 0 {
        lines.push(("error", format!("… and {more} more: `xrdtest check` shows them")));
    }
    lines.extend(one.notes.iter().map(|note| ("note", note.clone())));
    details(&one.name, &lines)
}

fn state(one: &RepositoryInfo) -> Cell {
    let style = match one.state {
        RepositoryState::Good => GOOD,
        RepositoryState::Pending => DIM,
        RepositoryState::Failing => BAD,
    };
    Cell::new(one.state.to_string(), style)
}

fn short(commit: &CommitInfo) -> String {
    commit.id.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let info = RepositoryInfo {
            name: "suites".to_owned(),
            location: "ssh://git@host/suites".to_owned(),
            remote: true,
            state: RepositoryState::Failing,
            problem: "branch `main` is not there".to_owned(),
            help: "bring it back".to_owned(),
            notes: vec!["`x` is a submodule".to_owned()],
            branch: Some("main".to_owned()),
            commit: Some(CommitInfo {
                id: "3fa29c01d2ab4e5f60718293a4b5c6d7e8f90a1b".to_owned(),
                author: "A <a@b>".to_owned(),
                at: Timestamp::from_millis(0),
                summary: "Say what".to_owned(),
            }),
            dirty: Some(false),
            suites: 3,
            clusters: 1,
            errors: 0,
            first_errors: Vec::new(),
            checked: Some(Timestamp::from_millis(60_000)),
            loaded: Some(Timestamp::from_millis(0)),
            next: Some(Timestamp::from_millis(122_000)),
            failures: 2,
        };
        let now = Timestamp::from_millis(120_000);
        let text = anstream::adapter::strip_str(&repository(now, &info)).to_string();
        insta::assert_snapshot!(text);
        insta::assert_snapshot!(anstream::adapter::strip_str(&repositories(now, &[info])).to_string());
    }
}
