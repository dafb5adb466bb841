//! What the forms of pages do: the functions of [`actions`], by those who may. Each answers with the way to the page
//! that shows what came of it (303), or with a page that says why nothing did.

use axum::extract::{Form, FromRequest, OriginalUri, Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Redirect;
use xrdtest_model::api::{
    CancelRequest, ClusterRequest, HoldRequest, QueuePauseRequest, RerunRequest, RunRequest,
};
use xrdtest_model::time::parse_duration;
use xrdtest_model::{HypervisorName, InstanceId, RunId};

use super::failure::{PageAnswer, PageFailure};
use crate::access::Visitor;
use crate::actions;
use crate::api::{Failure, Shared};

/// A form, which the gate has let through: its sender may, and it is from one of our own pages.
#[derive(Debug)]
pub(super) struct Sent {
    /// Who.
    by: String,
    fields: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = PageFailure;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageFailure> {
        let by = Visitor::current().name.unwrap_or_else(|| "somebody".to_owned());
        let sent = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(fields) =
            sent.map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
        Ok(Self { by, fields })
    }
}

impl Sent {
    /// A field without the space around it; empty where it was not filled in.
    fn one(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// All values of a field that may be there several times.
    fn all(&self, name: &str) -> Vec<String> {
        let of_it = self.fields.iter().filter(|(known, _)| known == name);
        of_it.map(|(_, value)| value.clone()).collect()
    }

    /// A box that is ticked, or a button that says so.
    fn is(&self, name: &str) -> bool {
        self.one(name) == "true"
    }

    fn reason(&self) -> String {
        self.one("reason").to_owned()
    }
}

/// What handlers answer.
type Done = PageAnswer<Redirect>;

/// The way to a page, as a browser takes it after a form; each part of the address may be any text.
fn to<const N: usize>(parts: [&str; N]) -> Done {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encode = |part: &str| -> String {
        let bytes = part.bytes();
        bytes.map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
    };
    let address: String = parts.iter().map(|part| format!("/{}", encode(part))).collect();
    Ok(Redirect::to(&address))
}

pub(super) async fn run(State(engine): State<Shared>, Path(suite): Path<String>, sent: Sent) -> Done {
    let repeat = match sent.one("repeat") {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            Failure::unprocessable(format!("`{text}` is no number of runs"))
                .help(format!("It may be 1 to {}.", RunRequest::MOST))
        })?),
    };
    let catalogue = engine.catalogue();
    let defined = catalogue.suites.get(&suite).map(|definition| &definition.tags);
    // Browsers send the line ends of the network.
    let tags = sent.fields.iter().filter_map(|(field, value)| {
        Some((field.strip_prefix("tag.")?.to_owned(), value.replace("\r\n", "\n")))
    });
    // What was left as the page showed it is as the definition says.
    let as_defined = |name: &str| defined.and_then(|tags| tags.get(name));
    let tags = tags.filter(|(name, value)| as_defined(name) != Some(value));
    let request = RunRequest {
        suite: suite.clone(),
        cases: sent.all("case"),
        reason: sent.reason(),
        keep_on_failure: sent.is("keep_on_failure"),
        tags: tags.collect(),
        repeat,
    };
    let runs = actions::run(&engine, sent.by, request).await?;
    match runs.as_slice() {
        [run] => to(["runs", run.as_str()]),
        _ => to(["testsuites", &suite]),
    }
}

pub(super) async fn pause_suite(State(engine): State<Shared>, Path(suite): Path<String>, sent: Sent) -> Done {
    let paused = sent.is("paused");
    actions::pause_schedule(&engine, sent.by, suite.clone(), paused).await?;
    to(["testsuites", &suite])
}

pub(super) async fn pause_schedules(State(engine): State<Shared>, sent: Sent) -> Done {
    let paused = sent.is("paused");
    actions::pause_schedule(&engine, sent.by, String::new(), paused).await?;
    to([""])
}

pub(super) async fn cancel(State(engine): State<Shared>, Path(run): Path<RunId>, sent: Sent) -> Done {
    let request = CancelRequest { reason: sent.reason(), force: sent.is("force") };
    actions::cancel(&engine, sent.by, &run, request).await?;
    to(["runs", run.as_str()])
}

pub(super) async fn rerun(State(engine): State<Shared>, Path(run): Path<RunId>, sent: Sent) -> Done {
    let request = RerunRequest { failed: sent.is("failed"), reason: sent.reason() };
    let runs = actions::rerun(&engine, sent.by, &run, request).await?;
    to(["runs", runs.first().unwrap_or(&run).as_str()])
}

pub(super) async fn pin(State(engine): State<Shared>, Path(run): Path<RunId>, sent: Sent) -> Done {
    actions::pin(&engine, &run, sent.is("pinned")).await?;
    to(["runs", run.as_str()])
}

pub(super) async fn delete(State(engine): State<Shared>, Path(run): Path<RunId>, sent: Sent) -> Done {
    let known = actions::delete(&engine, sent.by, &run).await?;
    to(["testsuites", &known.suite])
}

pub(super) async fn start_cluster(
    State(engine): State<Shared>,
    Path(cluster): Path<String>,
    sent: Sent,
) -> Done {
    let keep_ms = match sent.one("keep") {
        "" => None,
        text => Some(parse_duration(text).ok_or_else(|| {
            Failure::unprocessable(format!("`{text}` is no time")).help("Say it as 2h, 1h30m, 90s.")
        })?),
    };
    let hypervisor = Some(sent.one("hypervisor").to_owned()).filter(|name| !name.is_empty());
    let request = ClusterRequest { cluster: cluster.clone(), keep_ms, hypervisor };
    actions::start_cluster(&engine, sent.by, request).await?;
    to(["clusters", &cluster])
}

pub(super) async fn stop_instance(
    State(engine): State<Shared>,
    Path(instance): Path<InstanceId>,
    sent: Sent,
) -> Done {
    let stopped = actions::stop_instance(&engine, sent.by, &instance).await?;
    to(["clusters", &stopped.cluster])
}

pub(super) async fn pause_queue(State(engine): State<Shared>, sent: Sent) -> Done {
    let request = QueuePauseRequest { paused: sent.is("paused"), reason: sent.reason() };
    actions::pause_queue(&engine, sent.by, request).await?;
    to([""])
}

pub(super) async fn hold(State(engine): State<Shared>, Path(name): Path<HypervisorName>, sent: Sent) -> Done {
    let request = HoldRequest { held: sent.is("held"), reason: sent.reason() };
    actions::hold(&engine, sent.by, &name, request).await?;
    to(["hypervisors", name.as_str()])
}

/// Where scripts of the Python system sent their forms: an address of the past, with what takes its place.
pub(super) async fn gone(OriginalUri(uri): OriginalUri) -> PageFailure {
    let (words, help) = words_of_old(&uri);
    Failure::new(StatusCode::GONE, words).help(help).into()
}

fn words_of_old(uri: &Uri) -> (String, &'static str) {
    let help = match uri.path() {
        "/auth" => "Log in at /login; programs use a token, or the engine's Unix socket.",
        "/update" => {
            "Pages keep themselves up to date by /live; programs read GET /api/v1/events, or the resource itself."
        }
        _ => {
            "Runs are asked for by POST /api/v1/runs, cancelled by POST /api/v1/runs/RUN/cancel, clusters started by \
             POST /api/v1/instances; /api/v1/openapi.json has all of it. `xrdtest run SUITE` does the same."
        }
    };
    (format!("{} is not used any more.", uri.path()), help)
}
