//! `/live`: says when something has changed.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Deserialize;
use tokio::sync::watch;
use xrdtest_model::RunId;

use crate::api::{Params, Shared};

/// Changes are told at most so often: a page that is asked for more often is not read more.
const PAUSE: Duration = Duration::from_millis(300);
/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// The last event that the page shows.
    #[serde(default)]
    after: u64,
    /// Only what happens to this run.
    run: Option<RunId>,
}

/// An event `change` for whatever happened since the last one; its id is the journal's number. It ends with the engine.
pub(super) async fn changes(
    State(engine): State<Shared>,
    Params(which): Params<Which>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let feed = Feed { last: engine.last_event(), engine, told: which.after, run: which.run };
    let stream = futures::stream::unfold(feed, |mut feed| async move {
        let number = feed.next().await?;
        Some((Ok(Event::default().id(number.to_string()).event("change").data(number.to_string())), feed))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

struct Feed {
    engine: Shared,
    last: watch::Receiver<u64>,
    told: u64,
    run: Option<RunId>,
}

impl Feed {
    /// The number of the last event, when there is one that was not told.
    async fn next(&mut self) -> Option<u64> {
        loop {
            let told = self.told;
            let last = *self.last.wait_for(|last| *last > told).await.ok()?;
            let concerns = match &self.run {
                None => true,
                Some(run) => {
                    let events = self.engine.store().events(Some(run.clone()), self.told, 1).await;
                    events.map_or(true, |events| !events.is_empty())
                }
            };
            self.told = last;
            if concerns {
                // What follows at once is told with it.
                tokio::time::sleep(PAUSE).await;
                self.told = *self.last.borrow_and_update();
                return Some(self.told);
            }
        }
    }
}
