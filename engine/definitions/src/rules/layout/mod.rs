//! Where files lie and how things are called: `XT01`.

pub(crate) mod defined_twice;
pub(crate) mod folder_without_definition;
pub(crate) mod in_two_repositories;
pub(crate) mod malformed_name;
pub(crate) mod name_mismatch;
pub(crate) mod stray_file;
pub(crate) mod unreadable_folder;
