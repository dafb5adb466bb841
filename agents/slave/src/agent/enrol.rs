//! Makes a machine a slave for good: `xrdtest-slave join`.

use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use xrdtest_model::MachineId;
use xrdtest_protocol::JoinToken;

use super::setup::lock_state;
use super::{AgentError, join, system};
use crate::config::{Config, ConfigError};

/// Where a join token is: on the command line, where other users of the machine can see it, in a file, or on standard
/// input. Written `TOKEN`, `@FILE`, `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The token itself.
    Literal(JoinToken),
    /// A file with it.
    File(PathBuf),
    /// The first line of standard input.
    StandardInput,
}

impl FromStr for TokenSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix('@')) {
            ("-", _) => Ok(Self::StandardInput),
            (_, Some("")) => Err("`@` needs the name of a file with the token behind it".to_owned()),
            (_, Some(file)) => Ok(Self::File(file.into())),
            _ => text.parse().map(Self::Literal).map_err(|error: xrdtest_protocol::ProtocolError| {
                format!("{error}; give the token, @FILE with it, or - for standard input")
            }),
        }
    }
}

impl TokenSource {
    /// The token.
    ///
    /// # Errors
    /// Where it can't be read or is none.
    pub fn read(&self) -> Result<JoinToken, AgentError> {
        let (text, place) = match self {
            Self::Literal(token) => return Ok(token.clone()),
            Self::File(path) => (fs::read_to_string(path), path.display().to_string()),
            Self::StandardInput => {
                let mut text = String::new();
                let read = io::stdin().take(4096).read_to_string(&mut text);
                (read.map(|_| text), "standard input".to_owned())
            }
        };
        let text = text.map_err(system(format!("cannot read the join token from {place}")))?;
        text.parse().map_err(|source| AgentError::Protocol {
            what: format!("the join token from {place} cannot be used"),
            source,
        })
    }
}

/// Why a machine could not be made a slave.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is a configuration for something else.
    #[error("{path} names another engine ({engine}) or another state folder; edit or remove it first")]
    Configured {
        /// The file.
        path: PathBuf,
        /// The engine in it.
        engine: String,
    },
    /// There is a configuration that can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Joining failed.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Joins the engine with a fresh token, keeps the credentials, and writes a configuration file where there is none, so
/// that the agent can be started without arguments from now on. Returns whom the engine takes this machine for.
///
/// # Errors
/// [`EnrolError`]. The token is not used up where the configuration stands in the way.
pub async fn enrol(config: &Config, path: &Path, token: &JoinToken) -> Result<MachineId, EnrolError> {
    let exists = path.exists();
    if exists {
        let there = Config::load(path)?;
        if (&there.engine, &there.state) != (&config.engine, &config.state) {
            let engine = there.engine.to_string();
            return Err(EnrolError::Configured { path: path.to_owned(), engine });
        }
    }
    fs::create_dir_all(&config.state).map_err(system(format!("cannot create {}", config.state.display())))?;
    let _lock = lock_state(&config.state)?;
    let folder = config.state.join("credentials");
    let credentials = join::join(&config.engine, token, &folder).await?;
    let machine = join::machine_of(&credentials, &folder)?;
    if !exists {
        write_config(config, path).map_err(system(format!("cannot write {}", path.display())))?;
    }
    Ok(machine)
}

fn write_config(config: &Config, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let defaults = Config::for_engine(config.engine.clone());
    let mut text =
        "# Written by `xrdtest-slave join`. All keys are in the example that comes with xrdtest.\n"
            .to_owned();
    let mut set = |key: &str, value: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{key} = {}", toml::Value::String(value));
    };
    set("engine", config.engine.to_string());
    if config.state != defaults.state {
        set("state", config.state.display().to_string());
    }
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_tokens() {
        let token = JoinToken::generate([1; 32]).unwrap();
        assert_eq!(token.to_string().parse(), Ok(TokenSource::Literal(token.clone())));
        assert_eq!("-".parse(), Ok(TokenSource::StandardInput));
        assert_eq!("@/run/token".parse(), Ok(TokenSource::File("/run/token".into())));
        for bad in ["@", "", "xrdtest-join-1.ab.cd"] {
            assert!(bad.parse::<TokenSource>().is_err(), "{bad}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{token}\n")).unwrap();
        assert_eq!(TokenSource::File(file.path().into()).read().unwrap(), token);
        let words = TokenSource::File("/no/such".into()).read().unwrap_err().to_string();
        assert!(words.contains("/no/such"), "{words}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/slave.toml");
        for state in ["/var/lib/xrdtest/slave", "/a \"b\"/c"] {
            let mut config = Config::for_engine("engine.example.org:20000".parse().unwrap());
            config.state = state.into();
            write_config(&config, &path).unwrap();
            assert_eq!(Config::load(&path).unwrap(), config);
        }
    }
}
