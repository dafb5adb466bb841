//! Asking the engine that runs, for the daemon's own commands.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use xrdtest_model::api::Problem;

/// Asks for what the engine knows at once.
///
/// # Errors
/// As [`ask`]; also where there is no answer in that time.
pub async fn get_within(limit: Duration, socket: &Path, path: &str) -> anyhow::Result<Bytes> {
    let late = || {
        let (socket, seconds) = (socket.display(), limit.as_secs());
        format!(
            "the engine does not answer on {socket} within {seconds} s: it is stopped, or hangs; look at its log"
        )
    };
    tokio::time::timeout(limit, ask(socket, "GET", path, None)).await.with_context(late)?
}

/// Sends one request to the socket; answers the body.
///
/// # Errors
/// Where nobody answers, or the answer is a refusal, in its words.
pub async fn ask(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> anyhow::Result<Bytes> {
    let unheard = || format!("the engine does not answer on {}", socket.display());
    let stream = tokio::net::UnixStream::connect(socket).await.with_context(unheard)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(unheard)?;
    tokio::spawn(connection);
    let content = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(hyper::header::HOST, "engine")
        .header(hyper::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(content)))?;
    let response = sender.send_request(request).await.with_context(unheard)?;
    let status = response.status();
    let content = response.into_body().collect().await.with_context(unheard)?.to_bytes();
    if status.is_success() {
        return Ok(content);
    }
    match serde_json::from_slice::<Problem>(&content) {
        Ok(Problem { error, help, .. }) if help.is_empty() => bail!("{error}"),
        Ok(Problem { error, help, .. }) => bail!("{error}; {help}"),
        Err(_) => bail!("the engine answers {status}"),
    }
}
