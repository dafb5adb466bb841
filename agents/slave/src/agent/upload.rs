//! Files on their way to the engine: the output of a stage while it grows, and collected logs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::BytesMut;
use tokio::sync::watch;
use xrdtest_model::AttemptId;
use xrdtest_model::event::CollectedLog;
use xrdtest_protocol::ProtocolError;
use xrdtest_protocol::stream::{CHUNK, StreamHeader, Streams, Upload};

use super::attend::Grown;

/// A file of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKey {
    /// The output.
    Output,
    /// The collected log or artifact at this position of the report.
    Log(u32),
}

impl FileKey {
    /// How a stream says what it carries; `log` is what the report says of the file.
    pub fn header(self, attempt: AttemptId, log: Option<&CollectedLog>) -> StreamHeader {
        match self {
            Self::Output => StreamHeader::Output { attempt },
            Self::Log(index) => {
                let path = log.map_or_else(String::new, |log| log.path.clone());
                StreamHeader::Log { attempt, index, path, artifact: log.is_some_and(|log| log.artifact) }
            }
        }
    }
}

/// Uploads a file while it grows, from where the engine has it, and returns when the engine has all of it. The
/// stream is opened when there is something to send; an empty file needs none.
///
/// # Errors
/// Where the connection breaks, the engine does not want the file, or it can't be read.
pub async fn upload(
    streams: Streams,
    header: StreamHeader,
    path: &Path,
    mut grown: watch::Receiver<Grown>,
) -> Result<(), ProtocolError> {
    let first = grown.wait_for(|grown| grown.whole || grown.length > 0).await;
    // Who attends the stage has gone without a word: the agent is stopping.
    let Ok(first) = first.map(|grown| *grown) else { return Ok(()) };
    if first.length == 0 {
        return Ok(());
    }
    let mut upload = streams.upload(&header).await?;
    let file = File::open(path)?;
    loop {
        let now = *grown.borrow_and_update();
        send(&mut upload, &file, now.length).await?;
        if now.whole {
            upload.finish().await?;
            return Ok(());
        }
        if grown.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Sends what there is up to `end`. The file was written a moment ago, so reading it from the page cache does not
/// hold up the others on this thread.
async fn send(upload: &mut Upload, file: &File, end: u64) -> Result<(), ProtocolError> {
    while upload.offset() < end {
        let length = usize::try_from(end - upload.offset()).map_or(CHUNK, |rest| rest.min(CHUNK));
        let mut chunk = BytesMut::zeroed(length);
        let read = file.read_at(&mut chunk, upload.offset())?;
        if read == 0 {
            let gone = io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter");
            return Err(gone.into());
        }
        chunk.truncate(read);
        upload.write(chunk.freeze()).await?;
    }
    Ok(())
}
