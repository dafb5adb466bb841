//! Records of runs, and the index of what they left.

use std::sync::Arc;

use xrdtest_model::api::{OutputEntry, RunSummary};
use xrdtest_model::event::CollectedLog;
use xrdtest_model::{EventBody, Outcome, RunId, StageId, Timestamp, Verdict};

use super::story::{CASE_RUN, Scribe, Story};
use crate::{RunFilter, Store, StoreError};

async fn record(store: &Arc<dyn Store>, run: &str) -> Result<RunSummary, StoreError> {
    let found = store.run(run.into()).await?;
    found.ok_or_else(|| StoreError::Refused(format!("run {run} has no record")))
}

/// A record tells how far its run is.
pub(super) async fn follow_events(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let story = Story::new("r1", "ts_one", 2);
    let mut scribe = Scribe::default();
    assert_eq!(store.run("r1".into()).await?, None);
    let queued = scribe.one(story.queued());
    store.append(vec![queued.clone()]).await?;
    let mut expected = RunSummary {
        run: "r1".into(),
        suite: "ts_one".to_owned(),
        trigger: "alice".to_owned(),
        queued: queued.at,
        started: None,
        finished: None,
        verdict: None,
        reason: String::new(),
        pinned: false,
        evidence_bytes: 0,
        evidence_removed: None,
        archive: None,
    };
    assert_eq!(record(&store, "r1").await?, expected);
    store.append(scribe.all([story.waiting("full"), story.waiting("still full")])).await?;
    "still full".clone_into(&mut expected.reason);
    assert_eq!(record(&store, "r1").await?, expected);
    store.append(scribe.all([story.placed()])).await?;
    expected.reason.clear();
    assert_eq!(record(&store, "r1").await?, expected, "it does not wait any more");
    let begun = scribe.one(story.begun(StageId::SUITE_INITIALIZE));
    store.append(vec![begun.clone()]).await?;
    store.append(scribe.all(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed))).await?;
    store.append(scribe.all([story.begun(CASE_RUN)])).await?;
    store.append(scribe.all(story.done(CASE_RUN, Outcome::Failed))).await?;
    expected.started = Some(begun.at);
    expected.evidence_bytes = 4 * 1024;
    assert_eq!(record(&store, "r1").await?, expected);
    let over = scribe.one(story.over(Verdict::Failed, "copy_to failed"));
    store.append(vec![over.clone()]).await?;
    expected.finished = Some(over.at);
    expected.verdict = Some(Verdict::Failed);
    "copy_to failed".clone_into(&mut expected.reason);
    assert_eq!(record(&store, "r1").await?, expected);
    store.close().await;
    Ok(())
}

fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter().map(|run| run.run.as_str()).collect()
}

/// Newest first, by suite, verdict, whether over, and page by page.
pub(super) async fn are_found_by_filter(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let mut scribe = Scribe::default();
    let runs =
        [("r1", "a"), ("r2", "b"), ("r3", "a"), ("r4", "a")].map(|(run, suite)| Story::new(run, suite, 1));
    let [one, two, three, four] = &runs;
    store.append(scribe.all(runs.iter().map(Story::queued))).await?;
    let over =
        [one.over(Verdict::Passed, ""), two.over(Verdict::Passed, ""), three.over(Verdict::Failed, "x")];
    store.append(scribe.all(over)).await?;
    let all = RunFilter::default();
    let suite = RunFilter { suite: Some("a".to_owned()), ..all.clone() };
    let third = record(&store, "r3").await?.queued;
    for (filter, expected) in [
        (all.clone(), &["r4", "r3", "r2", "r1"][..]),
        (suite.clone(), &["r4", "r3", "r1"]),
        (RunFilter { over: Some(true), ..suite.clone() }, &["r3", "r1"]),
        (RunFilter { over: Some(false), ..all.clone() }, &["r4"]),
        (RunFilter { verdict: Some(Verdict::Passed), ..all.clone() }, &["r2", "r1"]),
        (RunFilter { verdict: Some(Verdict::Error), ..all.clone() }, &[]),
        (RunFilter { limit: 2, ..all.clone() }, &["r4", "r3"]),
        (RunFilter { before: Some(third), limit: 2, ..all.clone() }, &["r2", "r1"]),
        (RunFilter { before: Some(Timestamp::default()), ..all.clone() }, &[]),
    ] {
        assert_eq!(ids(&store.runs(filter.clone()).await?), expected, "{filter:?}");
    }
    assert_eq!(store.verdicts().await?, [(Verdict::Failed, 1), (Verdict::Passed, 2)]);
    let many = (0..120).map(|index| Story::new(&format!("m{index}"), "many", 1).queued());
    store.append(scribe.all(many)).await?;
    assert_eq!(store.runs(all).await?.len(), 100, "a list has a limit");
    assert_eq!(four.plan.suite, "a");
    store.close().await;
    Ok(())
}

