//! Who this agent is: credentials from disk, or for a one-time token.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tokio::time::{sleep, timeout};
use xrdtest_model::HypervisorName;
use xrdtest_protocol::backoff::{BackOff, chance};
use xrdtest_protocol::{Credentials, Identity, JoinKey, JoinToken, ProtocolError, client};

use super::EngineAddress;

/// Where the one-time token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A file, which is removed when the token was used.
    File(PathBuf),
    /// `--join`: the token itself, `-` for standard input, or `@FILE`.
    Argument(String),
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// No certificate, and no way to get one.
    #[error(
        "this machine has no credentials in {}, and no token to get them. Make one on the engine (xrdtest token new \
         hypervisor NAME) and give it with --join, or name its file as `join_token_file` in the configuration",
        credentials.display()
    )]
    NoToken {
        /// Where they would be.
        credentials: PathBuf,
    },
    /// The token can't be read.
    #[error("cannot read the join token from {source_name}: {source}")]
    Token {
        /// File, or standard input.
        source_name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate is for somebody else.
    #[error("the credentials in {} are not those of a hypervisor agent but of {identity}", credentials.display())]
    Identity {
        /// Where they are.
        credentials: PathBuf,
        /// Whom they are for.
        identity: Identity,
    },
    /// The engine refused for good, or credentials can't be used.
    #[error("{what}: {source}")]
    Protocol {
        /// What was tried.
        what: String,
        /// What came of it.
        source: ProtocolError,
    },
}

/// The agent's credentials, kept in `folder`, and the name in them. Joins where there are none yet, trying until the
/// engine answers; a token that was used before is not needed again.
///
/// # Errors
/// Where the engine refuses the token, or there is neither token nor credentials.
pub async fn credentials(
    folder: &Path,
    engine: &EngineAddress,
    token: Option<&TokenSource>,
) -> Result<(Credentials, HypervisorName), JoinError> {
    let failed = |what: &str| {
        let what = format!("{what} {}", folder.display());
        move |source| JoinError::Protocol { what, source }
    };
    let credentials = match Credentials::load(folder).map_err(failed("cannot read the credentials in"))? {
        Some(credentials) => credentials,
        None => {
            let source = token.ok_or_else(|| JoinError::NoToken { credentials: folder.to_owned() })?;
            let token = source.read()?;
            let key = JoinKey::open_or_create(folder).map_err(failed("cannot keep a key in"))?;
            let credentials = join(engine, &token, &key).await?;
            credentials.save(folder).map_err(failed("cannot keep the credentials in"))?;
            source.discard();
            credentials
        }
    };
    match credentials.identity().map_err(failed("cannot use the credentials in"))? {
        Identity::Hypervisor(name) => Ok((credentials, name)),
        identity => Err(JoinError::Identity { credentials: folder.to_owned(), identity }),
    }
}

async fn join(engine: &EngineAddress, token: &JoinToken, key: &JoinKey) -> Result<Credentials, JoinError> {
    let mut back_off = BackOff::new();
    loop {
        let attempt = async { client::join(engine.resolve().await?, token, key).await };
        match timeout(back_off.patience(), attempt).await.unwrap_or(Err(ProtocolError::NoAnswer)) {
            Ok(credentials) => return Ok(credentials),
            Err(source) if source.is_final() => {
                return Err(JoinError::Protocol {
                    what: format!("cannot join the engine at {engine}"),
                    source,
                });
            }
            Err(error) => {
                let wait = back_off.wait(chance());
                tracing::warn!(%engine, %error, wait_ms = wait.as_millis(), "cannot reach the engine to join");
                sleep(wait).await;
            }
        }
    }
}

impl TokenSource {
    fn read(&self) -> Result<JoinToken, JoinError> {
        let (name, text) = match self {
            Self::File(path) => (path.display().to_string(), std::fs::read_to_string(path)),
            Self::Argument(text) => match text.strip_prefix('@') {
                Some(path) => (path.to_owned(), std::fs::read_to_string(path)),
                None if text == "-" => {
                    let mut read = String::new();
                    ("standard input".to_owned(), io::stdin().read_to_string(&mut read).map(|_| read))
                }
                None => ("the command line".to_owned(), Ok(text.clone())),
            },
        };
        let text = text.map_err(|source| JoinError::Token { source_name: name.clone(), source })?;
        text.parse().map_err(|source| JoinError::Protocol {
            what: format!("the join token from {name} cannot be used"),
            source,
        })
    }

    /// A used token is worth nothing any more, but a secret that nobody needs should not lie about.
    fn discard(&self) {
        if let Self::File(file) = self
            && let Err(error) = std::fs::remove_file(file)
        {
            tracing::warn!(%error, file = %file.display(), "cannot remove the used join token");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_from_files_and_arguments() {
        let token = JoinToken::generate([7; 32]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("{token}\n")).unwrap();
        for source in [
            TokenSource::Argument(token.to_string()),
            TokenSource::Argument(format!("@{}", file.display())),
            TokenSource::File(file.clone()),
        ] {
            assert_eq!(source.read().unwrap(), token, "{source:?}");
        }
        for (source, words) in [
            (TokenSource::Argument("@/nowhere".to_owned()), "cannot read the join token from /nowhere"),
            (TokenSource::Argument("x".to_owned()), "the join token from the command line cannot be used"),
        ] {
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        TokenSource::Argument(format!("@{}", file.display())).discard();
        assert!(file.exists(), "only the configured file is ours to remove");
        TokenSource::File(file.clone()).discard();
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn without_token_it_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let engine = "localhost:1".parse().unwrap();
        let words = credentials(folder.path(), &engine, None).await.unwrap_err().to_string();
        assert!(words.contains("xrdtest token new hypervisor NAME"), "{words}");
    }
}
