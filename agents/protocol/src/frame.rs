//! Frames: four bytes of length (big-endian), then as many bytes. A longer frame than the limit is refused before
//! its content is read.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, Encoder, FramedRead, FramedWrite};

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

/// Puts frames together, each where it is sent from.
#[derive(Debug)]
struct Frame;

/// A frame's content that is a message.
struct Message<'a, T>(&'a T);

impl<T: Serialize> Encoder<Message<'_, T>> for Frame {
    type Error = ProtocolError;

    fn encode(
        &mut self,
        Message(message): Message<'_, T>,
        buffer: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let begin = buffer.len();
        buffer.put_bytes(0, HEAD);
        let written = serde_json::to_writer(buffer.writer(), message);
        let content = begin + HEAD;
        let whole = written
            .map_err(|error| ProtocolError::Malformed(error.to_string()))
            .and_then(|()| length(&buffer[content..]));
        match whole {
            Ok(length) => buffer[begin..content].copy_from_slice(&length),
            // Nothing of it is sent.
            Err(_) => buffer.truncate(begin),
        }
        whole.map(drop)
    }
}

impl Encoder<Bytes> for Frame {
    type Error = ProtocolError;

    fn encode(&mut self, content: Bytes, buffer: &mut BytesMut) -> Result<(), ProtocolError> {
        let length = length(&content)?;
        buffer.reserve(HEAD + content.len());
        buffer.put_slice(&length);
        buffer.put_slice(&content);
        Ok(())
    }
}

/// The head of a frame with this content.
fn length(content: &[u8]) -> Result<[u8; HEAD], ProtocolError> {
    match u32::try_from(content.len()) {
        Ok(length) if content.len() <= MAX_FRAME => Ok(length.to_be_bytes()),
        _ => {
            let (message, length) = (kind(content), content.len());
            Err(ProtocolError::TooLong { message, length, limit: MAX_FRAME })
        }
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
    inner: FramedWrite<quinn::SendStream, Frame>,
}

impl FrameSender {
    /// Frames on `stream`.
    pub fn new(stream: quinn::SendStream) -> Self {
        Self { inner: FramedWrite::new(stream, Frame) }
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`] where it exceeds [`MAX_FRAME`] (the stream stays usable), or the stream is broken.
    pub async fn send<T: Serialize + Sync>(&mut self, message: &T) -> Result<(), ProtocolError> {
        self.inner.send(Message(message)).await
    }

    /// As [`FrameSender::send`], but it may wait for the next message, to travel with it.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    pub async fn feed<T: Serialize + Sync>(&mut self, message: &T) -> Result<(), ProtocolError> {
        self.inner.feed(Message(message)).await
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// Where the stream is broken.
    pub async fn flush(&mut self) -> Result<(), ProtocolError> {
        SinkExt::<Bytes>::flush(&mut self.inner).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As [`FrameSender::send`].
    pub async fn send_bytes(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        self.inner.send(bytes).await
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
    fn frames_are_put_together_and_one_that_is_too_long_leaves_nothing() {
        let mut buffer = BytesMut::new();
        Frame.encode(Message(&"one"), &mut buffer).unwrap();
        let error = Frame.encode(Message(&"x".repeat(MAX_FRAME)), &mut buffer).unwrap_err();
        assert!(matches!(error, ProtocolError::TooLong { length, .. } if length == MAX_FRAME + 2), "{error}");
        Frame.encode(Bytes::from(vec![b'x'; MAX_FRAME + 1]), &mut buffer).unwrap_err();
        Frame.encode(Bytes::from_static(b"two"), &mut buffer).unwrap();
        assert_eq!(buffer, &b"\0\0\0\x05\"one\"\0\0\0\x03two"[..]);
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
