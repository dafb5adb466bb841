//! What a run left: outputs of its stages, collected logs and artifacts, as they are.

use std::io::SeekFrom;
use std::path::PathBuf;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use xrdtest_model::RunId;
use xrdtest_model::api::{OutputEntry, RunSummary};
use xrdtest_model::plan::console_path;

use super::Shared;
use super::extract::Params;
use super::files::{folder_of, inside};
use super::follow::{self, Stage};
use super::problem::{Answer, Failure};
use super::runs::summary_of;

/// Bytes that are read from a file at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// All files, in order of the stages.
pub(crate) async fn index(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
) -> Answer<Json<Vec<OutputEntry>>> {
    summary_of(&engine, &run).await?;
    Ok(Json(engine.store().outputs(run).await?))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The first byte that is wanted.
    #[serde(default)]
    offset: u64,
    /// Goes on as the output grows, until the stage is over on that machine.
    #[serde(default)]
    follow: bool,
    /// Which attempt; absent: the latest.
    attempt: Option<u32>,
}

/// The output of a stage on a machine, while it grows too.
pub(crate) async fn output(
    State(engine): State<Shared>,
    Path((run, stage, machine)): Path<(RunId, String, String)>,
    Params(part): Params<Part>,
) -> Answer<Response> {
    let summary = summary_of(&engine, &run).await?;
    let folder = folder_of(&engine.runs_folder(), &run);
    let entries = engine.store().outputs(run.clone()).await?;
    let entry = entries
        .iter()
        .filter(|entry| entry.stage == stage && entry.machine == machine && is_output(entry))
        .filter(|entry| part.attempt.is_none_or(|attempt| attempt == entry.attempt))
        .max_by_key(|entry| entry.attempt);
    if let Some(entry) = entry {
        let path = inside(&folder, &entry.file).ok_or_else(|| removed(&summary, &entry.file))?;
        return whole(path, part.offset).await.map_err(|error| missing(&summary, &entry.file, &error));
    }
    // The index has it only when the stage is over: until then the plan says where it is.
    let mut stage = Stage::find(&engine, &run, &stage, &machine, part.attempt).await?;
    stage.catch_up(&engine).await?;
    if part.follow && !stage.is_over() {
        return Ok(text(Body::from_stream(follow::stream(&engine, stage, folder, part.offset))));
    }
    let path = folder.join(stage.file());
    whole(path, part.offset).await.map_err(|_| stage.has_no_output(&summary))
}

/// A log file that was collected after a stage, by its path on the machine.
pub(crate) async fn log(
    State(engine): State<Shared>,
    Path((run, stage, machine, path)): Path<(RunId, String, String, String)>,
) -> Answer<Response> {
    let of = |entry: &OutputEntry| entry.log.clone();
    kept(&engine, &run, (&stage, &machine), &path, of, "log").await
}

/// A file that a script kept, by its path on the machine.
pub(crate) async fn artifact(
    State(engine): State<Shared>,
    Path((run, stage, machine, path)): Path<(RunId, String, String, String)>,
) -> Answer<Response> {
    let of = |entry: &OutputEntry| entry.artifact.clone();
    let mut response = kept(&engine, &run, (&stage, &machine), &path, of, "artifact").await?;
    let bytes = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, bytes);
    Ok(response)
}

/// A file that a stage left on a machine, of its latest attempt. `of`: the path on the machine, of entries of this kind.
async fn kept(
    engine: &Shared,
    run: &RunId,
    (stage, machine): (&str, &str),
    path: &str,
    of: impl Fn(&OutputEntry) -> Option<String>,
    kind: &str,
) -> Answer<Response> {
    let summary = summary_of(engine, run).await?;
    let entries = engine.store().outputs(run.clone()).await?;
    let wanted = path.trim_start_matches('/');
    let is_it = |entry: &&OutputEntry| {
        let of_kind = of(entry).is_some_and(|path| path.trim_start_matches('/') == wanted);
        of_kind && entry.stage == stage && entry.machine == machine
    };
    let entry = entries.iter().filter(is_it).max_by_key(|entry| entry.attempt).ok_or_else(|| {
        Failure::not_found(format!("run {run} has no {kind} /{wanted} of {machine} in {stage}"))
            .help(format!("GET /api/v1/runs/{run}/outputs lists what it left"))
    })?;
    // There is no file without a byte.
    if entry.length == 0 {
        return Ok(text(Body::empty()));
    }
    let folder = folder_of(&engine.runs_folder(), run);
    let file = inside(&folder, &entry.file).ok_or_else(|| removed(&summary, &entry.file))?;
    whole(file, 0).await.map_err(|error| missing(&summary, &entry.file, &error))
}

/// The file with the output of a stage on a machine, of its latest attempt, which may be growing; none where there is no
/// output yet in a run that goes on.
pub(crate) async fn output_file(
    engine: &Shared,
    summary: &RunSummary,
    stage: &str,
    machine: &str,
) -> Answer<Option<PathBuf>> {
    let folder = folder_of(&engine.runs_folder(), &summary.run);
    let mut stage = Stage::find(engine, &summary.run, stage, machine, None).await?;
    stage.catch_up(engine).await?;
    let path = folder.join(stage.file());
    match tokio::fs::try_exists(&path).await {
        Ok(true) => Ok(Some(path)),
        Ok(false) if summary.verdict.is_none() => Ok(None),
        _ => Err(stage.has_no_output(summary)),
    }
}

fn is_output(entry: &OutputEntry) -> bool {
    entry.log.is_none() && entry.artifact.is_none()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    /// The first byte that is wanted.
    #[serde(default)]
    offset: u64,
}

/// What a machine has written to its serial console so far.
pub(crate) async fn console(
    State(engine): State<Shared>,
    Path((run, host)): Path<(RunId, String)>,
    Params(from): Params<From>,
) -> Answer<Response> {
    let summary = summary_of(&engine, &run).await?;
    let file = console_path(&host);
    let path = folder_of(&engine.runs_folder(), &run).join(&file);
    whole(path, from.offset).await.map_err(|error| {
        if summary.evidence_removed.is_some() || error.kind() != std::io::ErrorKind::NotFound {
            return missing(&summary, &file, &error);
        }
        Failure::not_found(format!("run {run} has no console of {host}"))
            .help("consoles are kept of virtual machines, by the full names of their hosts")
    })
}

/// A file as far as it goes now, from an offset on.
async fn whole(path: PathBuf, offset: u64) -> std::io::Result<Response> {
    let mut file = File::open(path).await?;
    let length = file.metadata().await?.len().saturating_sub(offset);
    file.seek(SeekFrom::Start(offset)).await?;
    let pieces = futures::stream::try_unfold(file.take(length), |mut rest| async move {
        let mut piece = Vec::with_capacity(CHUNK.min(usize::try_from(rest.limit()).unwrap_or(CHUNK)));
        let read = rest.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then_some((piece, rest)))
    });
    let mut response = text(Body::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Whatever a script wrote is shown as text, never taken for a page.
fn text(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    (headers, body).into_response()
}

fn missing(summary: &RunSummary, file: &str, error: &std::io::Error) -> Failure {
    if summary.evidence_removed.is_some() || error.kind() == std::io::ErrorKind::NotFound {
        return removed(summary, file);
    }
    let error = format!("{file} of run {} can't be read: {error}", summary.run);
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error)
}

fn removed(summary: &RunSummary, file: &str) -> Failure {
    let failure = Failure::new(StatusCode::GONE, format!("{file} of run {} was removed", summary.run));
    match &summary.archive {
        Some(archive) => failure.help(format!("it is in {archive}")),
        None => failure,
    }
}
