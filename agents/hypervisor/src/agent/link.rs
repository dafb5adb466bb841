//! Files from the engine, over whichever connection there is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use xrdtest_model::InstanceId;
use xrdtest_protocol::stream::{FetchReply, StreamHeader, Streams, Wanted};

use crate::relay::{FILE_LIMIT, FetchError, Files};

/// How long a script that asks for a file waits for an engine that is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connection to the engine as the relays use it.
#[derive(Debug)]
pub(crate) struct Link {
    current: watch::Sender<Option<Streams>>,
}

impl Default for Link {
    fn default() -> Self {
        Self { current: watch::Sender::new(None) }
    }
}

impl Link {
    /// There is a connection.
    pub(crate) fn up(&self, streams: Streams) {
        self.current.send_replace(Some(streams));
    }

    /// The connection that there is, or the next one.
    pub(crate) async fn streams(&self) -> Streams {
        let mut current = self.current.subscribe();
        loop {
            // The sender is `self`, so this does not fail.
            if let Ok(streams) = current.wait_for(Option::is_some).await
                && let Some(streams) = streams.clone()
            {
                return streams;
            }
        }
    }

    /// It is gone.
    pub(crate) fn down(&self) {
        self.current.send_replace(None);
    }
}

impl Files for Arc<Link> {
    fn fetch(
        &self,
        instance: &InstanceId,
        host: &str,
        path: &str,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let header =
            StreamHeader::Fetch { instance: instance.clone(), host: host.to_owned(), path: path.to_owned() };
        fetch(self.current.subscribe(), header).boxed()
    }

    fn credential(
        &self,
        instance: &InstanceId,
        host: &str,
        wanted: Wanted,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let header = StreamHeader::Credential { instance: instance.clone(), host: host.to_owned(), wanted };
        fetch(self.current.subscribe(), header).boxed()
    }
}

/// Asks until there is an answer: connections may break in the middle, and neither reading a file twice nor signing a
/// request twice does harm.
async fn fetch(
    mut current: watch::Receiver<Option<Streams>>,
    header: StreamHeader,
) -> Result<Bytes, FetchError> {
    let deadline = Instant::now() + PATIENCE;
    let away =
        || FetchError::Unavailable("the engine can't be reached right now; try again later".to_owned());
    loop {
        let streams = match timeout_at(deadline, current.wait_for(Option::is_some)).await {
            Ok(Ok(streams)) => streams.clone(),
            Ok(Err(_)) | Err(_) => return Err(away()),
        };
        let Some(streams) = streams else { continue };
        match timeout_at(deadline, streams.fetch(&header, FILE_LIMIT)).await {
            Err(_) => return Err(away()),
            Ok(Ok((FetchReply::Found { .. }, content))) => return Ok(content.into()),
            Ok(Ok((FetchReply::NotFound { reason }, _))) => return Err(FetchError::NotFound(reason)),
            Ok(Ok((FetchReply::Refused { reason }, _))) => return Err(FetchError::Refused(reason)),
            Ok(Ok((FetchReply::Invalid { reason }, _))) => return Err(FetchError::Invalid(reason)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a file could not be fetched");
                // Until the broken connection is noticed as such; then for the next one.
                let _ = timeout_at(deadline.min(Instant::now() + Duration::from_secs(1)), current.changed())
                    .await;
            }
        }
    }
}
