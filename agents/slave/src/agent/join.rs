//! Who this machine is: credentials from disk, or for a one-time token.

use std::path::Path;
use std::time::Duration;

use xrdtest_model::MachineId;
use xrdtest_protocol::{Credentials, Identity, JoinKey, JoinToken, ProtocolError, client};

use super::{AgentError, Place};
use crate::config::Config;

/// What became of a try that took too long.
pub(super) const NO_ANSWER: ProtocolError = ProtocolError::Closed("not, but did not answer in time");

/// Waiting times around the tries to reach the engine.
#[derive(Debug)]
pub struct BackOff {
    next: Duration,
    patience: Duration,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);
    const FIRST_PATIENCE: Duration = Duration::from_secs(2);

    /// Begins with the shortest.
    pub fn new() -> Self {
        Self { next: Self::FIRST, patience: Self::FIRST_PATIENCE }
    }

    /// How long this try may take. A packet to an engine that was just being started is lost, and QUIC repeats it
    /// ever more rarely: a new try is answered sooner. An engine that is only slow gets more time with each.
    pub fn patience(&mut self) -> Duration {
        let patience = self.patience;
        self.patience = (self.patience * 2).min(client::CONNECT_TIMEOUT);
        patience
    }

    /// How long to wait now; the next time it is longer. Up to a quarter is left to chance, so that many agents
    /// don't come back at the same moment.
    pub fn wait(&mut self) -> Duration {
        let chance = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
        let wait = self.next - self.next / 4 * chance / 255;
        self.next = (self.next * 2).min(Self::LONGEST);
        wait
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new()
    }
}

/// The credentials of this machine, and the machine's name in them. Joins where there are none yet, trying until the
/// engine answers.
///
/// # Errors
/// Where the engine refuses the token, or there is neither token nor credentials.
pub async fn credentials(config: &Config, place: &Place) -> Result<(Credentials, MachineId), AgentError> {
    let folder = place.credentials();
    let protocol = |what: &str| {
        let what = format!("{what} {}", folder.display());
        move |source| AgentError::Protocol { what, source }
    };
    let credentials = match Credentials::load(&folder).map_err(protocol("cannot read the credentials in"))? {
        Some(credentials) => credentials,
        None => {
            let Some(file) = &config.join_token_file else {
                return Err(AgentError::NoCredentials { credentials: folder });
            };
            let credentials = join(config, place, file).await?;
            credentials.save(&folder).map_err(protocol("cannot keep the credentials in"))?;
            // It is worth nothing any more, but a secret that nobody needs should not lie about.
            if let Err(error) = std::fs::remove_file(file) {
                tracing::warn!(%error, file = %file.display(), "cannot remove the used join token");
            }
            credentials
        }
    };
    match credentials.identity().map_err(protocol("cannot use the credentials in"))? {
        Identity::Slave(machine) => Ok((credentials, machine)),
        other => Err(AgentError::Identity { credentials: folder, identity: other.to_string() }),
    }
}

async fn join(config: &Config, place: &Place, file: &Path) -> Result<Credentials, AgentError> {
    let protocol = |what: String| move |source: ProtocolError| AgentError::Protocol { what, source };
    let text = std::fs::read_to_string(file)
        .map_err(super::system(format!("cannot read the join token {}", file.display())))?;
    let token: JoinToken =
        text.parse().map_err(protocol(format!("the join token in {} cannot be used", file.display())))?;
    let folder = place.credentials();
    let key = JoinKey::open_or_create(&folder)
        .map_err(protocol(format!("cannot keep a key in {}", folder.display())))?;
    let mut back_off = BackOff::new();
    loop {
        match client::join(config.engine, &token, &key).await {
            Ok(credentials) => return Ok(credentials),
            Err(error) if error.is_final() => {
                return Err(protocol(format!("cannot join the engine at {}", config.engine))(error));
            }
            Err(error) => {
                let wait = back_off.wait();
                tracing::info!(%error, wait_ms = wait.as_millis(), "cannot reach the engine to join; trying again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}
