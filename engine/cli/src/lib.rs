//! The xrdtest command: check, rule, run.
