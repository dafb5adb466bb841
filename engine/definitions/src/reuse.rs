//! What a load of a repository leaves for the next one: a definition whose text, and that of all that it imports, is
//! the same means the same.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::evaluate::bounds::Bounds;
use crate::evaluate::files::Files;
use crate::evaluate::imports::Imports;
use crate::source::{Source, without_mark};

/// Definitions as evaluated before, for [`crate::LoadOptions::reuse`]. One per repository; clones share what they hold.
/// Only evaluations without any finding are kept, and only those that the last load had a use for.
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
}

/// An evaluated definition.
#[derive(Clone, Debug)]
struct Kept {
    /// The texts that it was made from.
    texts: Arc<[(Arc<str>, Arc<Source>)]>,
    value: Arc<dyn Any + Send + Sync>,
    imports: Imports,
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
    }

    /// What a file was evaluated to, where everything that it was made from is the same.
    pub(crate) fn find<T: Send + Sync + 'static>(
        &self,
        file: &str,
        files: &Files,
    ) -> Option<(Arc<T>, Imports)> {
        let kept = self.inner().before.get(file)?.clone();
        let value = kept.value.clone().downcast::<T>().ok()?;
        let most = self.inner().bounds.file;
        let same = |(file, source): &(Arc<str>, Arc<Source>)| {
            files.read(file, most).is_ok_and(|now| without_mark(&now) == source.text())
        };
        if !kept.texts.iter().all(same) {
            return None;
        }
        let imports = kept.imports.clone();
        self.inner().now.insert(Arc::from(file), kept);
        Some((value, imports))
    }

    /// Keeps what a file was evaluated to, without a finding, from these texts.
    pub(crate) fn keep<T: Send + Sync + 'static>(
        &self,
        file: &Arc<str>,
        texts: Vec<(Arc<str>, Arc<Source>)>,
        value: &Arc<T>,
        imports: &Imports,
    ) {
        let kept = Kept { texts: texts.into(), value: value.clone(), imports: imports.clone() };
        self.inner().now.insert(Arc::clone(file), kept);
    }
}
