//! The repository of the tests' engine.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{RepositoryInfo, RepositoryState};

/// One whose branch is gone.
pub(crate) fn failing() -> RepositoryInfo {
    RepositoryInfo {
        name: "suites".to_owned(),
        location: "https://git.example.org/suites.git".to_owned(),
        remote: true,
        state: RepositoryState::Failing,
        problem: "branch `main` is not there".to_owned(),
        help: String::new(),
        notes: Vec::new(),
        branch: Some("main".to_owned()),
        commit: None,
        dirty: None,
        suites: 1,
        clusters: 1,
        errors: 0,
        first_errors: Vec::new(),
        checked: Some(Timestamp::from_millis(1)),
        loaded: None,
        next: None,
        failures: 2,
    }
}
