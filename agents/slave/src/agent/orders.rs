//! An order comes: is it ours, is it new, and what must be there before the script is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use std::{fs, io};

use tokio::time::Instant;
use xrdtest_model::order::{StageOrder, StageReport};
use xrdtest_model::tag;
use xrdtest_model::{AttemptId, MachineId};
use xrdtest_protocol::message::SlaveToEngine;

use super::attend::lost_without_trace;
use super::desk::Desk;
use crate::stage::Assignment;
use crate::tags::Tags;

/// A stage that goes on for longer is said to be accepted.
const SAID_AFTER: Duration = Duration::from_millis(50);

/// Whether the agent of machine `own` carries out orders for machine `ordered`. A physical machine works for any
/// instance whose host has its name.
fn carries_out(own: &MachineId, ordered: &MachineId) -> bool {
    own == ordered || (own.is_physical() && own.host == ordered.host)
}

impl Desk {
    /// Carries an order out, unless the attempt is known: then the answer is what is known. That an order is being
    /// carried out is said only when that takes a while: many stages are over sooner.
    pub(super) fn on_order(&mut self, order: StageOrder) -> Option<StageReport> {
        if let Some(stage) = self.stages.get(&order.attempt) {
            return Some(stage.says());
        }
        let attempt = order.attempt.clone();
        match self.accept(order) {
            Ok(()) => {
                self.unsaid.push_back((Instant::now() + SAID_AFTER, attempt));
                None
            }
            Err(why) => {
                tracing::error!(%attempt, %why, "an order was not carried out");
                Some(StageReport::Finished(Box::new(lost_without_trace(why))))
            }
        }
    }

    /// What is to be said of the stage that has gone on for a while, unless it is over.
    pub(super) fn say_accepted(&mut self) -> Option<SlaveToEngine> {
        let (_, attempt) = self.unsaid.pop_front()?;
        let stage = self.stages.get(&attempt).filter(|stage| stage.report.is_none())?;
        let report = stage.says();
        Some(SlaveToEngine::Report { attempt, report })
    }

    fn accept(&mut self, order: StageOrder) -> Result<(), String> {
        let attempt = &order.attempt;
        if !carries_out(&self.machine, &attempt.machine) {
            return Err(format!("the order is for {}, this is {}", attempt.machine, self.machine));
        }
        if order.boot_id != self.place.boot_id {
            return Err("the machine was started anew since the stage was ordered".to_owned());
        }
        let name = attempt.folder_name();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.starts_with('.') || !name.chars().all(plain) {
            return Err(format!("`{name}` cannot name a folder"));
        }
        let work =
            self.begin_run(attempt.run.as_str()).map_err(|error| format!("no working directory: {error}"))?;
        let mut order = order;
        let mut of_machine = self.config.tags.clone();
        if self.machine.is_physical() {
            // Nobody has made disks for it.
            of_machine.entry(tag::DISKMOUNTS.to_owned()).or_default();
        }
        of_machine.insert(tag::SLAVENAME.to_owned(), self.machine.host.clone());
        let files = files(&of_machine);
        let tags = Tags::new(&order.tags, &of_machine);
        let mut script = (*order.script).clone();
        script.text = tags.replace(&script.text);
        order.script = Arc::new(script);
        order.logs = order.logs.iter().map(|path| tags.replace(path)).collect();
        let folder = self.place.stage(&name);
        let assignment = Assignment { order, work, files };
        folder.create(&assignment).map_err(|error| format!("the order could not be journaled: {error}"))?;
        tracing::info!(attempt = %assignment.order.attempt, "a stage begins");
        self.take_up(folder, assignment);
        Ok(())
    }

    /// The run's working directory. With the first order of a run, what earlier runs left is cleared away.
    fn begin_run(&self, run: &str) -> io::Result<PathBuf> {
        let work = self.place.work(run);
        if !work.exists() {
            // A script may have deleted it.
            fs::create_dir_all(self.place.runs())?;
            for entry in fs::read_dir(self.place.runs())?.flatten() {
                let name = entry.file_name();
                let in_use = |attempt: &AttemptId| name.to_str() == Some(attempt.run.as_str());
                if !self.stages.keys().any(in_use) {
                    tokio::task::spawn_blocking(move || remove_run(&entry.path()));
                }
            }
            let mut book = self.place.book.lock().unwrap_or_else(PoisonError::into_inner);
            book.begin_run();
            book.crashes.begin_run(&self.place.boot_id);
            self.place.save_book(&book);
            fs::create_dir_all(&work)?;
        }
        Ok(work)
    }
}

/// Where the machine fetches files of the run's repository; empty where it has been told of no such place.
fn files(tags: &BTreeMap<String, String>) -> String {
    match (tags.get("proto"), tags.get("port")) {
        (Some(proto), Some(port)) => format!("{proto}://master.xrd.test:{port}"),
        _ => String::new(),
    }
}

/// Removes what a run left on this machine, but nothing that a script has mounted there: that may be anything.
fn remove_run(folder: &Path) {
    let (Some(runs), Some(name)) = (folder.parent(), folder.file_name()) else { return };
    // The name itself is not followed: it may be a link to anywhere, of which only the link is removed.
    let removed = fs::canonicalize(runs).map(|runs| runs.join(name)).and_then(|folder| {
        let mounts = fs::read("/proc/self/mountinfo")?;
        match mount_below(&mounts, &folder) {
            Some(mount) => Err(io::Error::other(format!("{} is still mounted", mount.display()))),
            None => fs::remove_dir_all(&folder),
        }
    });
    if let Err(error) = removed {
        tracing::warn!(%error, folder = %folder.display(), "cannot remove what an earlier run left");
    }
}

/// A place below `folder`, or itself, where something is mounted, from the text of `/proc/self/mountinfo`.
fn mount_below(mounts: &[u8], folder: &Path) -> Option<PathBuf> {
    let points =
        mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points
        .map(|point| PathBuf::from(OsString::from_vec(unescaped(point))))
        .find(|point| point.starts_with(folder))
}

/// The kernel writes white space and backslashes as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let octal =
            |digits: &[u8]| digits.iter().try_fold(0, |n, d| Some(n * 8 + char::from(*d).to_digit(8)?));
        match (first, behind.get(..3).and_then(octal).and_then(|code| u8::try_from(code).ok())) {
            (b'\\', Some(byte)) => {
                result.push(byte);
                rest = &behind[3..];
            }
            _ => {
                result.push(*first);
                rest = behind;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_folder_are_found() {
        let mounts = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                       30 22 8:1 /data /state/runs/r1/work/a\\040b rw - ext4 /dev/sda1 rw\n\
                       31 22 0:5 / /state/runs/r10 rw - tmpfs tmpfs rw\n";
        let below = |folder: &str| mount_below(mounts, Path::new(folder));
        assert_eq!(below("/state/runs/r1"), Some("/state/runs/r1/work/a b".into()));
        assert_eq!(below("/state/runs/r10"), Some("/state/runs/r10".into()));
        assert_eq!(below("/state/runs/r2"), None);
    }

    #[test]
    fn a_physical_machine_works_for_every_instance() {
        let physical = MachineId::physical("ds1.xrd.test");
        let of = |instance: &str, host: &str| MachineId::new(instance.into(), host);
        assert!(carries_out(&physical, &of("r1.0", "ds1.xrd.test")));
        assert!(!carries_out(&physical, &of("r1.0", "ds2.xrd.test")));
        assert!(!carries_out(&of("r1.0", "ds1.xrd.test"), &of("r2.0", "ds1.xrd.test")));
    }
}
