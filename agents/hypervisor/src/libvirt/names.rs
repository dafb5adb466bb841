//! How things in libvirt are called that are ours.
//!
//! Each name begins with `xrdtest-OWNER-`, where the owner is this agent: what it made it finds again by that, and
//! touches nothing else. In domains and networks the same stands in their metadata, for people and other programs.

use std::fs;
use std::io;
use std::path::Path;

use xrdtest_model::InstanceId;

use super::xml::Element;

/// The namespace of our metadata.
const NAMESPACE: &str = "urn:xrdtest:instance:1";

/// This agent, as the names of its things say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner(String);

impl Owner {
    /// Who an agent with this state folder is: chosen once, and kept there.
    pub(super) fn of(state: &Path) -> io::Result<Self> {
        let path = state.join("libvirt-owner");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let random = uuid::Uuid::new_v4().simple().to_string();
                let owner = random[..8].to_owned();
                fs::create_dir_all(state)?;
                fs::write(&path, format!("{owner}\n"))?;
                Ok(Self(owner))
            }
            Err(error) => Err(error),
        }
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self("0123abcd".to_owned())
    }

    /// What all names begin with.
    pub(super) fn prefix(&self) -> String {
        format!("xrdtest-{}-", self.0)
    }

    /// Of an instance's network.
    pub(super) fn network(&self, instance: &InstanceId) -> String {
        format!("{}{}", self.prefix(), plain(instance.as_str()))
    }

    /// Of a machine, and of its volumes with an ending.
    pub(super) fn machine(&self, instance: &InstanceId, host: &str) -> String {
        format!("{}{}-{}", self.prefix(), plain(instance.as_str()), plain(host))
    }

    /// Of a disk that keeps its content between runs.
    pub(super) fn kept_disk(&self, cluster: &str, host: &str, disk: &str) -> String {
        format!("{}{}-{}-{}.qcow2", self.kept_disks(), plain(cluster), plain(host), plain(disk))
    }

    /// What the names of such disks begin with.
    pub(super) fn kept_disks(&self) -> String {
        format!("{}disk-", self.prefix())
    }

    /// The metadata of a domain or network. `engine`: who wants it.
    pub(super) fn metadata(&self, engine: &str, instance: &InstanceId, host: Option<&str>) -> Element {
        let mut of = Element::new("xrdtest:instance")
            .with("xmlns:xrdtest", NAMESPACE)
            .with("engine", engine)
            .with("owner", &self.0)
            .with("id", instance);
        if let Some(host) = host {
            of = of.with("host", host);
        }
        Element::new("metadata").of(of)
    }
}

/// Names go into files' names.
fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_chosen_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let owner = Owner::of(&state).unwrap();
        assert_eq!(Owner::of(&state).unwrap(), owner);
        assert_eq!(owner.prefix().len(), "xrdtest-01234567-".len());
    }

    #[test]
    fn names_are_plain() {
        let owner = Owner::for_tests();
        assert_eq!(owner.machine(&"r/1.0".into(), "ds1.xrd.test"), "xrdtest-0123abcd-r_1.0-ds1.xrd.test");
        assert!(owner.kept_disk("c", "h", "d").starts_with(&owner.kept_disks()));
    }
}
