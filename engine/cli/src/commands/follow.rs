//! Follows a run in the engine with the same live view as a local one has.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use xrdtest_engine::OutputChunk;
use xrdtest_model::event::InstanceState;
use xrdtest_model::{AttemptId, Event, EventBody, InstanceId, RunId, Timestamp, Verdict};

use super::cancel;
use super::output::Output;
use crate::client::{Client, Progress, Told, attempts, follow};
use crate::live::Live;
use crate::local::signals::Signals;

/// Outputs that are shown while they grow; a terminal has no more lines.
const SHOWN: usize = 12;
/// Pieces of output that the terminal may be behind.
const BUFFER: usize = 64;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// The run has its verdict.
    Over,
    /// The user wants to go; the run goes on.
    Left,
}

/// Who follows.
pub(super) struct Follower {
    pub(super) client: Client,
    pub(super) signals: Signals,
    /// A signal cancels the run instead of leaving it.
    pub(super) cancels: bool,
    /// A signal has cancelled it.
    pub(super) cancelled: bool,
    /// Instances that runs have left as they are, and until when.
    pub(super) kept: Vec<(InstanceId, Timestamp)>,
}

impl Follower {
    /// Until the run has its verdict, or the user goes. `others`: runs that a signal cancels too.
    pub(super) async fn follow(&mut self, run: &RunId, others: &[RunId]) -> anyhow::Result<Followed> {
        let mut live = Live::new();
        let result = self.watch(run, others, &mut live).await;
        live.close();
        result
    }

    async fn watch(&mut self, run: &RunId, others: &[RunId], live: &mut Live) -> anyhow::Result<Followed> {
        let mut events = follow(&self.client, run);
        let mut progress = Progress::default();
        let mut leaving = Leaving::default();
        let (chunks, mut output) = mpsc::channel(BUFFER);
        let mut outputs = Outputs { client: self.client.clone(), chunks, tasks: JoinSet::new() };
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    if !self.cancels {
                        return Ok(Followed::Left);
                    }
                    let force = std::mem::replace(&mut self.cancelled, true);
                    for run in std::iter::once(run).chain(others) {
                        if let Err(error) = cancel::request(&self.client, run, &format!("signal {signal}"), force).await {
                            live.say(&format!("{run} could not be cancelled: {error}"));
                        }
                    }
                    if !force {
                        live.say("a second signal ends everything at once, without finalize stages");
                    }
                }
                told = events.recv() => match told {
                    Some(Told::Event(event)) => {
                        live.event(&event);
                        progress.apply(&event);
                        live.status(progress.status());
                        if live.shows_output() {
                            outputs.after(&event, &progress);
                        }
                        if leaving.is_over_with(&event.body) {
                            self.kept.append(&mut leaving.kept);
                            return Ok(Followed::Over);
                        }
                    }
                    Some(Told::Away(why)) => {
                        live.say(&format!("no contact to the engine ({why}); asking again until it answers"));
                    }
                    Some(Told::Back) => live.say("the engine answers again"),
                    Some(Told::Failed(error)) => return Err(error.into()),
                    Some(Told::End) | None => return Ok(Followed::Over),
                },
                Some(chunk) = output.recv() => live.output(&chunk),
            }
        }
    }
}

/// What becomes of the instances of a run that is to keep them if it does not pass: told right after its verdict.
#[derive(Debug, Default)]
struct Leaving {
    keeps: bool,
    over: bool,
    instances: BTreeSet<InstanceId>,
    kept: Vec<(InstanceId, Timestamp)>,
}

impl Leaving {
    /// Whether nothing more is to be seen with this event.
    fn is_over_with(&mut self, body: &EventBody) -> bool {
        match body {
            EventBody::RunQueued { plan, .. } => self.keeps = plan.keep_on_failure,
            EventBody::RunPlaced { instances, .. } => {
                self.instances = instances.iter().map(|placed| placed.instance.clone()).collect();
            }
            EventBody::RunFinished { verdict, .. } => {
                self.keeps &= !matches!(verdict, Verdict::Passed | Verdict::Cancelled);
                self.over = true;
            }
            EventBody::InstanceKept { instance, until } => {
                self.instances.remove(instance);
                self.kept.push((instance.clone(), *until));
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopping, .. } => {
                self.instances.remove(instance);
            }
            _ => {}
        }
        self.over && (!self.keeps || self.instances.is_empty())
    }
}

/// The outputs of the present stage, for the live view.
struct Outputs {
    client: Client,
    chunks: mpsc::Sender<OutputChunk>,
    tasks: JoinSet<()>,
}

impl Outputs {
    /// A stage that begins has outputs to show, those of the one before are over.
    fn after(&mut self, event: &Event, progress: &Progress) {
        let EventBody::StageStarted { run, stage, machines } = &event.body else { return };
        let Some(folder) = progress.folder(*stage) else { return };
        self.tasks.abort_all();
        for attempt in attempts(run, *stage, machines).into_iter().take(SHOWN) {
            let output = Output {
                run: run.clone(),
                stage: folder.clone(),
                machine: attempt.machine.host.clone(),
                attempt: attempt.number,
            };
            self.tasks.spawn(show(self.client.clone(), output, attempt, self.chunks.clone()));
        }
    }
}

async fn show(client: Client, output: Output, attempt: AttemptId, chunks: mpsc::Sender<OutputChunk>) {
    let pass_on = |bytes| {
        let chunk = OutputChunk { attempt: attempt.clone(), bytes };
        let chunks = chunks.clone();
        async move { drop(chunks.send(chunk).await) }
    };
    // What can't be shown now can be read afterwards.
    drop(output.read(&client, true, pass_on).await);
}
