//! Turns .rhai text into a catalogue of suites and clusters, and diagnostics.
