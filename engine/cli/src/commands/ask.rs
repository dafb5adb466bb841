//! What commands that ask an engine have in common.

use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use xrdtest_model::Timestamp;
use xrdtest_model::time::millis;

use crate::args::{Remote, RunFormat};
use crate::client::Client;
use crate::exit::{Exit, print, say};

/// A connection to the engine, and what to print.
pub(super) struct Ask {
    pub(super) client: Client,
    pub(super) format: RunFormat,
}

impl Ask {
    pub(super) fn new(remote: &Remote) -> Self {
        Self { client: Client::new(&remote.socket), format: remote.format }
    }

    /// Gets a document and shows it: to programs as the engine sent it, to people as `render` makes it.
    pub(super) async fn show<T: DeserializeOwned>(
        &self,
        path: &str,
        render: impl FnOnce(Timestamp, &T) -> String,
    ) -> anyhow::Result<Exit> {
        let document: Value = self.client.get(path).await?;
        self.print(document, render)
    }

    /// Shows a document that the engine sent.
    pub(super) fn print<T: DeserializeOwned>(
        &self,
        document: Value,
        render: impl FnOnce(Timestamp, &T) -> String,
    ) -> anyhow::Result<Exit> {
        match self.format {
            RunFormat::Json => print(&pretty(&document)?)?,
            RunFormat::Text => {
                let document = serde_json::from_value(document)
                    .context("the engine's answer is not understood; are both of the same version?")?;
                print(&render(now(), &document))?;
            }
        }
        Ok(Exit::Good)
    }
}

/// JSON with a line break at its end.
pub(super) fn pretty(document: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Runs a command's conversation with the engine.
pub(super) fn block_on<T>(talk: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no thread to talk to the engine")?.block_on(talk)
}

/// The time, by the machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since))
}

/// What is shown of an empty list: words on standard error, as there is no data.
pub(super) fn or_none(text: String, none: &str) -> String {
    if text.is_empty() {
        say(none);
    }
    text
}
