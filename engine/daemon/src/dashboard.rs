//! The dashboard's server: HTTPS with a certificate of the engine's CA, or with a given one.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use tracing::error;
use xrdtest_protocol::ProtocolError;

use crate::config::Web;
use crate::handle::EngineHandle;
use crate::renewals::keep;

/// Answers that are being given when the engine ends have so long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DashboardError {
    /// The address is taken, or not this machine's.
    #[error("the dashboard can't listen on {listen} (TCP): {source}; change `listen` in [web]")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// Only one of the two is configured.
    #[error(
        "[web] has only one of `certificate` and `key`; give both, or none for a certificate of the engine's CA"
    )]
    Half,
    /// A file of the certificate or its key can't be used.
    #[error("the dashboard's certificate, {}: {words}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        words: String,
    },
    /// The engine's CA does not make one.
    #[error("the dashboard's certificate: {0}; look at `names` in [web]")]
    Authority(#[from] ProtocolError),
    /// Certificate and key do not belong together.
    #[error("the dashboard's certificate and key can't be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// A dashboard that listens.
pub(crate) struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    tls: RustlsConfig,
    /// The names in a certificate of the engine's CA; `None`: it was given another one.
    names: Option<Vec<String>>,
}

impl Dashboard {
    pub(crate) fn bind(listen: SocketAddr, web: &Web, engine: &EngineHandle) -> Result<Self, DashboardError> {
        let failed = |source| DashboardError::Listen { listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (tls, names) = match (&web.certificate, &web.key) {
            (Some(certificate), Some(key)) => (given(certificate, key)?, None),
            (None, None) => {
                let names = names(web, address.ip());
                (own(&names, engine)?, Some(names))
            }
            _ => return Err(DashboardError::Half),
        };
        Ok(Self { listener, address, tls: RustlsConfig::from_config(Arc::new(tls)), names })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end`.
    pub(crate) async fn serve(self, engine: EngineHandle, end: CancellationToken) {
        let renewing = self.names.map(|names| tokio::spawn(renew(self.tls.clone(), names, engine.clone())));
        let handle = Handle::new();
        let ending = handle.clone();
        tokio::spawn(async move {
            end.cancelled().await;
            ending.graceful_shutdown(Some(LAST_WORDS));
        });
        let service = xrdtest_web::dashboard(Arc::new(engine));
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        // Else the last piece of an answer waits for the browser's word about the one before: 40 ms.
        let acceptor = RustlsAcceptor::new(self.tls).acceptor(NoDelayAcceptor::new());
        let served = match axum_server::from_tcp(self.listener) {
            Ok(server) => server.acceptor(acceptor).handle(handle).serve(service).await,
            Err(error) => Err(error),
        };
        if let Some(renewing) = renewing {
            renewing.abort();
        }
        if let Err(error) = served {
            error!(%error, "the dashboard is gone; runs go on");
        }
    }
}

/// The names in a certificate of the engine's CA.
pub(crate) fn names(web: &Web, listening: IpAddr) -> Vec<String> {
    if !web.names.is_empty() {
        return web.names.clone();
    }
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let mut names: Vec<String> = std::iter::once("localhost".to_owned()).chain(host).collect();
    names.push(if listening.is_unspecified() { "127.0.0.1".to_owned() } else { listening.to_string() });
    names
}

/// Renews the certificate for those who connect from then on.
async fn renew(tls: RustlsConfig, names: Vec<String>, engine: EngineHandle) {
    let lifetime = engine.authority.server_lifetime();
    let renew = || {
        let new = own(&names, &engine).map_err(|error| error.to_string())?;
        tls.reload_from_config(Arc::new(new));
        Ok(())
    };
    keep("the dashboard", lifetime, renew).await;
}

fn own(names: &[String], engine: &EngineHandle) -> Result<rustls::ServerConfig, DashboardError> {
    let credentials = engine.authority.issue_server(names)?;
    let unusable = |error: rustls_pki_types::pem::Error| rustls::Error::General(error.to_string());
    let certificates = CertificateDer::pem_slice_iter(credentials.certificate.as_bytes())
        .chain(CertificateDer::pem_slice_iter(credentials.ca.as_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(credentials.key.as_bytes()).map_err(unusable)?;
    configuration(certificates, key)
}

/// Why these files can't be the dashboard's certificate and key; `None`: they can.
pub(crate) fn unfit(certificate: &Path, key: &Path) -> Option<String> {
    given(certificate, key).err().map(|error| error.to_string())
}

fn given(certificate: &Path, key: &Path) -> Result<rustls::ServerConfig, DashboardError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls_pki_types::pem::Error| DashboardError::File { path, words: error.to_string() }
    };
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed(certificate))?;
    configuration(certificates, PrivateKeyDer::from_pem_file(key).map_err(failed(key))?)
}

fn configuration(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<rustls::ServerConfig, DashboardError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    // Browsers open at most six connections of HTTP/1.1 to a server, and each page that is open holds one for what
    // changes: with HTTP/2 all pages share one.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
