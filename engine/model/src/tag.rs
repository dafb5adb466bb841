//! The tags that the system itself gives to scripts (manual 6.2.1).

/// A tag that every script may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemTag {
    /// Its name, without the at signs.
    pub name: &'static str,
    /// What stands in its place. Whole sentences in Markdown, as seen from `docs/`.
    pub meaning: &'static str,
    /// Whether whoever makes the machine gives it; else the machine's own agent does.
    pub of_hypervisor: bool,
}

/// The machine's own name.
pub const SLAVENAME: &str = "slavename";
/// The commands that mount the machine's disks.
pub const DISKMOUNTS: &str = "diskmounts";

/// All of them. They win over a suite's own.
pub static SYSTEM_TAGS: [SystemTag; 4] = [
    SystemTag {
        name: SLAVENAME,
        meaning: "Full name of the host on which the script runs: `ds1.xrd.test`.",
        of_hypervisor: false,
    },
    SystemTag {
        name: "port",
        meaning: "Port at which `master.xrd.test` serves [files](scripts.md#files): `8080`.",
        of_hypervisor: true,
    },
    SystemTag { name: "proto", meaning: "The protocol by which it does: `http`.", of_hypervisor: true },
    SystemTag {
        name: DISKMOUNTS,
        meaning: "Commands that mount the host's disks, on several lines; nothing where it has none.",
        of_hypervisor: true,
    },
];

/// The system's tag of a name.
pub fn system_tag(name: &str) -> Option<&'static SystemTag> {
    SYSTEM_TAGS.iter().find(|tag| tag.name == name)
}
