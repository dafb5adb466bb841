//! The manual's constants with their numbers and texts.

use super::{StateWord, SubjectKind};

/// Constant, number and text, as chapter 9 of the manual has them; the constants of all classes differ.
pub(super) type Word = (&'static str, i32, &'static str);

macro_rules! words {
    ($($name:ident = ($code:literal, $text:literal);)*) => {
        $(pub(super) const $name: Word = (stringify!($name), $code, $text);)*
        /// All of them.
        pub(super) const ALL: &[Word] = &[$($name),*];
    };
}

words! {
    // Cluster, 9.1.3.
    S_UNKNOWN = (0, "Cluster state unknown.");
    S_UNKNOWN_NOHYPERV = (-1, "Cluster state unknown: no hypervisor to run cluster.");
    S_ERROR_STOP = (-2, "Error at stop:");
    S_ERROR_START = (-3, "Error at start:");
    S_ERROR = (-4, "Cluster error");
    S_DEFINED = (0, "Cluster defined correctly.");
    S_DEFINITION_SENT = (1, "Cluster start command sent to hypervisor.");
    S_STARTING_CLUSTER = (2, "Starting cluster.");
    S_CREATING_NETWORK = (3, "Creating network.");
    S_CREATING_SLAVES = (4, "Creating slaves.");
    S_COPYING_IMAGES = (5, "Copying slave images.");
    S_ATTACHING_DISKS = (6, "Attaching slave disks.");
    S_WAITING_SLAVES = (7, "Waiting for slaves to connect.");
    S_ACTIVE = (8, "Cluster active.");
    S_STOPCOMMAND_SENT = (9, "Cluster stop command sent to hypervisor.");
    S_DESTROYING_CLUSTER = (10, "Destroying cluster");
    S_STOPPED = (11, "Cluster stopped.");
    // Job, 9.1.7.
    S_ADDED = (0, "Job added to jobs list.");
    S_STARTED = (1, "Job started. In progress.");
    // TCPClient, 9.1.9: hypervisors and slaves.
    S_CONNECTED_IDLE = (1, "Connected");
    S_NOT_CONNECTED = (2, "Not connected");
    // Slave, 9.1.9.
    S_SUITE_INIT_SENT = (10, "Test suite init sent to slave");
    S_SUITE_INITIALIZED = (11, "Test suite initialized");
    S_SUITE_FINALIZE_SENT = (12, "Test suite finalize sent to slave");
    S_TEST_INIT_SENT = (21, "Sent test case init to slave");
    S_TEST_INITIALIZED = (22, "Test case initialized");
    S_TEST_RUN_SENT = (23, "Sent test case run to slave");
    S_TEST_RUN_FINISHED = (24, "Test case run finished");
    S_TEST_FINALIZE_SENT = (25, "Sent test case finalize to slave");
    S_TEST_FINALIZED = (26, "Test case finalized");
    // TestSuite, 9.1.11.
    S_DEF_OK = (1, "Test suite definition complete");
    S_IDLE = (10, "Waiting for cluster to activate");
    S_WAIT_4_INIT = (20, "Initializing test suite");
    S_SLAVE_INITIALIZED = (21, "Slave initialized");
    S_ALL_INITIALIZED = (22, "All machines initialized");
    S_INIT_ERROR = (-22, "Test suite initialization error");
    S_WAIT_4_FINALIZE = (30, "Finalizing test suite");
    S_SLAVE_FINALIZED = (31, "Slave finalized");
    S_ALL_FINALIZED = (32, "All machines finalized");
    S_WAIT_4_TEST_INIT = (40, "Initializing test case");
    S_SLAVE_TEST_INITIALIZED = (41, "Test case initialized on a slave");
    S_ALL_TEST_INITIALIZED = (42, "Test case initialized on all slaves");
    S_WAIT_4_TEST_RUN = (43, "Running test case");
    S_SLAVE_TEST_RUN_FINISHED = (44, "Test case run finished on a slave");
    S_ALL_TEST_RUN_FINISHED = (45, "Test case run finished on all slaves");
    S_WAIT_4_TEST_FINALIZE = (46, "Finalizing test case");
    S_SLAVE_TEST_FINALIZED = (47, "Test case finalized on a slave");
    S_ALL_TEST_FINALIZED = (48, "Test case finalized on all slaves");
}

impl From<Word> for StateWord {
    fn from((constant, code, text): Word) -> Self {
        Self { constant: constant.into(), code, text: text.into() }
    }
}

impl StateWord {
    /// The word with this constant. One that the manual does not have is its own text.
    pub fn of_constant(constant: &str) -> Self {
        let known = ALL.iter().find(|(known, ..)| *known == constant);
        known.map_or_else(
            || Self { constant: constant.to_owned().into(), code: 0, text: constant.to_owned().into() },
            |word| (*word).into(),
        )
    }

    /// The state before any event: of a suite and a cluster that are defined, of an agent that never was in contact.
    pub fn before_any_event(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::Suite => S_DEF_OK,
            SubjectKind::Cluster => S_DEFINED,
            SubjectKind::Hypervisor | SubjectKind::Slave => S_NOT_CONNECTED,
            SubjectKind::Job => S_ADDED,
        }
        .into()
    }
}
