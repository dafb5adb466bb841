//! Streams beside the control stream, each for one file: opened by the agent, first frame a [`StreamHeader`].
//!
//! An upload goes like this: the engine answers the header with the number of bytes that it has (an earlier
//! connection may have broken); the agent sends the rest as frames of raw bytes and ends its direction; the engine
//! says from time to time how many bytes it has, and at the end the whole length, after which the agent may forget
//! the file. A slow engine slows the agent down by QUIC's flow control.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use xrdtest_model::{AttemptId, InstanceId};

use crate::error::ProtocolError;
use crate::frame::{FrameReceiver, FrameSender, MAX_HELLO};
use crate::renewal::RenewReply;

/// Bytes of file content per frame, at most.
pub const CHUNK: usize = 64 << 10;
/// Bytes of the largest repository file that machines can fetch; an engine may allow less.
pub const MAX_FETCHED: u64 = 64 << 20;
/// Bytes of a machine's console that an engine keeps at most. Where it has enough it refuses the upload.
pub const MAX_CONSOLE: u64 = 16 << 20;
/// Bytes between two acknowledgements, about.
pub const ACK_EVERY: u64 = 1 << 20;

/// What a stream is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stream", rename_all = "snake_case")]
pub enum StreamHeader {
    /// A slave agent uploads the output of a stage.
    Output {
        /// The attempt.
        attempt: AttemptId,
    },
    /// A slave agent uploads a log file that it collected after a stage, or a file that the script kept.
    Log {
        /// The attempt.
        attempt: AttemptId,
        /// Position in the result's list of collected logs.
        index: u32,
        /// The file's path on the machine, as in that list.
        path: String,
        /// The script kept it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        artifact: bool,
    },
    /// A hypervisor agent asks for a file of the repository of the run that owns an instance.
    Fetch {
        /// The instance.
        instance: InstanceId,
        /// The machine on whose behalf, by its host name.
        host: String,
        /// Path relative to the repository's root.
        path: String,
    },
    /// A hypervisor agent uploads what a machine writes to its serial console, while it does.
    Console {
        /// The instance.
        instance: InstanceId,
        /// The machine's host name.
        host: String,
    },
    /// A hypervisor agent asks, for a machine of a run, for what the run's software proves itself with. It is answered
    /// like [`StreamHeader::Fetch`].
    Credential {
        /// The instance.
        instance: InstanceId,
        /// The machine on whose behalf, by its host name.
        host: String,
        /// What it wants.
        wanted: Wanted,
    },
    /// An agent asks whether its certificate is to be renewed; the answer is a [`RenewReply`].
    Renew {
        /// Certificate signing request, PEM.
        request: String,
        /// When its present certificate ends, in seconds since 1970.
        ends: u64,
    },
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// What a machine of a run may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "credential", rename_all = "snake_case")]
pub enum Wanted {
    /// The certificate of the run's CA, PEM.
    TrustedCaCertificate,
    /// A certificate of that CA.
    SignedCertificate {
        /// Certificate signing request, PEM, at most [`MAX_REQUEST`](crate::run_authority::MAX_REQUEST) bytes.
        request: String,
    },
    /// The run's key table for XRootD's protocol sss.
    SssKeytable,
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// How many bytes of an upload the engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes from the start of the file.
    pub have: u64,
}

/// The answer to [`StreamHeader::Fetch`] and [`StreamHeader::Credential`]; the content follows as frames of raw bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fetch", rename_all = "snake_case")]
pub enum FetchReply {
    /// Here it is.
    Found {
        /// Bytes of the content.
        length: u64,
    },
    /// There is no such file.
    NotFound {
        /// For people.
        reason: String,
    },
    /// It exists, but not for this machine, or is too large.
    Refused {
        /// For people.
        reason: String,
    },
    /// What was asked with is not what is asked with: a request that can't be read.
    Invalid {
        /// For people.
        reason: String,
    },
}

/// Opens streams to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Streams {
    connection: quinn::Connection,
}

