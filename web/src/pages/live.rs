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
    /// Output that arrives is a change, too.
    #[serde(default)]
    output: bool,
}

/// An event `change` for whatever happened since the last one; its id is the journal's number. It ends with the engine.
pub(super) async fn changes(
    State(engine): State<Shared>,
    Params(which): Params<Which>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // What arrived between the page and this stream is not on the page: so there is a change at once.
    let arrived = which.output.then(|| {
        let mut arrived = engine.output_arrived();
        arrived.mark_changed();
        arrived
    });
    let feed = Feed { last: engine.last_event(), arrived, engine, told: which.after, run: which.run };
    let stream = futures::stream::unfold(feed, |mut feed| async move {
        let number = feed.next().await?;
        Some((Ok(Event::default().id(number.to_string()).event("change").data(number.to_string())), feed))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

struct Feed {
    engine: Shared,
    last: watch::Receiver<u64>,
    /// Counts pieces of output, of whatever run.
    arrived: Option<watch::Receiver<u64>>,
    told: u64,
    run: Option<RunId>,
}

impl Feed {
    /// The number of the last event, when there is one that was not told.
    async fn next(&mut self) -> Option<u64> {
        loop {
            let told = self.told;
            let last = tokio::select! {
                last = self.last.wait_for(|last| *last > told) => Some(*last.ok()?),
                () = arrival(&mut self.arrived) => None,
            };
            let concerns = match (&self.run, last) {
                (None, _) | (_, None) => true,
                (Some(run), Some(_)) => {
                    let events = self.engine.store().events(Some(run.clone()), self.told, 1).await;
                    events.map_or(true, |events| !events.is_empty())
                }
            };
            self.told = last.unwrap_or(self.told);
            if concerns {
                // What follows at once is told with it.
                tokio::time::sleep(PAUSE).await;
                self.told = *self.last.borrow_and_update();
                return Some(self.told);
            }
        }
    }
}

/// Waits for output; for ever where nobody wants to know of it, or none will come.
async fn arrival(arrived: &mut Option<watch::Receiver<u64>>) {
    let came = match arrived {
        Some(arrived) => arrived.changed().await.is_ok(),
        None => false,
    };
    if !came {
        std::future::pending::<()>().await;
    }
}
