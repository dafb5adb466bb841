//! Events: as JSON arrays, or as server-sent events that go on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::watch;
use tracing::warn;
use xrdtest_model::{Event, InstanceId, RunId};

use super::Shared;
use super::extract::{Params, limit};
use super::instances::{filed_under, unknown};
use super::journal::{self, BATCH, End};
use super::paging::{Paged, next};
use super::problem::{Answer, Failure};
use super::runs::summary_of;

/// Events in one array, unless said otherwise, and at most.
const LISTED: (u32, u32) = (100, 1000);
/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only those with greater numbers.
    after: Option<u64>,
    /// At most so many; arrays only.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

pub(crate) async fn all(
    State(engine): State<Shared>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Params(which): Params<Which>,
) -> Answer<Response> {
    answer(engine, None, (&headers, &uri), &which).await
}

pub(crate) async fn of_run(
    State(engine): State<Shared>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(run): Path<RunId>,
    Params(which): Params<Which>,
) -> Answer<Response> {
    summary_of(&engine, &run).await?;
    answer(engine, Some(run), (&headers, &uri), &which).await
}

/// Those of the run that it was made for, with all of its instances; of one that was started by hand its own.
pub(crate) async fn of_instance(
    State(engine): State<Shared>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(instance): Path<InstanceId>,
    Params(which): Params<Which>,
) -> Answer<Response> {
    let filed = filed_under(&engine, &instance);
    if engine.store().events(Some(filed.clone()), 0, 1).await?.is_empty() {
        return Err(unknown(&instance));
    }
    answer(engine, Some(filed), (&headers, &uri), &which).await
}

async fn answer(
    engine: Shared,
    run: Option<RunId>,
    (headers, uri): (&HeaderMap, &Uri),
    which: &Which,
) -> Answer<Response> {
    if !wants_stream(headers) {
        let limit = limit(which.limit, LISTED.0, LISTED.1)?;
        let events = engine.store().events(run, which.after.unwrap_or(0), limit).await?;
        let more = events.last().filter(|_| events.len() == limit as usize);
        let next = more.map(|last| next(uri, "after", last.number));
        return Ok(Paged { next, items: events }.into_response());
    }
    let after = resume_after(headers, which)?;
    let mut end = End::default();
    if let Some(run) = &run
        && after > 0
    {
        // What the reader knows already says whether there is anything to come.
        let known = |event: &Event| {
            if event.number <= after {
                end.apply(event);
            }
        };
        journal::each(&*engine.store(), run, 0, known).await?;
    }
    let feed =
        Feed { last: engine.last_event(), engine, run, after, end, batch: VecDeque::new(), over: false };
    Ok(Sse::new(stream(feed)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.into_iter().any(|value| value.contains("text/event-stream"))
}

/// A browser that connects again says in a header what it has seen; the address has still what it began with.
fn resume_after(headers: &HeaderMap, which: &Which) -> Answer<u64> {
    let Some(id) = headers.get("last-event-id") else { return Ok(which.after.unwrap_or(0)) };
    let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    number.ok_or_else(|| Failure::unprocessable(format!("Last-Event-ID {id:?} is not an event's number")))
}

/// One reader. It holds one batch at most: whoever is slow reads later, and costs the engine nothing.
struct Feed {
    engine: Shared,
    run: Option<RunId>,
    last: watch::Receiver<u64>,
    after: u64,
    end: End,
    batch: VecDeque<Event>,
    over: bool,
}

fn stream(feed: Feed) -> impl Stream<Item = Result<Sent, Infallible>> {
    futures::stream::unfold(feed, |mut feed| async move { Some((Ok(feed.next().await?), feed)) })
}

impl Feed {
    /// The next event; `None` when the run is over, or the engine ends.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.batch.pop_front() {
                self.after = event.number;
                self.end.apply(&event);
                return Some(sent(&event));
            }
            if self.over {
                return None;
            }
            if self.run.is_some() && self.end.is_here() {
                self.over = true;
                return Some(Sent::default().event("end").data("{}"));
            }
            self.refill().await?;
        }
    }

    /// Waits for events and reads them.
    async fn refill(&mut self) -> Option<()> {
        loop {
            // Marked as seen before the store is read: what comes meanwhile wakes.
            self.last.borrow_and_update();
            match self.engine.store().events(self.run.clone(), self.after, BATCH).await {
                Ok(events) if events.is_empty() => self.last.changed().await.ok()?,
                Ok(events) => {
                    self.batch = events.into();
                    return Some(());
                }
                Err(error) => {
                    warn!(%error, "events can't be read; a stream ends");
                    return None;
                }
            }
        }
    }
}

/// `id` is the number, `event` the kind, `data` the same JSON as in arrays.
fn sent(event: &Event) -> Sent {
    let json = serde_json::to_value(event).unwrap_or_default();
    let kind = json["body"]["event"].as_str().unwrap_or("unknown").to_owned();
    Sent::default().id(event.number.to_string()).event(kind).data(json.to_string())
}