impl Streams {
    pub(crate) fn new(connection: quinn::Connection) -> Self {
        Self { connection }
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn upload(&self, header: &StreamHeader) -> Result<Upload, ProtocolError> {
        let (mut sender, mut receiver) = self.open(header).await?;
        let Some(Progress { have }) = receiver.recv().await? else {
            sender.finish();
            return Err(ProtocolError::Closed("before an upload began"));
        };
        Ok(Upload { sender, receiver, offset: have })
    }

    /// Asks for a file of the run's repository, at most `limit` bytes long.
    ///
    /// # Errors
    /// Where the connection breaks. That there is no such file is an answer, not an error.
    pub async fn fetch(
        &self,
        header: &StreamHeader,
        limit: u64,
    ) -> Result<(FetchReply, Vec<u8>), ProtocolError> {
        let (mut sender, mut receiver) = self.open(header).await?;
        sender.finish();
        let reply: FetchReply = receiver.recv().await?.ok_or(ProtocolError::Closed("before it answered"))?;
        let mut content = Vec::new();
        if let FetchReply::Found { length } = reply {
            if length > limit {
                let reason = format!("the file has {length} bytes, more than the limit of {limit}");
                return Ok((FetchReply::Refused { reason }, content));
            }
            while let Some(chunk) = receiver.recv_bytes().await? {
                content.extend_from_slice(&chunk);
                if content.len() as u64 > length {
                    return Err(ProtocolError::Malformed("more content than announced".to_owned()));
                }
            }
            if content.len() as u64 != length {
                return Err(ProtocolError::Closed("in the middle of a file"));
            }
        }
        Ok((reply, content))
    }

    /// Asks whether the agent's certificate, which ends at that time, is to be renewed.
    ///
    /// # Errors
    /// Where the connection breaks, or the engine does not know the question.
    pub async fn renew(&self, request: String, ends: u64) -> Result<RenewReply, ProtocolError> {
        let (mut sender, mut receiver) = self.open(&StreamHeader::Renew { request, ends }).await?;
        sender.finish();
        receiver.recv().await?.ok_or(ProtocolError::Closed("before it answered"))
    }

    async fn open(&self, header: &StreamHeader) -> Result<(FrameSender, FrameReceiver), ProtocolError> {
        let (send, receive) = self.connection.open_bi().await?;
        let mut sender = FrameSender::new(send);
        sender.send(header).await?;
        Ok((sender, FrameReceiver::new(receive)))
    }
}

/// A file on its way to the engine.
#[derive(Debug)]
pub struct Upload {
    sender: FrameSender,
    receiver: FrameReceiver,
    offset: u64,
}

impl Upload {
    /// The position in the file from which on the engine still needs it.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Sends the next bytes of the file, those at [`Upload::offset`]. Waits while the engine is slow.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            let length = chunk.len() as u64;
            self.sender.send_bytes(chunk).await?;
            self.offset += length;
        }
        Ok(())
    }

    /// Sends everything that `source` has, up to its end; `source` must be positioned at [`Upload::offset`].
    ///
    /// # Errors
    /// Where the connection breaks or `source` can't be read.
    pub async fn copy_from<R: AsyncRead + Unpin>(&mut self, source: &mut R) -> Result<u64, ProtocolError> {
        let mut buffer = vec![0; CHUNK];
        let mut copied = 0;
        loop {
            let length = source.read(&mut buffer).await?;
            if length == 0 {
                return Ok(copied);
            }
            self.write(Bytes::copy_from_slice(&buffer[..length])).await?;
            copied += length as u64;
        }
    }

    /// Ends the file here and waits until the engine has all of it.
    ///
    /// # Errors
    /// Where the connection breaks first: the upload is then begun again on the next connection.
    pub async fn finish(mut self) -> Result<u64, ProtocolError> {
        self.sender.finish();
        let mut have = None;
        while let Some(Progress { have: now }) = self.receiver.recv().await? {
            have = Some(now);
        }
        match have {
            Some(have) if have >= self.offset => Ok(have),
            _ => Err(ProtocolError::Closed("before it had a whole file")),
        }
    }
}

/// A stream that an agent opened, on the engine's side.
#[derive(Debug)]
pub struct IncomingStream {
    /// What it is for.
    pub header: StreamHeader,
    sender: FrameSender,
    receiver: FrameReceiver,
}

impl IncomingStream {
    pub(crate) async fn read_header(
        send: quinn::SendStream,
        receive: quinn::RecvStream,
    ) -> Result<Self, ProtocolError> {
        let mut receiver = FrameReceiver::with_limit(receive, MAX_HELLO);
        let header =
            receiver.recv().await?.ok_or(ProtocolError::Closed("before it said what a stream is for"))?;
        receiver.set_limit(CHUNK);
        Ok(Self { header, sender: FrameSender::new(send), receiver })
    }

    /// Tells the agent how many bytes of its upload are here.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn acknowledge(&mut self, have: u64) -> Result<(), ProtocolError> {
        self.sender.send(&Progress { have }).await
    }

    /// The next bytes of an upload; `None` at its end.
    ///
    /// # Errors
    /// Where the connection breaks, or a frame is longer than [`CHUNK`].
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        Ok(self.receiver.recv_bytes().await?.map(bytes::BytesMut::freeze))
    }

    /// Ends this side of the stream; what was sent before still arrives.
    pub fn finish(mut self) {
        self.sender.finish();
    }

    /// Answers a request for a new certificate.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn renewed(mut self, reply: &RenewReply) -> Result<(), ProtocolError> {
        self.sender.send(reply).await?;
        self.sender.finish();
        Ok(())
    }

    /// Answers a request for a file.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn answer(mut self, reply: &FetchReply, content: Bytes) -> Result<(), ProtocolError> {
        self.sender.send(reply).await?;
        let mut rest = content;
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            self.sender.send_bytes(chunk).await?;
        }
        self.sender.finish();
        Ok(())
    }
}
