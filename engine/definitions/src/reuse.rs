//! What a load of a repository leaves for the next one: a definition whose text, and that of all that it imports, is
//! the same means the same.

use std::any::Any;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::evaluate::bounds::Bounds;
use crate::evaluate::files::Files;
use crate::evaluate::imports::Imports;
use crate::rules::contents::Contents;
use crate::source::{Source, without_mark};

/// Definitions as evaluated before, for [`crate::LoadOptions::reuse`]. One per repository; clones share what they hold.
/// Only evaluations without any finding are kept, and only those that the last load had a use for; of scripts all that
/// their texts alone tell. What depends on other files as well is looked at by each load.
#[derive(Clone, Debug, Default)]
pub struct Reuse {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    bounds: Bounds,
    /// By the definition's file: what the load before this one left.
    before: HashMap<Arc<str>, Kept>,
    /// What this load leaves.
    now: HashMap<Arc<str>, Kept>,
    /// What is known of scripts' texts, in the same way.
    scripts_before: HashMap<Arc<str>, (Stamp, Arc<Contents>)>,
    scripts: HashMap<Arc<str>, (Stamp, Arc<Contents>)>,
}

/// A regular file as it looks from outside: another content has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file that has changed in this time may change again without looking differently. Tests need not wait: they change
/// lengths.
const SETTLED: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };

impl Stamp {
    /// To be taken before the file is read. `None` where it may change without being noticed.
    pub(crate) fn of(files: &Files, file: &str) -> Option<Self> {
        let found = std::fs::symlink_metadata(files.root().join(file)).ok()?;
        let changed = Duration::from_secs(u64::try_from(found.ctime()).ok()?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        (found.is_file() && now.checked_sub(changed)? > SETTLED).then(|| Self {
            file: (found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// An evaluated definition.
#[derive(Clone, Debug)]
struct Kept {
    /// The texts that it was made from.
    texts: Vec<Text>,
    value: Arc<dyn Any + Send + Sync>,
    imports: Imports,
}

/// What is the same as before.
pub(crate) struct Found<T> {
    pub(crate) value: Arc<T>,
    pub(crate) imports: Imports,
    /// The texts that it was made from.
    pub(crate) texts: Texts,
}

/// Files and what they say.
pub(crate) type Texts = Vec<(Arc<str>, Arc<Source>)>;

/// A text that a definition was made from.
#[derive(Clone, Debug)]
struct Text {
    file: Arc<str>,
    source: Arc<Source>,
    /// What the file looked like when it was found to have this text.
    stamp: Option<Stamp>,
}

impl Text {
    /// Whether the file has it still.
    fn is_same(&mut self, files: &Files, most: u64) -> bool {
        let stamp = Stamp::of(files, &self.file);
        if stamp.is_some() && stamp == self.stamp {
            return true;
        }
        self.stamp = stamp;
        files.read(&self.file, most).is_ok_and(|now| without_mark(&now) == self.source.text())
    }
}

impl Reuse {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A load begins.
    pub(crate) fn begin(&self, bounds: Bounds) {
        let mut inner = self.inner();
        let now = std::mem::take(&mut inner.now);
        inner.before = if inner.bounds == bounds { now } else { HashMap::new() };
        inner.bounds = bounds;
        inner.scripts_before = std::mem::take(&mut inner.scripts);
    }

    /// What is known of the text of a script that looks as it did when it was read.
    pub(crate) fn script(&self, file: &str, stamp: Stamp) -> Option<Arc<Contents>> {
        let (before, contents) = self.inner().scripts_before.remove(file)?;
        (before == stamp).then_some(contents)
    }

    /// Keeps what is known of the text of a script; what it looks like was told before it was read.
    pub(crate) fn keep_script(&self, stamp: Stamp, contents: &Arc<Contents>) {
        self.inner().scripts.insert(Arc::clone(&contents.file), (stamp, Arc::clone(contents)));
    }

    /// What a file was evaluated to, where everything that it was made from is the same.
    pub(crate) fn find<T: Send + Sync + 'static>(&self, file: &str, files: &Files) -> Option<Found<T>> {
        let mut kept = self.inner().before.remove(file)?;
        let value = kept.value.clone().downcast::<T>().ok()?;
        let most = self.inner().bounds.file;
        if !kept.texts.iter_mut().all(|text| text.is_same(files, most)) {
            return None;
        }
        let imports = kept.imports.clone();
        let texts = kept.texts.iter().map(|text| (Arc::clone(&text.file), Arc::clone(&text.source)));
        let texts = texts.collect();
        self.inner().now.insert(Arc::from(file), kept);
        Some(Found { value, imports, texts })
    }

    /// Keeps what a file was evaluated to, without a finding, from these texts.
    pub(crate) fn keep<T: Send + Sync + 'static>(
        &self,
        file: &Arc<str>,
        texts: Texts,
        value: &Arc<T>,
        imports: &Imports,
    ) {
        // What it looked like before it was read is not known: the next load reads it once more.
        let texts = texts.into_iter().map(|(file, source)| Text { file, source, stamp: None }).collect();
        let kept = Kept { texts, value: value.clone(), imports: imports.clone() };
        self.inner().now.insert(Arc::clone(file), kept);
    }
}
