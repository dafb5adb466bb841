//! The standard library, embedded: Rhai modules for definitions, shell functions for scripts.

pub mod modules;
pub mod shell;
