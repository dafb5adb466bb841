//! What only the daemon around an engine can do, for those who ask over HTTP.

use futures::future::BoxFuture;

/// Asks the daemon for a new filter of the log; answers in words what was wrong.
pub type SetLogLevel = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// The daemon's controls. An engine inside another program has none.
pub struct Controls {
    /// Reads configuration and definitions again; answers in words what was wrong.
    pub reload: Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    /// Begins an orderly end.
    pub stop: Box<dyn Fn() + Send + Sync>,
    /// Changes the filter of the log; answers in words what was wrong.
    pub set_log_level: Box<SetLogLevel>,
    /// The present filter of the log.
    pub log_level: Box<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for Controls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controls").finish_non_exhaustive()
    }
}
