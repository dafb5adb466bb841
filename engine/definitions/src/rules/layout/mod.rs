//! Where files lie and how they are called: `XT01`.

pub(crate) mod defined_twice;
pub(crate) mod folder_without_definition;
pub(crate) mod name_mismatch;
pub(crate) mod stray_file;
pub(crate) mod unreadable_folder;