/// Every file by stage, machine and attempt. Stages that were not run have none.
pub(super) async fn index_outputs(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let story = Story::new("r1", "s", 2);
    let mut scribe = Scribe::default();
    store.append(scribe.all(story.beginning())).await?;
    // The last stage first: the order is that of the stages.
    store.append(scribe.all(story.done(StageId::SUITE_FINALIZE, Outcome::NotRun))).await?;
    store.append(scribe.all(story.done(CASE_RUN, Outcome::Passed))).await?;
    store.append(scribe.all(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed))).await?;
    let entry = |stage: &str, machine: &str, log: Option<&str>| {
        let file = match log {
            None => format!("outputs/{stage}/{machine}.log"),
            Some(log) => format!("logs/{stage}/{machine}{log}"),
        };
        OutputEntry {
            stage: stage.to_owned(),
            machine: machine.to_owned(),
            attempt: 1,
            file,
            log: log.map(str::to_owned),
            artifact: None,
            length: if log.is_none() { 1000 } else { 24 },
            complete: true,
        }
    };
    let mut expected = Vec::new();
    for stage in ["01-suite-initialize", "03-copy_to-run"] {
        for machine in ["ds1.xrd.test", "ds2.xrd.test"] {
            expected.push(entry(stage, machine, None));
            expected.push(entry(stage, machine, Some("/var/log/xrootd.log")));
        }
    }
    assert_eq!(store.outputs("r1".into()).await?, expected);
    assert_eq!(store.outputs("r2".into()).await?, []);
    index_artifacts(&store, &mut scribe).await?;
    store.close().await;
    Ok(())
}

/// A script may keep a file that is collected as a log as well.
async fn index_artifacts(store: &Arc<dyn Store>, scribe: &mut Scribe) -> Result<(), StoreError> {
    let story = Story::new("kept", "s", 1);
    store.append(scribe.all(story.beginning())).await?;
    let mut done = story.done(CASE_RUN, Outcome::Passed);
    for body in &mut done {
        if let EventBody::StageFinished { result, .. } = body {
            let log = result.logs[0].clone();
            result.logs.push(CollectedLog { artifact: true, ..log });
        }
    }
    store.append(scribe.all(done)).await?;
    let entries = store.outputs("kept".into()).await?;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.log.as_deref(), entry.artifact.as_deref(), entry.file.split('/').next()))
        .collect();
    let path = Some("/var/log/xrootd.log");
    let expected = [(None, None, "outputs"), (path, None, "logs"), (None, path, "artifacts")];
    assert_eq!(told, expected.map(|(log, artifact, folder)| (log, artifact, Some(folder))));
    Ok(())
}

/// Pins, and what is known of removed evidence.
pub(super) async fn keep_pins_and_archives(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let run = || RunId::from("r1");
    assert!(!store.pin(run(), true).await?, "there is no such run");
    let story = Story::new("r1", "s", 1);
    store.append(Scribe::default().all(story.whole())).await?;
    assert!(store.pin(run(), true).await?);
    assert!(record(&store, "r1").await?.pinned);
    assert!(store.pin(run(), false).await?);
    assert!(!record(&store, "r1").await?.pinned);
    assert!(record(&store, "r1").await?.evidence_bytes > 0);
    let (first, second) = (Timestamp::from_millis(5), Timestamp::from_millis(6));
    store.evidence_removed(run(), first, Some("/archive/r1.tar.zst".to_owned())).await?;
    store.evidence_removed(run(), second, None).await?;
    let after = record(&store, "r1").await?;
    assert_eq!((after.evidence_bytes, after.evidence_removed), (0, Some(first)));
    assert_eq!(after.archive.as_deref(), Some("/archive/r1.tar.zst"), "an archive stays known");
    assert!(!store.outputs(run()).await?.is_empty(), "what there was stays known");
    store.close().await;
    Ok(())
}
