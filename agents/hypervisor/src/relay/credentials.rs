//! What the software of a run proves itself with: `/getTrustedCACertificate`, `/getSignedCertificate` and
//! `/getSSSKeytable`. Who asks is known by the address, so a name that the asker gives does not matter; what a machine
//! may have is decided by the engine.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use xrdtest_protocol::run_authority::MAX_REQUEST;
use xrdtest_protocol::stream::Wanted;

use super::http::{Refusal, Shared};
use super::listener::Asking;

/// Bytes of a body, at most: the request may be in a form, and openssl may have written words before it.
const MAX_BODY: usize = 64 << 10;
const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const END: &str = "-----END CERTIFICATE REQUEST-----";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/getTrustedCACertificate", get(trusted_ca_certificate))
        .route("/getSignedCertificate", post(signed_certificate).fallback(only_post))
        .route("/getSSSKeytable", get(sss_keytable))
}

/// The certificate of the run's CA.
async fn trusted_ca_certificate(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
) -> Result<Response, Refusal> {
    shared.credential(from, Wanted::TrustedCaCertificate, "application/x-pem-file").await
}

/// A certificate for the request in the body.
async fn signed_certificate(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
    body: Body,
) -> Result<Response, Refusal> {
    // Who is nobody need not send anything.
    shared.machine(from)?;
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| too_long())?;
    let request = request_in(&body)?;
    shared.credential(from, Wanted::SignedCertificate { request }, "application/x-pem-file").await
}

/// The run's key table for XRootD's protocol sss.
async fn sss_keytable(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Asking(from)): ConnectInfo<Asking>,
) -> Result<Response, Refusal> {
    shared.credential(from, Wanted::SssKeytable, "application/octet-stream").await
}

async fn only_post() -> Refusal {
    let words = "send a certificate signing request: use POST, as `curl --data-binary @request.pem` does";
    Refusal(StatusCode::METHOD_NOT_ALLOWED, words.to_owned())
}

fn too_long() -> Refusal {
    let words = "a certificate signing request has at most 16 KiB; use a smaller key and fewer names";
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, words.to_owned())
}

/// The request in a body, which may be a form with other fields.
fn request_in(body: &[u8]) -> Result<String, Refusal> {
    let bad = |words: &str| Err(Refusal(StatusCode::BAD_REQUEST, words.to_owned()));
    let text = String::from_utf8_lossy(body);
    let Some((_, rest)) = text.split_once(BEGIN) else {
        return bad(
            "there is no certificate signing request (PEM) in the body; make one with `openssl req -new` \
                    and send it with `curl --data-binary @request.pem`",
        );
    };
    let Some((content, _)) = rest.split_once(END) else {
        return bad("the certificate signing request has no end: send the file as a whole");
    };
    let request = format!("{BEGIN}{content}{END}");
    if request.len() > MAX_REQUEST { Err(too_long()) } else { Ok(request) }
}

impl Shared {
    async fn credential(
        &self,
        from: SocketAddr,
        wanted: Wanted,
        kind: &'static str,
    ) -> Result<Response, Refusal> {
        let host = self.machine(from)?;
        // Never closed, so this does not fail.
        let _permit = self.permits.acquire().await;
        let content = self.files.credential(&self.served.instance, host, wanted).await?;
        // Nobody on the way shall keep a key.
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
        Ok((headers, Body::from(content)).into_response())
    }
}
