//! The client of a running engine: HTTP over its Unix socket.

mod error;
mod events;
mod progress;
mod resolve;
mod sse;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use xrdtest_model::api::Problem;

pub(crate) use self::error::ClientError;
pub(crate) use self::events::{Told, follow, follow_instance};
pub(crate) use self::progress::{Progress, attempts};
pub(crate) use self::resolve::{Wanted, resolve, resolve_instance};

/// An engine by its socket. Each request has a connection of its own, so that nothing is left of one that was given up.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// `path`: below `/api/v1`, with its query.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::DELETE, path, Bytes::new()).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.json(Method::POST, path, encode(path, body)?).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.json(Method::PUT, path, encode(path, body)?).await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let response = self.send(method, path, "application/json", body).await?;
        let body = collect(path, response).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ClientError::Odd { path: path.to_owned(), detail: error.to_string() })
    }

    /// A good answer whose body is read as it comes.
    pub(crate) async fn stream(&self, path: &str, accept: &str) -> Result<Incoming, ClientError> {
        Ok(self.send(Method::GET, path, accept, Bytes::new()).await?.into_body())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| ClientError::contact(&self.socket, error))?;
        let broken = |error| ClientError::Broken { path: path.to_owned(), source: error };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its end is seen by whoever reads the answer.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(HOST, "engine")
            .header(ACCEPT, accept);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ClientError::Odd { path: path.to_owned(), detail: error.to_string() })?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() { Ok(response) } else { Err(refused(path, response).await?) }
    }
}

fn encode(path: &str, body: &impl Serialize) -> Result<Bytes, ClientError> {
    let text = serde_json::to_vec(body)
        .map_err(|error| ClientError::Odd { path: path.to_owned(), detail: error.to_string() })?;
    Ok(text.into())
}

async fn collect(path: &str, response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let broken = |error| ClientError::Broken { path: path.to_owned(), source: error };
    Ok(response.into_body().collect().await.map_err(broken)?.to_bytes())
}

/// Why the engine did not do it.
async fn refused(path: &str, response: Response<Incoming>) -> Result<ClientError, ClientError> {
    let status: StatusCode = response.status();
    let body = collect(path, response).await?;
    Ok(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => ClientError::Refused { status, problem: Box::new(problem) },
        Err(_) => ClientError::Odd { path: path.to_owned(), detail: status.to_string() },
    })
}

/// One part of a path, or of a query.
pub(crate) fn part(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_of_paths() {
        assert_eq!(part("ts_001-a.b"), "ts_001-a.b");
        assert_eq!(part("a/b ?ä"), "a%2Fb%20%3F%C3%A4");
    }
}
