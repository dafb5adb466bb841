//! Frames: four bytes of length (big-endian), then as many bytes. A longer frame than the limit is refused before
//! its content is read.

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::error::ProtocolError;

/// Longest frame in bytes. The largest message is an order to start a cluster or a script of 1 MiB, escaped.
pub const MAX_FRAME: usize = 16 << 20;

/// Longest first frame of a connection whose peer is not known yet, in bytes.
pub const MAX_HELLO: usize = 64 << 10;

fn codec(limit: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(limit).new_codec()
}

/// The sending half of a stream.
#[derive(Debug)]
pub struct FrameSender {
    inner: FramedWrite<quinn::SendStream, LengthDelimitedCodec>,
}

impl FrameSender {
    /// Frames on `stream`.
    pub fn new(stream: quinn::SendStream) -> Self {
        Self { inner: FramedWrite::new(stream, codec(MAX_FRAME)) }
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`] where it exceeds [`MAX_FRAME`] (the stream stays usable), or the stream is broken.
    pub async fn send<T: Serialize + Sync>(&mut self, message: &T) -> Result<(), ProtocolError> {
        let text =
            serde_json::to_vec(message).map_err(|error| ProtocolError::Malformed(error.to_string()))?;
        self.send_bytes(text.into()).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    pub async fn send_bytes(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        if bytes.len() > MAX_FRAME {
            return Err(ProtocolError::TooLong { length: bytes.len(), limit: MAX_FRAME });
        }
        Ok(self.inner.send(bytes).await?)
    }

    /// Ends this direction of the stream in an orderly way.
    pub fn finish(&mut self) {
        // It fails only when the stream is already finished or reset, which the reader's side reports.
        let _ = self.inner.get_mut().finish();
    }

    /// Waits until the peer has acknowledged everything, or has stopped reading.
    pub async fn delivered(&mut self) {
        let _ = self.inner.get_mut().stopped().await;
    }
}

/// The receiving half of a stream.
#[derive(Debug)]
pub struct FrameReceiver {
    inner: FramedRead<quinn::RecvStream, LengthDelimitedCodec>,
}

impl FrameReceiver {
    /// Frames from `stream`, none longer than [`MAX_FRAME`].
    pub fn new(stream: quinn::RecvStream) -> Self {
        Self::with_limit(stream, MAX_FRAME)
    }

    /// Frames from `stream`, none longer than `limit` bytes.
    pub fn with_limit(stream: quinn::RecvStream, limit: usize) -> Self {
        Self { inner: FramedRead::new(stream, codec(limit)) }
    }

    /// Allows frames of `limit` bytes from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.inner.decoder_mut().set_max_frame_length(limit);
    }

    /// The next message; `None` when the peer has ended its direction of the stream. Cancel-safe.
    ///
    /// # Errors
    /// Where the stream breaks or what arrives is no such message.
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ProtocolError> {
        match self.recv_bytes().await? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| ProtocolError::Malformed(error.to_string())),
        }
    }

    /// The next frame's bytes; `None` when the peer has ended its direction of the stream. Cancel-safe.
    ///
    /// # Errors
    /// Where the stream breaks or the frame is too long.
    pub async fn recv_bytes(&mut self) -> Result<Option<BytesMut>, ProtocolError> {
        Ok(self.inner.next().await.transpose()?)
    }
}
