//! Reading and evaluating files: `XT00`.

pub(crate) mod bad_suppression;
pub(crate) mod evaluation_failed;
pub(crate) mod import_cycle;
pub(crate) mod import_failed;
pub(crate) mod internal_error;
pub(crate) mod limit_exceeded;
pub(crate) mod missing_function;
pub(crate) mod python;
pub(crate) mod syntax_error;
pub(crate) mod too_large;
pub(crate) mod unknown_field;
pub(crate) mod unreached_mistake;
pub(crate) mod unreadable_file;
pub(crate) mod unused_suppression;
pub(crate) mod wrong_arguments;
pub(crate) mod wrong_return;
pub(crate) mod wrong_type;
