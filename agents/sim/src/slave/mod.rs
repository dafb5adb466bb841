//! A fake slave agent: [`Core`] decides, `run` has the connection.

mod core;
mod run;
mod said;

pub use self::core::{Action, Core, Input};
pub(crate) use run::{Slave, run};
