//! Frames: four bytes of length (big-endian), then as many bytes. A longer frame than the limit is refused before
//! its content is read.

use bytes::{Buf, Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::error::ProtocolError;

/// Longest frame in bytes. The largest message is an order to start a cluster or a script of 1 MiB, escaped.
pub const MAX_FRAME: usize = 16 << 20;

/// Longest first frame of a connection whose peer is not known yet, in bytes.
pub const MAX_HELLO: usize = 64 << 10;

/// Bytes of a frame's length.
const HEAD: usize = 4;

/// Takes frames apart. The library's own decoder does not say how long the frame is that it refuses.
#[derive(Debug)]
struct Frames {
    limit: usize,
}

impl Decoder for Frames {
    type Item = BytesMut;
    type Error = ProtocolError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, ProtocolError> {
        let Some(head) = buffer.first_chunk::<HEAD>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(ProtocolError::FrameTooLong { length, limit: self.limit });
        }
        if buffer.len() < HEAD + length {
            buffer.reserve(HEAD + length - buffer.len());
            return Ok(None);
        }
        buffer.advance(HEAD);
        Ok(Some(buffer.split_to(length)))
    }
}

/// What a message is, from its text: the tag that stands first, as `message "order"`.
fn kind(text: &[u8]) -> String {
    let mut words = text.split(|byte| *byte == b'"').map(String::from_utf8_lossy);
    match (words.nth(1), words.nth(1)) {
        (Some(tag), Some(value)) if tag.len() + value.len() < 100 => format!("{tag} \"{value}\""),
        _ => "message".to_owned(),
    }
}

/// The sending half of a stream.
#[derive(Debug)]
pub struct FrameSender {
    inner: FramedWrite<quinn::SendStream, LengthDelimitedCodec>,
}

impl FrameSender {
    /// Frames on `stream`.
    pub fn new(stream: quinn::SendStream) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
        Self { inner: FramedWrite::new(stream, codec) }
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`] where it exceeds [`MAX_FRAME`] (the stream stays usable), or the stream is broken.
    pub async fn send<T: Serialize + Sync>(&mut self, message: &T) -> Result<(), ProtocolError> {
        Ok(self.inner.send(encode(message)?).await?)
    }

    /// As [`FrameSender::send`], but it may wait for the next message, to travel with it.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    pub async fn feed<T: Serialize + Sync>(&mut self, message: &T) -> Result<(), ProtocolError> {
        Ok(self.inner.feed(encode(message)?).await?)
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// Where the stream is broken.
    pub async fn flush(&mut self) -> Result<(), ProtocolError> {
        Ok(SinkExt::<Bytes>::flush(&mut self.inner).await?)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    pub async fn send_bytes(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        Ok(self.inner.send(checked(bytes)?).await?)
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

fn encode<T: Serialize>(message: &T) -> Result<Bytes, ProtocolError> {
    let text = serde_json::to_vec(message).map_err(|error| ProtocolError::Malformed(error.to_string()))?;
    checked(text.into())
}

fn checked(bytes: Bytes) -> Result<Bytes, ProtocolError> {
    if bytes.len() > MAX_FRAME {
        let (message, length) = (kind(&bytes), bytes.len());
        return Err(ProtocolError::TooLong { message, length, limit: MAX_FRAME });
    }
    Ok(bytes)
}

/// The receiving half of a stream.
#[derive(Debug)]
pub struct FrameReceiver {
    inner: FramedRead<quinn::RecvStream, Frames>,
}

impl FrameReceiver {
    /// Frames from `stream`, none longer than [`MAX_FRAME`].
    pub fn new(stream: quinn::RecvStream) -> Self {
        Self::with_limit(stream, MAX_FRAME)
    }

    /// Frames from `stream`, none longer than `limit` bytes.
    pub fn with_limit(stream: quinn::RecvStream, limit: usize) -> Self {
        Self { inner: FramedRead::new(stream, Frames { limit }) }
    }

    /// Allows frames of `limit` bytes from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.inner.decoder_mut().limit = limit;
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
        self.inner.next().await.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart_wherever_they_are_torn() {
        let wire = b"\0\0\0\x03one\0\0\0\0\0\0\0\x03two";
        for step in 1..=wire.len() {
            let mut frames = Frames { limit: 3 };
            let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
            for piece in wire.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = frames.decode(&mut buffer).unwrap() {
                    taken.push(frame.to_vec());
                }
            }
            assert_eq!(taken, [b"one".to_vec(), Vec::new(), b"two".to_vec()], "in pieces of {step}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_head() {
        let mut buffer = BytesMut::from(&b"\0\x01\0\0"[..]);
        let error = Frames { limit: 65_535 }.decode(&mut buffer).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the peer sends a message of 65536 bytes, longer than the limit of 65535 bytes"
        );
    }

    #[test]
    fn messages_are_named_by_their_tag() {
        for (text, name) in [
            (r#"{"message":"order","order":{}}"#, r#"message "order""#),
            (r#"{"have":5}"#, "message"),
            ("", "message"),
        ] {
            assert_eq!(kind(text.as_bytes()), name);
        }
    }
}
