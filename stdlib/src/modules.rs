//! Rhai modules that definitions import as `std/NAME`. Each is a file in `modules/`, documented by the `///` comments
//! of its functions; to add one, add the file and a line to [`ALL`].

/// A module of the standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name behind `std/`.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// All modules, by name.
pub const ALL: &[Module] = &[
    Module { name: "hosts", source: include_str!("modules/hosts.rhai") },
    Module { name: "net", source: include_str!("modules/net.rhai") },
    Module { name: "schedule", source: include_str!("modules/schedule.rhai") },
    Module { name: "xrootd", source: include_str!("modules/xrootd.rhai") },
];

/// The module with a name, without `std/` and without an ending.
pub fn find(name: &str) -> Option<&'static Module> {
    ALL.iter().find(|module| module.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_name() {
        assert!(find("hosts").is_some());
        assert!(find("../hosts").is_none());
        for module in ALL {
            assert!(module.source.starts_with("//!"), "{} says what it is", module.name);
        }
    }
}
