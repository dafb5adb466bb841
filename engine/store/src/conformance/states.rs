//! States in the manual's words.

use std::sync::Arc;

use xrdtest_model::chronicle::{Chronicle, Subject, SubjectKind, Transition};
use xrdtest_model::{Event, EventBody, Outcome, StageId, Timestamp, Verdict};

use super::again;
use super::story::{Scribe, Story};
use crate::{Store, StoreError};

const KINDS: [SubjectKind; 5] =
    [SubjectKind::Suite, SubjectKind::Cluster, SubjectKind::Hypervisor, SubjectKind::Slave, SubjectKind::Job];

/// What the chronicle tells is kept, whenever the store is opened anew in between.
pub(super) async fn have_a_present_and_a_history<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let mut scribe = Scribe::default();
    let mut events = scribe.all(Story::new("r1", "s", 2).whole());
    events.extend(scribe.all(Story::new("r2", "t", 2).whole()));
    // Three runs of one suite side by side: two end in another order than they began, one goes on.
    let side_by_side = ["r3", "r4", "r5"].map(|run| Story::new(run, "u", 2).whole());
    let longest = side_by_side.iter().map(Vec::len).max().unwrap_or(0);
    for (position, run) in (0..longest).flat_map(|position| [(position, 1), (position, 0), (position, 2)]) {
        let ends_early = run == 2 && position >= longest / 2;
        events.extend(scribe.all(side_by_side[run].get(position).filter(|_| !ends_early).cloned()));
    }
    // Two runs that go on; the only news of the older one for a long time is that one of its machines is done.
    let (slow, quick) = (Story::new("r6", "v", 2), Story::new("r7", "v", 2));
    events.extend(scribe.all(slow.beginning()));
    events.extend(scribe.all([slow.begun(StageId::SUITE_INITIALIZE)]));
    events.extend(scribe.all([quick.beginning(), quick.middle()].concat()));
    events.extend(scribe.all(slow.done(StageId::SUITE_INITIALIZE, Outcome::Passed).into_iter().take(1)));
    events.extend(without_run(&mut scribe));
    let mut chronicle = Chronicle::default();
    let told: Vec<Transition> = events.iter().flat_map(|event| chronicle.apply(event)).collect();
    let mut store = open("states").await?;
    for batch in events.chunks(7) {
        store.append(batch.to_vec()).await?;
        store = again(open, "states", store).await?;
    }
    for kind in KINDS {
        let mut names: Vec<&str> = told
            .iter()
            .filter(|told| told.subject.kind == kind)
            .map(|told| told.subject.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut present = Vec::new();
        for name in names {
            let subject = Subject { kind, name: name.to_owned() };
            let of_it = told.iter().rev().filter(|told| told.subject == subject);
            let history: Vec<Transition> = of_it.cloned().collect();
            assert_eq!(store.history(subject.clone(), 1000).await?, history, "newest first");
            for limit in 1..history.len() {
                let newest = store.history(subject.clone(), u32::try_from(limit).unwrap_or(u32::MAX)).await?;
                assert_eq!(Some(newest.as_slice()), history.get(..limit), "{kind:?} {name}");
            }
            present.extend(history.into_iter().next());
        }
        assert_eq!(store.states(kind).await?, present, "{kind:?}");
    }
    let nobody = Subject { kind: SubjectKind::Slave, name: "nobody".to_owned() };
    assert_eq!(store.history(nobody, 10).await?, []);
    store.close().await;
    Ok(())
}

/// An instance that was started by hand, and one that is left of a run.
fn without_run(scribe: &mut Scribe) -> Vec<Event> {
    let (hand, kept) = (Story::new("hand", "s", 2), Story::new("r8", "w", 2));
    let until = Timestamp::from_millis(1);
    let keep = EventBody::InstanceKept { instance: kept.instance.clone(), until };
    let late = |story: &Story| EventBody::MachineLate { machine: story.machine(0) };
    let end = vec![kept.over(Verdict::Failed, "x"), keep, late(&kept), late(&hand)];
    scribe.all([hand.by_hand(), kept.beginning(), kept.middle(), end].concat())
}
