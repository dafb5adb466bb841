//! One request over HTTP, and its answer: bounded in time and size, and no redirect is followed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use xrdtest_model::with_causes;

use super::judge::retry_after;

/// Bytes of an answer that are read, and characters of it that are told.
const READ: usize = 64 << 10;
const TOLD: usize = 300;

/// An address: `https://HOST[:PORT]/PATH`.
#[derive(Clone)]
pub(crate) struct Url {
    encrypted: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    /// An address in people's spelling. No error repeats it: it may be a secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return Err("an address begins with https:// or http://".to_owned());
        }
        let uri: Uri = text.parse().map_err(|error| format!("that is no address: {error}"))?;
        let encrypted = uri.scheme_str() == Some("https");
        let authority = uri.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return Err("an address has no name or password in it".to_owned());
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("an address has a host".to_owned());
        }
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { encrypted, host, port, path })
    }

    /// What is no secret of it: `https://hooks.example.org`, with the port where that is an unusual one.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Path and query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A path below its own.
    pub(super) fn below(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path.trim_end_matches('/')), ..self.clone() }
    }

    /// Whether what is sent stays on this machine or is encrypted.
    pub(crate) fn is_safe(&self) -> bool {
        let loopback = self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.encrypted || loopback || self.host == "localhost"
    }

    /// The host's name.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.encrypted { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// A request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: String,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the server wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of what it says, in one line.
    pub(super) text: String,
}

/// Asks, within a time; an error goes on after the server's name.
pub(super) async fn ask(request: Request, ca: Option<&Path>, within: Duration) -> Result<Answer, String> {
    let late = |_| format!("was not done within {}", xrdtest_model::time::human(within));
    tokio::time::timeout(within, connect_and_ask(request, ca)).await.map_err(late)?
}

/// Goes all the way to a server, and says nothing to it.
pub(super) async fn reach(url: &Url, ca: Option<&Path>, within: Duration) -> Result<(), String> {
    let late = |_| format!("was not reached within {}", xrdtest_model::time::human(within));
    tokio::time::timeout(within, connect(url, ca)).await.map_err(late)?.map(drop)
}

async fn connect_and_ask(request: Request, ca: Option<&Path>) -> Result<Answer, String> {
    speak(connect(&request.url, ca).await?, request).await
}

async fn connect(url: &Url, ca: Option<&Path>) -> Result<Either<TcpStream, TlsStream<TcpStream>>, String> {
    let Url { encrypted, host, port, .. } = url;
    let stream = TcpStream::connect((host.as_str(), *port))
        .await
        .map_err(|error| format!("can't be reached: {error}"))?;
    if !encrypted {
        return Ok(Either::Left(stream));
    }
    let name =
        ServerName::try_from(host.clone()).map_err(|error| format!("has a name that is none: {error}"))?;
    let connector = TlsConnector::from(trust(ca).await?);
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(|error| format!("and the engine can't agree on TLS (`ca` names another CA): {error}"))?;
    Ok(Either::Right(stream))
}

async fn speak<S>(stream: S, request: Request) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("did not answer: {}", with_causes(&error));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(written(request)?).await.map_err(failed)?;
        let status = response.status();
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
        let pause = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = pause.and_then(|value| retry_after(value, now));
        let text = beginning(response.into_body()).await;
        let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = xrdtest_report::text::readable(&text).chars().take(TOLD).collect();
        Ok(Answer { status, retry_after, text })
    }
    .await;
    connection.abort();
    answer
}

/// What a server says, or how it begins: an answer that is too long or breaks off is one all the same.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend_from_slice(frame.data_ref().map(|bytes| &bytes[..]).unwrap_or_default());
        if text.len() >= READ {
            break;
        }
    }
    text
}

fn written(request: Request) -> Result<hyper::Request<Full<Bytes>>, String> {
    let Request { method, url, headers, body } = request;
    let mut written = hyper::Request::new(Full::new(Bytes::from(body)));
    *written.method_mut() = method;
    *written.uri_mut() = url.path.parse().map_err(|_| "has a path that is none".to_owned())?;
    let agent = concat!("xrdtest-engine/", env!("CARGO_PKG_VERSION")).to_owned();
    for (name, value) in headers.into_iter().chain([(HOST, url.authority()), (USER_AGENT, agent)]) {
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            format!("can't be asked: what goes into {name} has a character that is not allowed")
        })?;
        value.set_sensitive(true);
        written.headers_mut().insert(name, value);
    }
    Ok(written)
}

/// Whose certificates are believed: of a CA in a file, or those that the machine trusts, which are read once.
async fn trust(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    static MACHINE: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let (None, Some(known)) = (ca, MACHINE.get()) {
        return Ok(known.clone());
    }
    let (file, of_machine) = (ca.map(Path::to_path_buf), ca.is_none());
    let read = tokio::task::spawn_blocking(move || file.map_or_else(|| Ok(of_the_machine()), from_file));
    let roots = read.await.map_err(|_| "can't be trusted: certificates could not be read".to_owned())??;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("can't be asked, as TLS can't be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    if of_machine {
        return Ok(MACHINE.get_or_init(|| config).clone());
    }
    Ok(config)
}

fn of_the_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What of them can't be read is not trusted; a server of such a CA is refused then, in words.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn from_file(path: PathBuf) -> Result<RootCertStore, String> {
    let unusable = |why: String| format!("can't be asked: `ca`, {}: {why}", path.display());
    let certificates = CertificateDer::pem_file_iter(&path).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        for (text, origin, path, safe) in [
            ("https://hooks.example.org/a/b?c=d", "https://hooks.example.org", "/a/b?c=d", true),
            ("https://x.org:8443", "https://x.org:8443", "/", true),
            ("http://x.org:80/y", "http://x.org", "/y", false),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", "/", true),
            ("http://[::1]:8080/z", "http://[::1]:8080", "/z", true),
            ("http://localhost/z", "http://localhost", "/z", true),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.origin().as_str(), url.path(), url.is_safe()), (origin, path, safe), "{text}");
        }
        for (text, words) in [
            ("hooks.example.org", "begins with https://"),
            ("ftp://x/secret", "begins with https://"),
            ("https://me:secret@x/", "no name or password"),
            ("https://x/a secret", "no address"),
            ("", "begins with https://"),
            ("https://", "no address"),
        ] {
            let Err(why) = Url::parse(text) else { panic!("{text}") };
            assert!(why.contains(words) && !why.contains("secret"), "{text}: {why}");
        }
        let api = Url::parse("https://git.example.org/api/v4/").unwrap();
        assert_eq!(api.below("/projects/a%2Fb").path(), "/api/v4/projects/a%2Fb");
    }
}
