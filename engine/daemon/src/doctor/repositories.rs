//! Where definitions come from: of a running engine what it says, else by asking.

use std::path::Path;

use xrdtest_model::api::{RepositoryInfo, RepositoryState};
use xrdtest_model::time::utc;
use xrdtest_report::findings::plural;

use super::engine::Running;
use super::{Finding, hidden};
use crate::config::Config;
use crate::repositories::{Place, Remote, probe};

const CHECK: &str = "repositories";

/// A repository.
pub(super) enum Looked {
    /// As a running engine says.
    ByEngine(Box<RepositoryInfo>),
    /// Name, and what was found of it; or what is wrong and what to do.
    Here(String, Result<String, (String, String)>),
    /// Name, and why this user can't look.
    Unseen(String, String),
}

pub(super) async fn gather(config: &Config, running: &Running) -> Vec<Looked> {
    if let Ok(answer) = &running.answer {
        return answer.repositories.iter().map(|info| Looked::ByEngine(Box::new(info.clone()))).collect();
    }
    let mut all = Vec::new();
    for repository in &config.repository {
        let needed: Vec<&Path> = match &repository.place {
            Place::Folder(path) => vec![path],
            Place::Remote(remote) => {
                [&remote.key_file, &remote.token_file].into_iter().flatten().map(AsRef::as_ref).collect()
            }
        };
        if let Some(why) = needed.into_iter().find_map(hidden) {
            all.push(Looked::Unseen(repository.name.clone(), why));
            continue;
        }
        let found = match &repository.place {
            Place::Folder(path) => folder(path),
            Place::Remote(remote) => ask(remote, &config.state).await,
        };
        all.push(Looked::Here(repository.name.clone(), found));
    }
    all
}

fn folder(path: &Path) -> Result<String, (String, String)> {
    let help = "correct the key path of [[repository]], or make the folder readable for the engine's user";
    std::fs::read_dir(path).map_err(|error| (format!("{}: {error}", path.display()), help.to_owned()))?;
    match ["suites", "clusters"].iter().any(|name| path.join(name).is_dir()) {
        true => Ok(format!("{} can be read", path.display())),
        false => Err((format!("{} has neither suites/ nor clusters/", path.display()), help.to_owned())),
    }
}

/// In a folder of its own: the engine's may not be written here, and this is not the engine's user.
async fn ask(remote: &Remote, state: &Path) -> Result<String, (String, String)> {
    let unable = |error: std::io::Error| (format!("no folder to ask from: {error}"), "see TMPDIR".to_owned());
    let folder = tempfile::tempdir().map_err(unable)?;
    let _ = std::fs::copy(state.join("repositories/known_hosts"), folder.path().join("known_hosts"));
    let branch = probe(remote, folder.path()).await?;
    Ok(format!("{} has the branch {branch}", remote.url))
}

pub(super) fn judge(all: &[Looked]) -> Vec<Finding> {
    if all.is_empty() {
        return vec![
            Finding::warning(CHECK, "[[repository]]", "none is configured")
                .because("there is nothing that could be run")
                .next("name one in the configuration"),
        ];
    }
    let judged = all.iter().map(|looked| match looked {
        Looked::Here(name, Ok(found)) => Finding::ok(CHECK, name, found.clone()),
        Looked::Here(name, Err((problem, help))) => {
            Finding::problem(CHECK, name, problem.clone()).next(help.clone())
        }
        Looked::Unseen(name, why) => Finding::unseen(CHECK, name, "this user can't look at it")
            .because(why.clone())
            .next("ask as root"),
        Looked::ByEngine(info) => by_engine(info),
    });
    judged.collect()
}

fn by_engine(info: &RepositoryInfo) -> Finding {
    let RepositoryInfo { name, state, suites, clusters, errors, .. } = info;
    let looked = info.checked.map_or_else(|| "never".to_owned(), utc);
    match state {
        RepositoryState::Failing => {
            let use_of = "its last good content, if there is any, stays in use";
            let why = format!(
                "it was tried {} in a row, last on {looked}; {use_of}",
                plural(info.failures, "time")
            );
            Finding::problem(CHECK, name, info.problem.clone()).because(why).next(info.help.clone())
        }
        RepositoryState::Pending => Finding::warning(CHECK, name, "it was not looked at yet")
            .next(format!("ask again; or `xrdtest repositories fetch {name}`")),
        RepositoryState::Good if *errors > 0 => {
            Finding::warning(CHECK, name, format!("{} in its definitions", plural(*errors, "error")))
                .because(info.first_errors.first().cloned().unwrap_or_default())
                .next("xrdtest check, in the repository")
        }
        RepositoryState::Good => {
            let (suites, clusters) = (plural(*suites, "suite"), plural(*clusters, "cluster"));
            let what = format!("{suites}, {clusters}; looked at last on {looked}");
            Finding::ok(CHECK, name, what)
        }
    }
}
