//! The agent: joins once, stays in contact with the engine for ever, and carries orders to supervisors.
//!
//! [`desk::Desk`] is the one owner of all state; tasks beside it attend one stage each ([`attend`]) or upload one
//! file each ([`upload`]) and report to it.

pub mod attend;
mod clock;
mod contact;
pub mod desk;
pub mod enrol;
mod forgotten;
pub mod join;
mod orders;
mod patience;
mod settle;
pub mod setup;
pub mod upload;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use xrdtest_model::RunId;
use xrdtest_protocol::ProtocolError;

use self::contact::Contact;
use crate::logs::Book;
use crate::stage::StageFolder;

/// Why the agent can't go on. What may get better by itself is no error: it is tried again for ever.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No certificate, and no way to get one.
    #[error(
        "this machine has no credentials in {credentials}, and no token to get them; make one on the engine \
         (xrdtest token new slave NAME) and join with it: xrdtest-slave join TOKEN --engine HOST:PORT"
    )]
    NoCredentials {
        /// Where they would be.
        credentials: PathBuf,
    },
    /// Another agent works with this state.
    #[error("another agent uses {state}; stop it first, or give this one a folder of its own (--state)")]
    InUse {
        /// The folder.
        state: PathBuf,
    },
    /// The certificate is for somebody else.
    #[error("the credentials in {credentials} are not those of a slave agent but of {identity}")]
    Identity {
        /// Where they are.
        credentials: PathBuf,
        /// Whom they are for.
        identity: String,
    },
    /// The engine refused for good, or credentials can't be used.
    #[error("{what}: {source}")]
    Protocol {
        /// What was tried.
        what: String,
        /// What came of it.
        source: ProtocolError,
    },
    /// The system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> AgentError {
    let what = what.into();
    move |source| AgentError::System { what, source }
}

/// Where everything of this machine lies, and what all tasks share.
#[derive(Debug)]
pub struct Place {
    /// The state folder.
    pub state: PathBuf,
    /// The program that supervises.
    pub supervisor: PathBuf,
    /// This boot.
    pub boot_id: String,
    /// How far log files are collected. Held for the length of a collection, so that two never mix.
    pub book: Mutex<Book>,
    /// A supervisor that has nothing to do, and the run whose stages it takes: what a run may have changed for it does
    /// not pass to another.
    spare: Mutex<Option<(RunId, Contact)>>,
}

impl Place {
    /// The folder of credentials.
    pub fn credentials(&self) -> PathBuf {
        self.state.join("credentials")
    }

    /// The folder of stage folders.
    pub fn stages(&self) -> PathBuf {
        self.state.join("stages")
    }

    /// The stage folder of this name.
    pub fn stage(&self, name: &str) -> StageFolder {
        StageFolder::at(self.stages().join(name))
    }

    fn spare_of(&self, run: &RunId) -> Option<Contact> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.filter(|(of, _)| of == run).map(|(_, contact)| contact)
    }

    fn keep_spare(&self, run: &RunId, contact: Contact) {
        let spare = (run.clone(), contact.put_aside());
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(spare);
    }

    /// The folder of runs.
    pub fn runs(&self) -> PathBuf {
        self.state.join("runs")
    }

    /// A run's working directory.
    pub fn work(&self, run: &str) -> PathBuf {
        self.runs().join(run).join("work")
    }

    fn state_folder(&self) -> StageFolder {
        StageFolder::at(&self.state)
    }

    /// Writes the book down. A failure costs a repeated collection after a restart, no more.
    pub fn save_book(&self, book: &Book) {
        if let Err(error) = self.state_folder().write_whole("logs.json", book) {
            tracing::warn!(%error, "cannot note how far log files are collected");
        }
    }

    /// Reads the book.
    pub fn load_book(&self) -> Book {
        let found = self.state_folder().read("logs.json").unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read how far log files are collected; all is collected again");
            None
        });
        found.unwrap_or_default()
    }
}
