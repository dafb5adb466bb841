//! The lines of an output as they are written, for a page that is open.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use maud::html;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use xrdtest_model::RunId;

use super::super::failure::PageAnswer;
use super::lines::{LONGEST, Line, WINDOW};
use super::output::row;
use crate::api::files::folder_of;
use crate::api::follow::{self, Stage};
use crate::api::{Params, Shared};

/// What is written within this time of the first line is told with it.
const PAUSE: Duration = Duration::from_millis(40);
/// Bytes that are told at once, about.
const AT_ONCE: usize = 256 * 1024;
/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub(in super::super) struct From {
    /// Bytes that the page has.
    #[serde(default)]
    offset: u64,
    /// The number of the line that begins there.
    number: u64,
}

/// An event `lines` for what was written, as rows of the page; its id says where the next one begins. `end` when there
/// will be no more.
pub(in super::super) async fn lines(
    State(engine): State<Shared>,
    Path((run, stage, machine)): Path<(RunId, String, String)>,
    Params(from): Params<From>,
    headers: HeaderMap,
) -> PageAnswer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let From { offset, number } = seen(&headers).unwrap_or(from);
    let mut stage = Stage::find(&engine, &run, &stage, &machine, None).await?;
    stage.catch_up(&engine).await?;
    let folder = folder_of(&engine.runs_folder(), &run);
    let bytes = Box::pin(follow::stream(&engine, stage, folder, offset));
    let feed = Feed { bytes, rest: Vec::new(), offset, number, over: Over::No };
    let stream =
        futures::stream::unfold(feed, |mut feed| async move { Some((Ok(feed.next().await?), feed)) });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A browser that connects again says in a header what it has seen; the address has still what it began with.
fn seen(headers: &HeaderMap) -> Option<From> {
    let (offset, number) = headers.get("last-event-id")?.to_str().ok()?.split_once('.')?;
    Some(From { offset: offset.parse().ok()?, number: number.parse().ok()? })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    No,
    /// Everything was read; that is to be told.
    Read,
    Told,
}

struct Feed<S> {
    bytes: Pin<Box<S>>,
    /// The beginning of a line that has no end yet.
    rest: Vec<u8>,
    /// Where the rest begins.
    offset: u64,
    number: u64,
    over: Over,
}

impl<S: Stream<Item = std::io::Result<Bytes>>> Feed<S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.over {
                Over::Told => return None,
                Over::Read => {
                    self.over = Over::Told;
                    return Some(Event::default().event("end").data("{}"));
                }
                Over::No => self.read().await?,
            }
            if let Some(event) = self.told() {
                return Some(event);
            }
        }
    }

    /// Waits for bytes, and a moment for those that follow. `None`: it broke off, and whoever follows asks again.
    async fn read(&mut self) -> Option<()> {
        let mut until = None;
        while self.rest.len() < AT_ONCE {
            let piece = match until {
                None => self.bytes.next().await,
                Some(until) => match timeout_at(until, self.bytes.next()).await {
                    Ok(piece) => piece,
                    Err(_) => return Some(()),
                },
            };
            match piece {
                Some(Ok(piece)) => self.rest.extend_from_slice(&piece),
                Some(Err(_)) => return None,
                None => {
                    self.over = Over::Read;
                    return Some(());
                }
            }
            until.get_or_insert_with(|| Instant::now() + PAUSE);
        }
        Some(())
    }

    /// The lines that have ends; at the end of the output the last one too.
    fn told(&mut self) -> Option<Event> {
        let end = match (self.over, memchr::memrchr(b'\n', &self.rest)) {
            (Over::No, Some(last)) => last + 1,
            // A line as long as that is told in pieces.
            (Over::No, None) if self.rest.len() < AT_ONCE => return None,
            _ => self.rest.len(),
        };
        let rest = self.rest.split_off(end);
        let whole = std::mem::replace(&mut self.rest, rest);
        let text = whole.strip_suffix(b"\n").unwrap_or(&whole);
        if whole.is_empty() {
            return None;
        }
        let all: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let window = usize::try_from(WINDOW).unwrap_or(usize::MAX);
        let left_out = all.len().saturating_sub(window);
        let first = self.number + left_out as u64;
        let shown = (first..).zip(&all[left_out..]).map(|(number, line)| Line {
            number,
            text: String::from_utf8_lossy(&line[..line.len().min(LONGEST)]).into_owned(),
        });
        let rows = html! {
            @if left_out > 0 {
                a.more href={ "?from=" (self.number) } { "Lines " (self.number) " – " (first - 1) }
            }
            @for line in shown { (row(&line)) }
        };
        self.number += all.len() as u64;
        self.offset += whole.len() as u64;
        let id = format!("{}.{}", self.offset, self.number);
        Some(Event::default().event("lines").id(id).data(rows.into_string()))
    }
}
