//! What is said about a run or a set of diagnostics: terminal, JSON, JUnit.
