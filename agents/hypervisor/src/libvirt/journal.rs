//! What is kept of instances while they exist, so that an agent that was killed finds them again: a file for each.
//!
//! It is written before anything is made, and again when all is made: an instance that was half-made when its agent died
//! is taken away by the next one, one that was made goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xrdtest_model::InstanceId;
use xrdtest_model::plan::{ClusterPlan, file_name};

use super::error::{LibvirtError, OnFile};

const SCHEMA: &str = "xrdtest.instance/1";

/// The folder of these files.
#[derive(Clone, Debug)]
pub(super) struct Journal(PathBuf);

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    schema: String,
    pub(super) instance: InstanceId,
    pub(super) cluster: Arc<ClusterPlan>,
    /// All its machines run, or did.
    pub(super) made: bool,
}

impl Entry {
    pub(super) fn new(instance: InstanceId, cluster: Arc<ClusterPlan>, made: bool) -> Self {
        Self { schema: SCHEMA.to_owned(), instance, cluster, made }
    }
}

impl Journal {
    /// The journal of an agent with this state folder.
    pub(super) fn open(state: &Path) -> Result<Self, LibvirtError> {
        let folder = state.join("instances");
        fs::create_dir_all(&folder).on("create", &folder)?;
        Ok(Self(folder))
    }

    fn path(&self, instance: &InstanceId) -> PathBuf {
        self.0.join(format!("{}.json", file_name(instance.as_str())))
    }

    /// Notes how an instance is.
    pub(super) fn write(&self, entry: &Entry) -> Result<(), LibvirtError> {
        let path = self.path(&entry.instance);
        let text = serde_json::to_string(entry)
            .map_err(|error| LibvirtError::Unsuitable(format!("an instance can't be noted: {error}")))?;
        // Whole or not at all: an agent may be killed between any two writes.
        let new = path.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).on("write", &path)
    }

    /// Nothing of the instance is left.
    pub(super) fn forget(&self, instance: &InstanceId) {
        let _ = fs::remove_file(self.path(instance));
    }

    /// All instances that are noted. A file that can't be read is removed: what it was about is a left-over then.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, LibvirtError> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.0).on("read", &self.0)? {
            let path = file.on("read", &self.0)?.path();
            let read = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Entry>(&text).ok());
            match read.filter(|entry| entry.schema == SCHEMA) {
                Some(entry) => entries.push(entry),
                None => {
                    tracing::warn!(file = %path.display(), "no note of an instance; it is removed");
                    let _ = fs::remove_file(&path);
                }
            }
        }
        entries.sort_by(|one, other| one.instance.cmp(&other.instance));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libvirt::tests::cluster;

    #[test]
    fn what_is_noted_is_found() {
        let state = tempfile::tempdir().unwrap();
        let journal = Journal::open(state.path()).unwrap();
        let half = Entry::new("r2.0".into(), Arc::new(cluster()), false);
        let made = Entry::new("r1.0".into(), Arc::new(cluster()), true);
        journal.write(&half).unwrap();
        journal.write(&Entry { made: false, ..made.clone() }).unwrap();
        journal.write(&made).unwrap();
        fs::write(state.path().join("instances/torn.json"), "{\"schema\": \"xrd").unwrap();
        let again = Journal::open(state.path()).unwrap();
        assert_eq!(again.entries().unwrap(), [made, half]);
        again.forget(&"r1.0".into());
        again.forget(&"never".into());
        assert_eq!(journal.entries().unwrap().len(), 1);
        assert!(!state.path().join("instances/torn.json").exists());
    }
}
