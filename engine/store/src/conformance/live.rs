//! What a core is restored from.

use std::sync::Arc;

use xrdtest_model::event::InstanceState;
use xrdtest_model::{AgentName, Event, EventBody, Held, Timestamp, Verdict};

use super::again;
use super::story::{Scribe, Story};
use crate::{RunFilter, Store, StoreError};

fn connected(agent: &AgentName) -> EventBody {
    EventBody::AgentConnected { agent: agent.clone(), software: String::new(), detail: String::new() }
}

fn gone(agent: &AgentName) -> EventBody {
    EventBody::AgentGone { agent: agent.clone(), orderly: true }
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.number).collect()
}

/// The events of an instance that was started by hand are live until it is stopped; those of a run whose instance is kept
/// are until that is.
pub(super) async fn follows_instances_without_a_run<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let mut store = open("without-run").await?;
    let (hand, kept) = (Story::new("hand", "s", 1), Story::new("r1", "s", 1));
    let mut scribe = Scribe::default();
    let by_hand = scribe.all(hand.by_hand());
    let until = Timestamp::from_millis(1);
    let keep = EventBody::InstanceKept { instance: kept.instance.clone(), until };
    let of_run = scribe.all([kept.beginning(), vec![kept.over(Verdict::Failed, "a failed"), keep]].concat());
    for batch in [&by_hand, &of_run] {
        store.append(batch.clone()).await?;
        store = again(open, "without-run", store).await?;
    }
    let all: Vec<u64> = (1..=scribe.one(hand.instance(InstanceState::Stopping)).number - 1).collect();
    assert_eq!(numbers(&store.live_events().await?), all);
    assert_eq!(store.events(Some(hand.instance.as_str().into()), 0, 100).await?, by_hand);
    assert_eq!(store.events(Some("r1".into()), 0, 100).await?, of_run);
    assert_eq!(store.runs(RunFilter::default()).await?.len(), 1, "it is no run");
    let mut scribe = Scribe::after(all.len().try_into().unwrap_or(0));
    store.append(scribe.all([hand.instance(InstanceState::Stopped)])).await?;
    let last = scribe.all([kept.instance(InstanceState::Stopping)]);
    store.append(last.clone()).await?;
    let left = [numbers(&of_run), numbers(&last)].concat();
    assert_eq!(numbers(&store.live_events().await?), left, "only what is kept");
    store.close().await;
    Ok(())
}

/// A run's events are live until it is over and its instances are stopped, an agent's latest one always, and the last.
pub(super) async fn follows_runs_and_instances<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("live").await?;
    let (story, other) = (Story::new("r1", "s", 1), Story::new("r2", "s", 1));
    let (hypervisor, slave) = (AgentName::Hypervisor("hv1".into()), AgentName::Slave("ds9".to_owned()));
    let mut scribe = Scribe::default();
    let contacts = [connected(&hypervisor), connected(&slave), gone(&hypervisor), connected(&hypervisor)];
    store.append(scribe.all(contacts)).await?;
    assert_eq!(numbers(&store.live_events().await?), [2, 4], "the latest of each agent");
    let run = scribe.all(story.beginning());
    store.append(run.clone()).await?;
    let beginning = [vec![2, 4], numbers(&run)].concat();
    assert_eq!(numbers(&store.live_events().await?), beginning);
    let over = scribe.one(story.over(Verdict::Error, "no contact"));
    store.append(vec![over]).await?;
    let stopping = scribe.one(story.instance(InstanceState::Stopping));
    store.append(vec![stopping.clone()]).await?;
    let all: Vec<u64> = beginning.iter().copied().chain([stopping.number - 1, stopping.number]).collect();
    assert_eq!(numbers(&store.live_events().await?), all, "its instance may be left");
    let store = again(open, "live", store).await?;
    assert_eq!(numbers(&store.live_events().await?), all);
    let stopped = scribe.one(story.instance(InstanceState::Stopped));
    store.append(vec![stopped.clone()]).await?;
    assert_eq!(
        numbers(&store.live_events().await?),
        [2, 4, stopped.number],
        "the last event is always there"
    );
    store.append(scribe.all([other.queued(), gone(&slave)])).await?;
    let (queued, left) = (stopped.number + 1, stopped.number + 2);
    let store = again(open, "live", store).await?;
    assert_eq!(numbers(&store.live_events().await?), [4, queued, left]);
    store.close().await;
    Ok(())
}

/// The latest word about what people hold is live, however old it is and whatever is removed.
pub(super) async fn keeps_what_people_hold<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("holds").await?;
    let mut scribe = Scribe::default();
    let queue = |reason: &str| EventBody::HoldBegan {
        on: Held::Queue,
        by: "alice".to_owned(),
        reason: reason.to_owned(),
    };
    let hypervisor = EventBody::HoldBegan {
        on: Held::Hypervisor("hv1".into()),
        by: "bob".to_owned(),
        reason: String::new(),
    };
    store.append(scribe.all([queue("first"), hypervisor, queue("second")])).await?;
    let (one, two) = (Story::new("r1", "s", 1), Story::new("r2", "s", 1));
    store.append(scribe.all([one.whole(), two.whole()].concat())).await?;
    store.remove_run("r1".into()).await?;
    let store = again(open, "holds", store).await?;
    let live = store.live_events().await?;
    assert_eq!(numbers(&live)[..2], [2, 3], "{live:?}");
    let end = EventBody::HoldEnded { on: Held::Queue, by: "alice".to_owned() };
    let end = Scribe::after(live.last().map_or(0, |event| event.number)).one(end);
    store.append(vec![end.clone()]).await?;
    assert_eq!(numbers(&store.live_events().await?), [2, end.number]);
    store.close().await;
    Ok(())
}
