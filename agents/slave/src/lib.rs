//! The slave agent: runs stage scripts on one machine under a supervisor, and streams their output.
