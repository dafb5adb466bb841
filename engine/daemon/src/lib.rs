//! The engine: agents' listener, journal, outputs, and the loop around the orchestrator.
