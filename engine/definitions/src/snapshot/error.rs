//! Why a suite can't be run as its definition stands.

use xrdtest_model::Diagnostic;

use crate::suggest::{did_you_mean, enumerate, list};

/// What keeps a suite from being run. The text says what is wrong; [`SnapshotError::help`] says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no suite of that name.
    #[error("there is no suite `{name}`")]
    UnknownSuite {
        /// As asked for.
        name: String,
        /// All that there are.
        known: Vec<String>,
    },
    /// It is a cluster's name.
    #[error("`{name}` is a cluster, not a suite")]
    Cluster {
        /// As asked for.
        name: String,
        /// Suites that need this cluster.
        suites: Vec<String>,
    },
    /// The suite has no case of that name.
    #[error("suite `{suite}` has no case `{name}`")]
    UnknownCase {
        /// The suite.
        suite: String,
        /// As asked for.
        name: String,
        /// All that it has.
        known: Vec<String>,
    },
    /// The suite has no tag of that name, so no other value for it.
    #[error("suite `{suite}` has no tag `{name}`")]
    UnknownTag {
        /// The suite.
        suite: String,
        /// As asked for.
        name: String,
        /// All that it has.
        known: Vec<String>,
    },
    /// Its definition, or one of a cluster that it needs, has errors.
    #[error("{}", broken_message(.suite, .definitions, .diagnostics))]
    Broken {
        /// The suite.
        suite: String,
        /// Files of the definitions with errors, relative to the repository's root.
        definitions: Vec<String>,
        /// The errors, sorted by file and place.
        diagnostics: Vec<Diagnostic>,
    },
    /// A script can't be used.
    #[error("suite `{suite}`: script {origin} can't be used: {problem}")]
    Script {
        /// The suite.
        suite: String,
        /// The script, as a plan names it.
        origin: String,
        /// Why not.
        problem: String,
    },
    /// The catalogue does not fit together although nothing was reported; it was not made by `load`, or changed.
    #[error("suite `{suite}`: {problem}")]
    Inconsistent {
        /// The suite.
        suite: String,
        /// What does not fit.
        problem: String,
    },
    /// There is no cluster of that name.
    #[error("there is no cluster `{name}`")]
    UnknownCluster {
        /// As asked for.
        name: String,
        /// All that there are.
        known: Vec<String>,
        /// The clusters of the suite that has this name.
        of_suite: Vec<String>,
    },
    /// A cluster's definition has errors.
    #[error("cluster `{cluster}` can't be started: {} in {file}", count(.diagnostics))]
    BrokenCluster {
        /// The cluster.
        cluster: String,
        /// File of its definition, relative to the repository's root.
        file: String,
        /// The errors, sorted by file and place.
        diagnostics: Vec<Diagnostic>,
    },
    /// As [`Self::Inconsistent`], of a cluster.
    #[error("cluster `{cluster}`: {problem}")]
    InconsistentCluster {
        /// The cluster.
        cluster: String,
        /// What does not fit.
        problem: String,
    },
}

impl SnapshotError {
    /// What to do next, in one line.
    pub fn help(&self) -> Option<String> {
        let suggest = |name: &str, known: &[String], all: &str| {
            did_you_mean(name, known.iter().map(String::as_str), all)
        };
        match self {
            Self::UnknownSuite { known, .. } if known.is_empty() => {
                Some("this repository has no suites: they are `suites/NAME/NAME.rhai`".to_owned())
            }
            Self::UnknownSuite { name, known } => suggest(name, known, "the suites are"),
            Self::Cluster { suites, .. } => {
                let suites: Vec<_> = suites.iter().map(String::as_str).collect();
                Some(match suites.len() {
                    0 => "no suite uses it".to_owned(),
                    1 => format!("the suite that uses it is {}", enumerate(&suites)),
                    _ => format!("the suites that use it are {}", enumerate(&suites)),
                })
            }
            Self::UnknownCase { name, known, .. } => {
                let all: Vec<_> = known.iter().map(String::as_str).collect();
                let cases = format!("its cases are {}", list(&all));
                match crate::suggest::nearest(name, all.iter().copied()) {
                    Some(near) => Some(format!("did you mean `{near}`? {cases}")),
                    None => Some(cases),
                }
            }
            Self::UnknownTag { known, .. } if known.is_empty() => {
                Some("it has none: `ts.tags = #{ NAME: \"value\" };` in its definition makes one".to_owned())
            }
            Self::UnknownTag { name, known, .. } => suggest(name, known, "its tags are"),
            Self::UnknownCluster { of_suite, .. } if !of_suite.is_empty() => {
                let clusters: Vec<_> = of_suite.iter().map(String::as_str).collect();
                Some(format!("it is a suite, on {}", enumerate(&clusters)))
            }
            Self::UnknownCluster { known, .. } if known.is_empty() => {
                Some("this repository has no clusters: they are `clusters/NAME/NAME.rhai`".to_owned())
            }
            Self::UnknownCluster { name, known, .. } => suggest(name, known, "the clusters are"),
            Self::Broken { diagnostics, .. } | Self::BrokenCluster { diagnostics, .. } => {
                diagnostics.first().map(|first| format!("`xrdtest rule {}` explains it", first.code))
            }
            Self::Script { .. } | Self::Inconsistent { .. } | Self::InconsistentCluster { .. } => {
                Some("`xrdtest check` says more about this definition".to_owned())
            }
        }
    }

    /// The errors in its definitions, where that is the reason.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Broken { diagnostics, .. } | Self::BrokenCluster { diagnostics, .. } => diagnostics,
            _ => &[],
        }
    }
}

fn broken_message(suite: &str, definitions: &[String], diagnostics: &[Diagnostic]) -> String {
    let mut files: Vec<_> = diagnostics.iter().map(|finding| &*finding.file).collect();
    files.dedup();
    if files.is_empty() {
        files = definitions.iter().map(String::as_str).collect();
    }
    format!("suite `{suite}` can't be run: {} in {}", count(diagnostics), enumerate(&files))
}

fn count(diagnostics: &[Diagnostic]) -> String {
    match diagnostics.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}
