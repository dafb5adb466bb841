//! What scripts may ask at `@proto@://master.xrd.test:@port@`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::listener::{Asking, Door};
use super::{FetchError, Files, Served};

/// Files that are fetched at a time, for all machines of an instance; more wait. Each is in memory as a whole.
const AT_A_TIME: usize = 8;

/// What all requests share.
struct Shared {
    served: Served,
    files: Arc<dyn Files>,
    permits: Semaphore,
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
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_get)
        .with_state(shared)
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
         the run's repository"
            .to_owned(),
    )
}

async fn only_get() -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, "files can only be read here: use GET".to_owned())
}

/// A status and a line of text.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{}\n", self.1))
            .into_response()
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        let status = match error {
            FetchError::NotFound(_) => StatusCode::NOT_FOUND,
            FetchError::Refused(_) => StatusCode::FORBIDDEN,
            FetchError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, error.to_string())
    }
}

impl Shared {
    async fn fetch(&self, from: SocketAddr, path: &str) -> Result<Bytes, Refusal> {
        let host = match from {
            SocketAddr::V4(from) => self.served.hosts.get(from.ip()),
            SocketAddr::V6(_) => None,
        };
        let Some(host) = host else {
            let reason = format!("{} is no machine of this cluster", from.ip());
            return Err(Refusal(StatusCode::FORBIDDEN, reason));
        };
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
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
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
            ("GET /getTrustedCACertificate", 404, "there is nothing here"),
            ("GET /", 404, "there is nothing here"),
        ] {
            let answer = ask(&here, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(answer.contains(words), "{request}: {answer}");
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
