//! A run in the formats of other programs.

use std::collections::VecDeque;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::warn;
use xrdtest_model::api::ReportFormat;
use xrdtest_model::{Event, RunId};
use xrdtest_report::{RunRecorder, html, render};

use super::Shared;
use super::extract::Params;
use super::journal::{self, BATCH};
use super::problem::{Answer, Failure};
use super::runs::{record, summary_of};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// In which format.
    format: ReportFormat,
}

/// Of a run that is not over: what there is to tell by now.
pub(crate) async fn report(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
    Params(Wanted { format }): Params<Wanted>,
) -> Answer<Response> {
    let body = if format == ReportFormat::Jsonl {
        summary_of(&engine, &run).await?;
        Body::from_stream(lines(engine, run))
    } else {
        let mut recorder = RunRecorder::new(run.clone());
        journal::each(&*engine.store(), &run, 0, |event| recorder.apply(event)).await?;
        let record = record(&engine, &run, recorder).await?;
        let text = tokio::task::spawn_blocking(move || render(format, &record, &[])).await;
        let text = text.map_err(|error| failed(&run, &error))?.map_err(|error| failed(&run, &error))?;
        Body::from(text)
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if format == ReportFormat::Html {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(html::POLICY));
    }
    Ok(response)
}

fn failed(run: &RunId, error: &dyn std::error::Error) -> Failure {
    let words = format!("the report of {run} could not be made: {error}");
    Failure::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, words)
}

/// The events up to now as JSON lines, a batch at a time; where they can't be read the answer breaks off.
fn lines(engine: Shared, run: RunId) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    let begin = (engine, run, 0, VecDeque::<Event>::new(), false);
    futures::stream::unfold(begin, |(engine, run, mut after, mut batch, mut last)| async move {
        if batch.is_empty() && !last {
            match engine.store().events(Some(run.clone()), after, BATCH).await {
                Ok(events) => {
                    last = events.len() < BATCH as usize;
                    batch = events.into();
                }
                Err(error) => {
                    warn!(%error, %run, "events can't be read; a report ends");
                    let error = std::io::Error::other(error);
                    return Some((Err(error), (engine, run, after, VecDeque::new(), true)));
                }
            }
        }
        let event = batch.pop_front()?;
        after = event.number;
        let line = xrdtest_report::events::line(&event).map(Bytes::from).map_err(std::io::Error::other);
        Some((line, (engine, run, after, batch, last)))
    })
}
