//! The standard library of definitions (Rhai modules) and of scripts (shell functions), embedded.
