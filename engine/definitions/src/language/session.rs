//! What the functions that Rhai calls share while one definition is evaluated: the sources, for places, and the
//! findings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{NativeCallContext, Position};
use xrdtest_model::Span;

use crate::findings::Findings;
use crate::language::object::Handle;
use crate::place::{Node, Place};
use crate::shape::{self, Access};
use crate::source::Source;

/// Prefix of the modules of the standard library, as imported and as the name of their source.
pub(crate) const STANDARD: &str = "std/";

/// Shared by an engine, its resolver and whoever runs them.
pub(crate) type SharedSession = Arc<Mutex<Session>>;

/// A file and a place in it where a call stands.
pub(crate) type Site = (Arc<str>, Position);

/// State of the evaluation of one definition.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) findings: Findings,
    /// Sources by the name that Rhai knows them by, which is also their name in diagnostics.
    sources: HashMap<Arc<str>, Arc<Source>>,
    /// What stands behind the dots that were evaluated so far: loops come by often.
    accesses: HashMap<Site, Option<Arc<Access>>>,
    /// The first suite or cluster that was made: what is left where the evaluation ends early.
    pub(crate) first: Option<Handle>,
    /// Where to report what happens in no file of the user's.
    fallback: Option<Place>,
}

pub(crate) fn lock(session: &SharedSession) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Begins a definition.
    pub(crate) fn begin(&mut self, fallback: Place) {
        self.fallback = Some(fallback);
        self.sources.clear();
        self.accesses.clear();
        self.first = None;
    }

    /// Makes a file's text known for places.
    pub(crate) fn add_source(&mut self, file: Arc<str>, source: Arc<Source>) {
        self.sources.insert(file, source);
    }

    pub(crate) fn source(&self, file: &str) -> Option<&Arc<Source>> {
        self.sources.get(file)
    }

    /// Where a call stands; what happens inside the standard library counts as the definition's own doing.
    pub(crate) fn site(&self, context: &NativeCallContext<'_>) -> Option<Site> {
        let source = context.call_source()?;
        let (file, _) = self.sources.get_key_value(source)?;
        let position = context.call_position();
        (!source.starts_with(STANDARD) && !position.is_none()).then(|| (Arc::clone(file), position))
    }

    /// The place for what has no better one.
    pub(crate) fn fallback(&self) -> Place {
        self.fallback.clone().unwrap_or_else(|| Place { file: Arc::from(""), span: Span::START })
    }

    /// The token at a site.
    pub(crate) fn token(&self, site: Option<&Site>) -> Place {
        site.and_then(|(file, position)| {
            let span = self.sources.get(file)?.token_at(*position)?;
            Some(Place { file: Arc::clone(file), span })
        })
        .unwrap_or_else(|| self.fallback())
    }

    /// The field access whose dot is at a site.
    pub(crate) fn access(&mut self, site: &Site) -> Option<Arc<Access>> {
        if let Some(known) = self.accesses.get(site) {
            return known.clone();
        }
        let access = self.sources.get(&site.0).and_then(|source| {
            let access = shape::access(source, source.offset(site.1)?)?;
            Some(Arc::new(access))
        });
        self.accesses.insert(site.clone(), access.clone());
        access
    }

    /// The arguments of the call at a site; the name's place for each where they can't be told.
    pub(crate) fn arguments(&self, site: Option<&Site>) -> Vec<Node> {
        site.and_then(|(file, position)| {
            let source = self.sources.get(file)?;
            Some(shape::call(source, source.offset(*position)?).1)
        })
        .unwrap_or_default()
    }
}
