//! Answers that are read while they come.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{FutureExt, StreamExt};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of something within [`PATIENCE`].
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

/// A body that is read as it comes.
pub(crate) struct Reading {
    body: BodyDataStream,
    pub(crate) read: String,
}

impl Reading {
    pub(crate) fn new(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// Reads until `text` is there.
    pub(crate) async fn until(&mut self, text: &str) {
        while !self.read.contains(text) {
            let piece =
                soon(self.body.next()).await.unwrap_or_else(|| panic!("{text:?} never came: {}", self.read));
            self.read.push_str(&String::from_utf8_lossy(&piece.unwrap()));
        }
    }

    /// Reads the rest; whether the body ended as it should.
    pub(crate) async fn end(&mut self) -> bool {
        while let Some(piece) = soon(self.body.next()).await {
            match piece {
                Ok(piece) => self.read.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => return false,
            }
        }
        true
    }

    /// Nothing more is there at the moment.
    pub(crate) fn is_waiting(&mut self) -> bool {
        self.body.next().now_or_never().is_none()
    }
}
