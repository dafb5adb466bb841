//! The engine itself: whether one runs, and whether it answers.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use xrdtest_model::api::{EngineInfo, HypervisorInfo, RepositoryInfo};
use xrdtest_model::time::{Timestamp, utc};

use super::Finding;
use crate::config::Config;
use crate::daemon::ask::get_within;
use crate::lock;

const CHECK: &str = "engine";

/// What is known of an engine with this configuration.
pub(super) struct Running {
    pub(super) state: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) holder: Holder,
    /// What it says; or why it says nothing.
    pub(super) answer: Result<Answer, String>,
}

/// Who holds the lock of the state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Process(i32),
    Nobody,
    /// This user may not see it.
    Hidden,
}

/// What a running engine says about itself.
pub(super) struct Answer {
    pub(super) info: EngineInfo,
    pub(super) repositories: Vec<RepositoryInfo>,
    pub(super) hypervisors: Vec<HypervisorInfo>,
}

impl Running {
    /// Whether one runs; `None`: that can't be known.
    pub(super) fn is(&self) -> Option<bool> {
        match (&self.holder, &self.answer) {
            (_, Ok(_)) | (Holder::Process(_), _) => Some(true),
            (Holder::Nobody, _) => Some(false),
            (Holder::Hidden, Err(_)) => None,
        }
    }
}

pub(super) async fn gather(config: &Config) -> Running {
    let holder = match lock::holder(&config.state) {
        Err(_) => Holder::Hidden,
        Ok(None) => Holder::Nobody,
        Ok(Some(pid)) => Holder::Process(pid),
    };
    // What a killed engine left of its socket is nobody's.
    let answer =
        if holder == Holder::Nobody { Err("no engine runs".to_owned()) } else { answer(config).await };
    Running { state: config.state.clone(), socket: config.socket.clone(), holder, answer }
}

async fn answer(config: &Config) -> Result<Answer, String> {
    Ok(Answer {
        info: get(config, "/api/v1/status").await?,
        repositories: get(config, "/api/v1/repositories").await?,
        hypervisors: get(config, "/api/v1/hypervisors").await?,
    })
}

/// How long the engine may take for each answer.
const LIMIT: Duration = Duration::from_secs(10);

async fn get<T: DeserializeOwned>(config: &Config, path: &str) -> Result<T, String> {
    let answer = get_within(LIMIT, &config.socket, path).await;
    let answer = answer.map_err(|error| xrdtest_model::with_causes(error.as_ref()))?;
    serde_json::from_slice(&answer).map_err(|error| format!("its answer can't be read: {error}"))
}

pub(super) fn judge(running: &Running) -> Vec<Finding> {
    let state = running.state.display();
    let ours = env!("CARGO_PKG_VERSION");
    let finding = match (&running.holder, &running.answer) {
        (_, Ok(Answer { info, .. })) if info.version != ours => {
            Finding::warning(CHECK, state, format!("version {} runs, and this program is {ours}", info.version))
                .because("it was not started again after an upgrade")
                .next("restart it; machines and their scripts go on meanwhile")
        }
        (_, Ok(Answer { info, .. })) => {
            let since = utc(Timestamp::from_millis(info.started.as_millis()));
            Finding::ok(CHECK, state, format!("it runs (process {}, since {since})", info.pid))
        }
        (Holder::Process(pid), Err(why)) => {
            Finding::problem(CHECK, running.socket.display(), format!("process {pid} runs and can't be asked"))
                .because(why.clone())
                .next("ask as root or as a member of `socket_group`; look at the engine's log, and restart it where it hangs")
        }
        (Holder::Nobody, Err(_)) => Finding::ok(CHECK, state, "no engine runs; the rest is looked at without one"),
        (Holder::Hidden, Err(why)) => {
            Finding::unseen(CHECK, state, "whether an engine runs can't be seen by this user")
                .because(why.clone())
                .next("ask as root")
        }
    };
    vec![finding]
}
