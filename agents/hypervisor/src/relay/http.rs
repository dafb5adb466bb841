//! What scripts may ask at `@proto@://master.xrd.test:@port@`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::credentials;
use super::listener::{Asking, Door};
use super::{FetchError, Files, Served};

/// Files that are fetched at a time, for all machines of an instance; more wait. Each is in memory as a whole.
const AT_A_TIME: usize = 8;

/// What all requests share.
pub(super) struct Shared {
    pub(super) served: Served,
    pub(super) files: Arc<dyn Files>,
    pub(super) permits: Semaphore,
}

/// Serves until told to stop.
pub(super) async fn serve(door: Door, served: Served, files: Arc<dyn Files>) {
    let stop = door.stop.clone();
    let shared = Shared { served, files, permits: Semaphore::new(AT_A_TIME) };
    let service = router(Arc::new(shared)).into_make_service_with_connect_info::<Asking>();
    let serving = axum::serve(door, service).into_future();
    if let Some(Err(error)) = stop.run_until_cancelled(serving).await {
        tracing::error!(%error, "machines can't fetch files any more");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/downloadScript/{*path}", get(download_script))
        .route("/showScript/{*path}", get(show_script))
        .merge(credentials::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_get)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), note))
        .with_state(shared)
}

/// Every refusal leaves a line in the log; that a file is not there is none.
async fn note(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if let Some(Reason(reason)) = response.extensions().get() {
        let host = shared.served.host_of(from).unwrap_or_default().to_owned();
        tracing::warn!(instance = %shared.served.instance, %from, host, path, reason, "a machine was refused");
    }
    response
}

/// A file of the run's repository, to be saved.
async fn download_script(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    let content = shared.fetch(from, &path).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&path));
    Ok((headers, Body::from(content)).into_response())
}

/// A file of the run's repository, to be looked at.
async fn show_script(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    let content = shared.fetch(from, &path).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from(content)).into_response())
}

async fn nothing_here() -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        "there is nothing here; ask for /downloadScript/PATH or /showScript/PATH, with PATH relative to the root of \
         the run's repository, or for /getTrustedCACertificate, /getSignedCertificate or /getSSSKeytable"
            .to_owned(),
    )
}

async fn only_get() -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, "files can only be read here: use GET".to_owned())
}

/// A status and a line of text.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

/// Why it was refused, for the log.
#[derive(Clone)]
struct Reason(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{}\n", self.1);
        let mut response =
            (self.0, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
        if self.0 != StatusCode::NOT_FOUND {
            response.extensions_mut().insert(Reason(self.1));
        }
        response
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        let status = match error {
            FetchError::NotFound(_) => StatusCode::NOT_FOUND,
            FetchError::Refused(_) => StatusCode::FORBIDDEN,
            FetchError::Invalid(_) => StatusCode::BAD_REQUEST,
            FetchError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, error.to_string())
    }
}

impl Shared {
    /// The machine that asks.
    pub(super) fn machine(&self, from: SocketAddr) -> Result<&str, Refusal> {
        self.served.host_of(from).ok_or_else(|| {
            Refusal(StatusCode::FORBIDDEN, format!("{} is no machine of this cluster", from.ip()))
        })
    }

    async fn fetch(&self, from: SocketAddr, path: &str) -> Result<Bytes, Refusal> {
        let host = self.machine(from)?;
        if !is_plain(path) {
            let reason = format!(
                "`{path}` is no path of a file in the repository: it must be relative and go only down"
            );
            return Err(Refusal(StatusCode::BAD_REQUEST, reason));
        }
        // Never closed, so this does not fail.
        let _permit = self.permits.acquire().await;
        Ok(self.files.fetch(&self.served.instance, host, path).await?)
    }
}

