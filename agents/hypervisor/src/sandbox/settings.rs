//! The configuration of the sandbox provider.

use std::path::PathBuf;

use serde::Deserialize;

/// How sandboxes are made on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Folder for the machines' files, on a local file system with room for what they write.
    pub state: PathBuf,
    /// Folder for locks and records. All agents of this machine share it, so that each can remove what another left.
    pub runtime: PathBuf,
    /// The program that is PID 1 of each machine: the slave agent. It must work in a machine, so static is best. It
    /// ends, and with it the machine, when its standard input ends.
    pub init: PathBuf,
    /// Its arguments.
    pub init_arguments: Vec<String>,
    /// Folders of this machine that no machine may see, besides `state`, /var/lib/xrdtest, /etc/xrdtest and
    /// /var/log/XrdTest.
    pub hidden: Vec<PathBuf>,
    /// Processes and threads that each machine may have.
    pub processes: u32,
    /// How much more the machines may have, all in all, than there is: their limits are not reservations.
    pub overcommit: Overcommit,
    /// Folders of this machine that every machine sees: fresh builds and data sets for authors.
    pub shared: Vec<Shared>,
    /// Words that definitions may ask for. They are the agent's, not the sandbox's own, in a configuration file.
    #[serde(skip)]
    pub labels: Vec<String>,
}

/// A folder of this machine that every machine sees as it is at every moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// The folder on this machine; absolute.
    pub host: PathBuf,
    /// Where machines see it; absolute.
    pub machine: PathBuf,
    /// Whether machines may write to it, which all of them then do to the same files, and which outlives them.
    #[serde(default)]
    pub writable: bool,
}

/// By how much the sandbox promises more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overcommit {
    /// Of memory.
    pub memory: u32,
    /// Of cores.
    pub cores: u32,
    /// Of disk. A disk's size is not enforced in a sandbox.
    pub disk: u32,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            state: "/var/lib/xrdtest/sandbox".into(),
            runtime: "/run/xrdtest-sandbox".into(),
            init: "/usr/bin/xrdtest-slave".into(),
            init_arguments: vec!["init".to_owned()],
            hidden: Vec::new(),
            processes: 4096,
            shared: Vec::new(),
            overcommit: Overcommit::default(),
            labels: Vec::new(),
        }
    }
}

impl Default for Overcommit {
    fn default() -> Self {
        Self { memory: 4, cores: 64, disk: 16 }
    }
}
