//! The events of a run as they happen, over restarts of the engine.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use xrdtest_model::{Event, InstanceId, RunId};

use super::sse::{Message, Reader};
use super::{Client, ClientError, part};

/// Events that a slow reader may be behind; then the connection waits.
const BUFFER: usize = 64;
/// The first pause before the engine is asked again, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What a stream tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// Something happened.
    Event(Box<Event>),
    /// The engine is out of contact; it is asked again until it answers.
    Away(String),
    /// The engine answers again.
    Back,
    /// The run is over, if there is one, and nothing is left of its machines.
    End,
    /// It can't be told any more.
    Failed(ClientError),
}

/// Follows a run from its first event on, until the receiver is dropped.
pub(crate) fn follow(client: &Client, run: &RunId) -> mpsc::Receiver<Told> {
    stream(client, format!("/runs/{}/events", part(run.as_str())))
}

/// The same of an instance.
pub(crate) fn follow_instance(client: &Client, instance: &InstanceId) -> mpsc::Receiver<Told> {
    stream(client, format!("/instances/{}/events", part(instance.as_str())))
}

fn stream(client: &Client, path: String) -> mpsc::Receiver<Told> {
    let (sender, receiver) = mpsc::channel(BUFFER);
    let reader = Stream { client: client.clone(), path, after: 0, sender };
    tokio::spawn(reader.go());
    receiver
}

/// Nobody listens any more, or there is nothing to come.
struct Over;

struct Stream {
    client: Client,
    path: String,
    /// The last event that was told.
    after: u64,
    sender: mpsc::Sender<Told>,
}

impl Stream {
    async fn go(mut self) {
        let mut pause = None;
        loop {
            let path = format!("{}?after={}", self.path, self.after);
            let failed = match self.client.stream(&path, "text/event-stream").await {
                Ok(body) => {
                    if pause.take().is_some() && self.tell(Told::Back).await.is_err() {
                        return;
                    }
                    match self.read(body).await {
                        Ok(why) => why,
                        Err(Over) => return,
                    }
                }
                Err(error) if error.may_pass() => error.to_string(),
                Err(error) => {
                    let _ = self.tell(Told::Failed(error)).await;
                    return;
                }
            };
            if pause.is_none() && self.tell(Told::Away(failed)).await.is_err() {
                return;
            }
            let now = next_pause(pause);
            pause = Some(now);
            tokio::select! {
                () = tokio::time::sleep(now) => {}
                () = self.sender.closed() => return,
            }
        }
    }

    async fn tell(&self, told: Told) -> Result<(), Over> {
        self.sender.send(told).await.map_err(|_| Over)
    }

    /// Reads until the connection ends; answers why it did.
    async fn read(&mut self, mut body: Incoming) -> Result<String, Over> {
        let mut reader = Reader::default();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = self.sender.closed() => return Err(Over),
            };
            let piece = match frame {
                None => return Ok("it closed the connection".to_owned()),
                Some(Err(error)) => return Ok(error.to_string()),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            for message in reader.push(&piece) {
                self.take(&message).await?;
            }
        }
    }

    async fn take(&mut self, message: &Message) -> Result<(), Over> {
        if message.event == "end" {
            let _ = self.tell(Told::End).await;
            return Err(Over);
        }
        if let Ok(number) = message.id.parse() {
            self.after = number;
        }
        // A kind of event that this version does not know is no news for its user.
        match serde_json::from_str(&message.data) {
            Ok(event) => self.tell(Told::Event(event)).await,
            Err(_) => Ok(()),
        }
    }
}

fn next_pause(last: Option<Duration>) -> Duration {
    last.map_or(PAUSE.0, |last| (last * 2).min(PAUSE.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_has_an_end() {
        let pauses = std::iter::successors(Some(next_pause(None)), |last| Some(next_pause(Some(*last))));
        let seconds: Vec<_> = pauses.take(7).map(|pause| pause.as_secs_f32()).collect();
        assert_eq!(seconds, [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]);
    }
}