/// Whether a path leads only down from where it starts.
fn is_plain(path: &str) -> bool {
    !path.contains(['\0', '\\']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The header that gives the saved file its name.
fn attachment(path: &str) -> HeaderValue {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\;".contains(c) { c } else { '_' }).collect();
    HeaderValue::try_from(format!("attachment; filename=\"{plain}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;
    use xrdtest_model::InstanceId;
    use xrdtest_protocol::stream::Wanted;

    use super::*;

    struct Fake;

    impl Files for Fake {
        fn fetch(
            &self,
            instance: &InstanceId,
            host: &str,
            path: &str,
        ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
            let answer = match path {
                "clusters/x/x.cf" => Ok(Bytes::from(format!("{instance} {host}"))),
                "secret" => Err(FetchError::Refused("not for you".to_owned())),
                "later" => Err(FetchError::Unavailable("the engine is away".to_owned())),
                path => Err(FetchError::NotFound(format!("`{path}` does not exist"))),
            };
            async move { answer }.boxed()
        }

        fn credential(
            &self,
            instance: &InstanceId,
            host: &str,
            wanted: Wanted,
        ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
            let answer = match wanted {
                Wanted::SignedCertificate { request } if request.contains("BAD") => {
                    Err(FetchError::Invalid("this is no certificate signing request".to_owned()))
                }
                Wanted::SignedCertificate { request } if request.contains("OTHER") => {
                    Err(FetchError::Refused("`ds2` is not this machine's".to_owned()))
                }
                wanted => Ok(Bytes::from(format!("{instance} {host} {wanted:?}"))),
            };
            async move { answer }.boxed()
        }
    }

    async fn ask(hosts: &[(Ipv4Addr, &str)], request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hosts: HashMap<_, _> = hosts.iter().map(|(ip, name)| (*ip, (*name).to_owned())).collect();
        let served = Served { instance: "i1".into(), hosts };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let door = Door { listener, stop: stop.clone(), tasks: tasks.clone() };
        let server = tokio::spawn(serve(door, served, Arc::new(Fake)));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (head, body) = request.split_once('\n').unwrap_or((request, ""));
        let length = if head.starts_with("POST") {
            format!("Content-Length: {}\r\n", body.len())
        } else {
            String::new()
        };
        stream
            .write_all(
                format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}\r\n{body}").as_bytes(),
            )
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        // A connection that nobody closes does not hold the relay.
        let _idle = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        server.await.unwrap();
        tasks.close();
        tokio::time::timeout(Duration::from_secs(10), tasks.wait()).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn files_are_served_to_machines() {
        let here = [(Ipv4Addr::LOCALHOST, "ds1.xrd.test")];
        let answer = ask(&here, "GET /downloadScript/clusters/x/x.cf").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("content-disposition: attachment; filename=\"x.cf\""), "{answer}");
        assert!(answer.ends_with("\r\n\r\ni1 ds1.xrd.test"), "{answer}");
        let answer = ask(&here, "GET /showScript/clusters/x/x.cf").await;
        assert!(answer.contains("content-type: text/plain"), "{answer}");
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let here = [(Ipv4Addr::LOCALHOST, "ds1.xrd.test")];
        for (request, status, words) in [
            ("GET /downloadScript/nowhere", 404, "`nowhere` does not exist"),
            ("GET /showScript/secret", 403, "not for you"),
            ("GET /showScript/later", 503, "the engine is away"),
            ("GET /downloadScript/../../etc/passwd", 400, "go only down"),
            ("GET /downloadScript/%2e%2e/%2e%2e/etc/passwd", 400, "go only down"),
            ("GET /downloadScript//etc/passwd", 400, "go only down"),
            ("GET /downloadScript/a%00b", 400, "go only down"),
            ("POST /downloadScript/clusters/x/x.cf", 405, "use GET"),
            ("GET /getTrustedCACertificat", 404, "or for /getTrustedCACertificate"),
            ("GET /getTrustedCACertificate/../../etc/passwd", 404, "there is nothing here"),
            ("POST /getTrustedCACertificate", 405, "use GET"),
            ("GET /getSignedCertificate", 405, "use POST"),
            ("POST /getSignedCertificate", 400, "no certificate signing request"),
            ("POST /getSignedCertificate\nslave_name=ds1", 400, "no certificate signing request"),
            ("GET /", 404, "there is nothing here"),
        ] {
            let answer = ask(&here, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(answer.contains(words), "{request}: {answer}");
        }
    }

    const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
    const END: &str = "-----END CERTIFICATE REQUEST-----";

    #[tokio::test]
    async fn credentials_are_for_the_machine_that_asks() {
        let here = [(Ipv4Addr::LOCALHOST, "ds1.xrd.test")];
        let answer = ask(&here, "GET /getTrustedCACertificate").await;
        assert!(answer.contains("content-type: application/x-pem-file"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ni1 ds1.xrd.test TrustedCaCertificate"), "{answer}");
        let answer = ask(&here, "GET /getSSSKeytable").await;
        assert!(answer.ends_with("i1 ds1.xrd.test SssKeytable"), "{answer}");
        // As it is, with what openssl says before it, and in a form with other fields, as the manual has it.
        let field = "--x\r\nContent-Disposition: form-data; name=";
        for body in [
            format!("{BEGIN}\nAAAA\n{END}\n"),
            format!("Certificate Request:\n    Data:\n{BEGIN}\nAAAA\n{END}\n"),
            format!(
                "{field}\"slave_name\"\r\n\r\nds2.xrd.test\r\n{field}\"csr\"; filename=\"r\"\r\n\r\n{BEGIN}\nAAAA\n{END}\n\r\n--x--\r\n"
            ),
        ] {
            let answer = ask(&here, &format!("POST /getSignedCertificate\n{body}")).await;
            let request = format!("{BEGIN}\nAAAA\n{END}");
            let expected = format!("i1 ds1.xrd.test {:?}", Wanted::SignedCertificate { request });
            assert!(answer.ends_with(&expected), "{body}: {answer}");
        }
    }

    #[tokio::test]
    async fn requests_that_are_not_signed_are_refused_in_words() {
        let here = [(Ipv4Addr::LOCALHOST, "ds1.xrd.test")];
        let long = "A".repeat(17 << 10);
        let longer = "A".repeat(100 << 10);
        for (body, status, words) in [
            ("BAD", 400, "no certificate signing request"),
            ("OTHER", 403, "`ds2` is not this machine's"),
            (&*long, 413, "at most 16 KiB"),
            (&*longer, 413, "at most 16 KiB"),
        ] {
            let answer = ask(&here, &format!("POST /getSignedCertificate\n{BEGIN}\n{body}\n{END}\n")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{words}: {answer}");
            assert!(answer.contains(words), "{words}: {answer}");
        }
        let answer = ask(&here, &format!("POST /getSignedCertificate\n{BEGIN}\nAAAA\n")).await;
        assert!(answer.contains("has no end"), "{answer}");
        let elsewhere = [(Ipv4Addr::new(10, 0, 0, 1), "ds1.xrd.test")];
        for request in
            ["GET /getTrustedCACertificate", "GET /getSSSKeytable", "POST /getSignedCertificate\nx"]
        {
            let answer = ask(&elsewhere, request).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
        }
    }

    #[tokio::test]
    async fn strangers_get_nothing() {
        let answer =
            ask(&[(Ipv4Addr::new(10, 0, 0, 1), "ds1.xrd.test")], "GET /showScript/clusters/x/x.cf").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains("127.0.0.1 is no machine of this cluster"), "{answer}");
    }

    #[test]
    fn names_of_saved_files_are_harmless() {
        assert_eq!(attachment("a/b\"; x=\"c\n.sh"), "attachment; filename=\"b___x=_c_.sh\"");
    }
}
