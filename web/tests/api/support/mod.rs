//! An engine that keeps its events in a real store, and requests to its API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use futures::FutureExt;
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;
use xrdtest_model::api::{
    ArchiveRequest, Archived, ClusterRequest, DefinitionsInfo, DeliveryInfo, EngineInfo, HypervisorInfo,
    InstanceInfo, Problem, QueueEntry, RepositoryInfo, RevocationInfo, RevocationRequest, Role, RunProgress,
    RunRequest, RunSummary, ScheduledSuite, SchedulesInfo, TokenCreated, TokenRequest,
};
use xrdtest_model::chronicle::StateWord;
use xrdtest_model::definition::Catalogue;
use xrdtest_model::event::InstanceOwner;
use xrdtest_model::room::Load;
use xrdtest_model::{
    Diagnostic, EventBody, Held, Hold, HypervisorName, InstanceId, MachineId, RunId, Severity, Span,
    Timestamp,
};
use xrdtest_store::conformance::story::{Scribe, Story};
use xrdtest_store::{Revocation, SqliteStore, Store, TokenRecord};
use xrdtest_web::Caller;
use xrdtest_web::access::{Access, Settings};
use xrdtest_web::engine::{Answer, Engine, Refusal};
use xrdtest_web::metrics::Waits;

mod engine;

pub(crate) use crate::reading::soon;
use crate::{repositories, schedules};

pub(crate) struct TestEngine {
    store: Arc<SqliteStore>,
    folder: TempDir,
    scribe: Mutex<Scribe>,
    told: Mutex<Vec<xrdtest_model::Event>>,
    last: Mutex<Option<watch::Sender<u64>>>,
    arrived: Mutex<Option<watch::Sender<u64>>>,
    pub(crate) catalogue: Mutex<Arc<Catalogue>>,
    pub(crate) machines: Mutex<Vec<MachineId>>,
    held: Mutex<BTreeMap<Held, Hold>>,
    /// Instances that were started by hand.
    pub(crate) by_hand: Mutex<Vec<InstanceInfo>>,
    pub(crate) access: Arc<Access>,
    /// What it was asked to do, with who asked.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl TestEngine {
    /// Whoever asks may read.
    pub(crate) async fn start() -> Arc<Self> {
        Self::start_with(Settings { anonymous: Some(Role::Viewer), ..Settings::default() }).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).await.unwrap();
        Arc::new(Self {
            store: Arc::new(store),
            folder,
            scribe: Mutex::default(),
            told: Mutex::default(),
            last: Mutex::new(Some(watch::Sender::new(0))),
            arrived: Mutex::new(Some(watch::Sender::new(0))),
            catalogue: Mutex::default(),
            machines: Mutex::default(),
            held: Mutex::default(),
            by_hand: Mutex::default(),
            access: Arc::new(Access::new(settings, &[7; 32])),
            asked: Mutex::default(),
        })
    }

    /// These things happen.
    pub(crate) async fn happen(&self, bodies: impl IntoIterator<Item = EventBody>) {
        let events = self.scribe.lock().unwrap().all(bodies);
        let Some(last) = events.last().map(|event| event.number) else { return };
        self.told.lock().unwrap().extend(events.clone());
        self.store.append(events).await.unwrap();
        if let Some(sender) = &*self.last.lock().unwrap() {
            sender.send_replace(last);
        }
    }

    /// More of an output arrives. `file`: relative to the run's folder.
    pub(crate) fn write(&self, story: &Story, file: &str, bytes: &[u8]) {
        let path = self.runs_folder().join(story.run.as_str()).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut written = std::fs::read(&path).unwrap_or_default();
        written.extend_from_slice(bytes);
        std::fs::write(path, written).unwrap();
        if let Some(sender) = &*self.arrived.lock().unwrap() {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// It is gone: nobody is woken any more.
    pub(crate) fn end(&self) {
        self.last.lock().unwrap().take();
        self.arrived.lock().unwrap().take();
    }

    fn ask(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn api(self: &Arc<Self>) -> Router {
        xrdtest_web::api(self.clone())
    }

    /// A request from `alice`.
    pub(crate) async fn send(self: &Arc<Self>, method: Method, path: &str, body: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Caller { name: "alice".to_owned() });
        soon(self.api().oneshot(request)).await.unwrap()
    }

    /// Any request of somebody on this machine.
    pub(crate) async fn request(self: &Arc<Self>, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(Caller { name: "somebody".to_owned() });
        soon(self.api().oneshot(request)).await.unwrap()
    }

    pub(crate) async fn get(self: &Arc<Self>, path: &str) -> (StatusCode, Value) {
        json(self.send(Method::GET, path, None).await).await
    }

    pub(crate) async fn post(self: &Arc<Self>, path: &str, body: &str) -> (StatusCode, Value) {
        json(self.send(Method::POST, path, Some(body)).await).await
    }

    /// The answer where it is good.
    pub(crate) async fn good(self: &Arc<Self>, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

/// Status and JSON of an answer.
pub(crate) async fn json(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{status}: {error}: {body:?}")))
}

pub(crate) fn problem(error: &str) -> Problem {
    Problem { error: error.to_owned(), help: "see the manual".to_owned(), diagnostics: Vec::new() }
}
