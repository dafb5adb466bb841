//! The configuration of the libvirt provider.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use xrdtest_model::size::parse_size;

/// How virtual machines are made with libvirt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LibvirtConfig {
    /// Which libvirt: a connection URI.
    pub uri: String,
    /// The storage pool of images and machines' disks; where it does not exist, `default` is used.
    pub pool: String,
    /// The emulator; libvirt's choice where there is none.
    pub emulator: Option<String>,
    /// Whether guests run on the processor (`kvm`) or are emulated (`tcg`); `auto` tries.
    pub accel: Acceleration,
    /// The slave agent's static program, which each machine gets.
    pub agent: PathBuf,
    /// The same for other processors than this machine's, by their names: `aarch64`.
    pub agents: BTreeMap<String, PathBuf>,
    /// Give machines a screen, to be seen by VNC on libvirt's machine.
    pub vnc: bool,
    /// Folder of the consoles' logs, on libvirt's machine.
    pub consoles: PathBuf,
    /// What is left to libvirt's machine itself.
    pub reserve: Reserve,
    /// How many times what the machine has is given to instances.
    pub overcommit: Overcommit,
    /// Words that definitions may ask for. They are the agent's, not the provider's own, in a configuration file.
    #[serde(skip)]
    pub labels: Vec<String>,
    /// The agent's own folder, where it keeps who it is.
    #[serde(skip)]
    pub state: PathBuf,
}

/// How guests are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acceleration {
    /// By the processor where that works.
    #[default]
    Auto,
    /// By the processor.
    Kvm,
    /// Emulated.
    Tcg,
}

/// Memory, cores and disk that instances never get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reserve {
    /// As `512M`, `2G`.
    pub memory: Size,
    /// Cores.
    pub cores: u32,
    /// As `1G`, `50G`.
    pub disk: Size,
}

/// How many times what a machine has, without the reserve, is given to instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overcommit {
    /// Of memory: what guests do not use yet is free, but they may.
    pub memory: u32,
    /// Of cores: guests of tests wait most of the time.
    pub cores: u32,
    /// Of disk: volumes take what is written.
    pub disk: u32,
}

/// A number of bytes, written with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_size(&text, 1).map(Self).map_err(|error| format!("{error} such as \"512M\" or \"2G\""))
    }
}

impl Default for Reserve {
    fn default() -> Self {
        Self { memory: Size(1 << 30), cores: 0, disk: Size(5 << 30) }
    }
}

impl Default for Overcommit {
    fn default() -> Self {
        Self { memory: 1, cores: 8, disk: 4 }
    }
}

impl Default for LibvirtConfig {
    fn default() -> Self {
        Self {
            uri: "qemu:///system".to_owned(),
            pool: "xrdtest".to_owned(),
            emulator: None,
            accel: Acceleration::default(),
            agent: PathBuf::from("/usr/bin/xrdtest-slave"),
            agents: BTreeMap::new(),
            vnc: false,
            consoles: PathBuf::from("/var/lib/xrdtest/consoles"),
            reserve: Reserve::default(),
            overcommit: Overcommit::default(),
            labels: Vec::new(),
            state: PathBuf::from("/var/lib/xrdtest/hypervisor"),
        }
    }
}
