//! Who this machine is: credentials from disk, or for a one-time token.

use std::path::Path;

use xrdtest_model::MachineId;
use xrdtest_protocol::backoff::{BackOff, chance};
pub(super) use xrdtest_protocol::renewal::Renewal;
use xrdtest_protocol::{Credentials, EngineAddress, Identity, JoinKey, JoinToken, ProtocolError, client};

use super::{AgentError, Place};
use crate::config::Config;

/// The credentials of this machine, and the machine's name in them. Joins where there are none yet, or those of another
/// engine than the one that made `token`, trying until the engine answers.
///
/// # Errors
/// Where the engine refuses the token, or there is neither token nor credentials.
pub async fn credentials(
    config: &Config,
    place: &Place,
    token: Option<JoinToken>,
) -> Result<(Credentials, MachineId), AgentError> {
    let folder = place.credentials();
    let known = Credentials::load(&folder).map_err(protocol(format!("cannot read {}", folder.display())))?;
    let usable = match (&known, &token) {
        (Some(known), Some(token)) => {
            token.is_of_same_engine(known).map_err(protocol(format!("cannot use {}", folder.display())))?
        }
        (known, None) => known.is_some(),
        (None, Some(_)) => false,
    };
    let credentials = match known {
        Some(known) if usable => known,
        _ => join_anew(config, &folder, token).await?,
    };
    let machine = machine_of(&credentials, &folder)?;
    Ok((credentials, machine))
}

/// Joins with the given token, or the one in the configured file, and keeps what it buys.
async fn join_anew(
    config: &Config,
    folder: &Path,
    token: Option<JoinToken>,
) -> Result<Credentials, AgentError> {
    if let Some(token) = token {
        return join(&config.engine, &token, folder).await;
    }
    let Some(file) = &config.join_token_file else {
        return Err(AgentError::NoCredentials { credentials: folder.to_owned() });
    };
    let text = std::fs::read_to_string(file)
        .map_err(super::system(format!("cannot read the join token {}", file.display())))?;
    let token =
        text.parse().map_err(protocol(format!("the join token in {} cannot be used", file.display())))?;
    let credentials = join(&config.engine, &token, folder).await?;
    // It is worth nothing any more, but a secret that nobody needs should not lie about.
    if let Err(error) = std::fs::remove_file(file) {
        tracing::warn!(%error, file = %file.display(), "cannot remove the used join token");
    }
    Ok(credentials)
}

/// The machine that the credentials in `folder` are for.
pub(super) fn machine_of(credentials: &Credentials, folder: &Path) -> Result<MachineId, AgentError> {
    match credentials.identity().map_err(protocol(format!("cannot use {}", folder.display())))? {
        Identity::Slave(machine) => Ok(machine),
        other => Err(AgentError::Identity { credentials: folder.to_owned(), identity: other.to_string() }),
    }
}

fn protocol(what: String) -> impl FnOnce(ProtocolError) -> AgentError {
    move |source| AgentError::Protocol { what, source }
}

/// Joins the engine, trying until it answers, and keeps the credentials in `folder`.
pub(super) async fn join(
    engine: &EngineAddress,
    token: &JoinToken,
    folder: &Path,
) -> Result<Credentials, AgentError> {
    let key = JoinKey::open_or_create(folder)
        .map_err(protocol(format!("cannot keep a key in {}", folder.display())))?;
    let mut back_off = BackOff::new();
    loop {
        let patience = back_off.patience();
        let join = async { client::join(engine.resolve().await?, token, &key).await };
        match tokio::time::timeout(patience, join).await.unwrap_or(Err(ProtocolError::NoAnswer)) {
            Ok(credentials) => {
                credentials
                    .save(folder)
                    .map_err(protocol(format!("cannot keep the credentials in {}", folder.display())))?;
                return Ok(credentials);
            }
            Err(error) if error.is_final() => {
                return Err(protocol(format!("cannot join the engine at {engine}"))(error));
            }
            Err(error) => {
                let wait = back_off.wait(chance());
                tracing::warn!(%error, %engine, wait_ms = wait.as_millis(), "cannot join the engine; trying again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// What becomes of the certificate's renewal is for the log.
pub(super) fn note_renewal(renewed: Result<(), ProtocolError>) {
    match renewed {
        Ok(()) => {
            tracing::info!("this agent's certificate is renewed");
        }
        Err(error) => {
            tracing::warn!(%error, "this agent's certificate could not be renewed; it is tried again");
        }
    }
}
