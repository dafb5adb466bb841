//! The classes of definitions (manual 6.1.1, 9.1.3, 9.1.11) and how Rhai sees them: objects are handles with fields
//! from the tables in [`class`], so that a mistake is found where it is written and evaluation goes on.

pub(crate) mod admit;
pub(crate) mod class;
mod cluster;
pub(crate) mod construct;
mod host;
pub(crate) mod object;
pub(crate) mod register;
pub(crate) mod session;
mod suite;
