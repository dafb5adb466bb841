//! The tags in a text, and what becomes of them. The rules are the slave agent's (`agents/slave/src/tags.rs`).

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::definition::short_name;
use xrdtest_model::plan::HostPlan;
use xrdtest_model::plan_document::{PlannedTag, TagSource};

/// Tags that a machine gets from whoever makes it. They win over the suite's own.
const OF_HYPERVISOR: [&str; 3] = ["port", "proto", "diskmounts"];
/// The machine's own name.
const SLAVENAME: &str = "slavename";
/// More unknown ones than this are not told: some texts are full of at signs.
const MOST_UNKNOWN: usize = 20;

/// What tags depend on.
pub(super) struct Surroundings<'a> {
    /// The suite's own tags.
    pub(super) of_suite: &'a BTreeMap<String, String>,
    /// All hosts of the suite.
    pub(super) hosts: &'a [&'a HostPlan],
}

/// The names between at signs, as the slave agent sees them: those that are `known`, and others.
fn names(text: &str, known: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find('@') {
        let behind = &rest[start + 1..];
        let end = behind.find(|c: char| !is_name(c)).unwrap_or(behind.len());
        let (name, after) = behind.split_at(end);
        rest = after;
        if let Some(after) = after.strip_prefix('@')
            && !name.is_empty()
        {
            names.insert(name);
            // The second at sign of an unknown one may begin a tag itself.
            if known(name) {
                rest = after;
            }
        }
    }
    names
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-' || c == '.'
}

impl Surroundings<'_> {
    /// The tags in a script that runs on some machines.
    pub(super) fn tags(&self, text: &str, machines: &[String]) -> Vec<PlannedTag> {
        let known = |name: &str| {
            name == SLAVENAME || OF_HYPERVISOR.contains(&name) || self.of_suite.contains_key(name)
        };
        let tags = names(text, known).into_iter().map(|name| self.tag(name, machines));
        let mut unknown = 0;
        let wanted = |tag: &PlannedTag| {
            unknown += usize::from(tag.from == TagSource::Unknown);
            tag.from != TagSource::Unknown || unknown <= MOST_UNKNOWN
        };
        tags.filter(wanted).collect()
    }

    fn tag(&self, name: &str, machines: &[String]) -> PlannedTag {
        let mut tag = PlannedTag {
            name: name.to_owned(),
            from: TagSource::Unknown,
            value: None,
            values: BTreeMap::new(),
            note: String::new(),
        };
        if name == SLAVENAME {
            tag.from = TagSource::Machine;
            match machines {
                [only] => tag.value = Some(only.clone()),
                all => tag.values = all.iter().map(|host| (host.clone(), host.clone())).collect(),
            }
        } else if name == "diskmounts" {
            tag.from = TagSource::Hypervisor;
            tag.note = self.mounts(machines);
        } else if OF_HYPERVISOR.contains(&name) {
            tag.from = TagSource::Hypervisor;
            tag.note = "given by its hypervisor when the machine starts".to_owned();
        } else if let Some(value) = self.of_suite.get(name) {
            tag.from = TagSource::Suite;
            tag.value = Some(value.clone());
        } else {
            tag.note = "no such tag: the text stays as it is".to_owned();
        }
        tag
    }

    /// What @diskmounts@ mounts: `ds1: disk1 on /disk1, disk2 on /disk2; ds2, ds3: disk1 on /disk1`.
    fn mounts(&self, machines: &[String]) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for host in machines.iter().filter_map(|name| self.hosts.iter().find(|host| host.name == *name)) {
            let disks: Vec<String> =
                host.disks.iter().map(|disk| format!("{} on {}", disk.name, disk.mount_point)).collect();
            let disks = if disks.is_empty() { "nothing".to_owned() } else { disks.join(", ") };
            match groups.iter_mut().find(|(known, _)| *known == disks) {
                Some((_, hosts)) => hosts.push(short_name(&host.name)),
                None => groups.push((disks, vec![short_name(&host.name)])),
            }
        }
        // Machines without disks last.
        groups.sort_by_key(|(disks, _)| disks == "nothing");
        let told = groups.iter().map(|(disks, hosts)| format!("{disks} ({})", hosts.join(", ")));
        let told: Vec<String> = told.collect();
        format!("commands that mount {}", told.join("; "))
    }

    /// A path by machine, with the tags replaced that are known.
    pub(super) fn paths(&self, path: &str, machines: &[String]) -> BTreeMap<String, String> {
        let replace = |host: &String| {
            let mut shown = path.replace("@slavename@", host);
            for (name, value) in self.of_suite.iter().filter(|(name, _)| *name != SLAVENAME) {
                shown = shown.replace(&format!("@{name}@"), value);
            }
            (host.clone(), shown)
        };
        machines.iter().map(replace).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_as_the_agent_finds_them() {
        let known = |name: &str| matches!(name, "slavename" | "port");
        for (text, expect) in [
            ("a@slavename@b@port@c", vec!["port", "slavename"]),
            ("@slavename@@port@", vec!["port", "slavename"]),
            ("user@host and me@there", vec![]),
            ("root@slavename@port@", vec!["slavename"]),
            ("@loop@port@", vec!["loop", "port"]),
            ("@@ @ @x", vec![]),
        ] {
            assert_eq!(names(text, known).into_iter().collect::<Vec<_>>(), expect, "{text}");
        }
    }
}
