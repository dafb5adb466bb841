//! Many runs at once, and few of many machines.

use std::sync::Arc;

use xrdtest_model::{AgentName, EventBody, Metric, Outcome, Verdict};

use super::story::{CASE_RUN, Scribe, Story};
use crate::{CaseVerdict, RunFilter, Store, StoreError};

/// Everything of a run with one case, which has this verdict and states a number on its first machine.
fn told(story: &Story, verdict: Verdict, rate: &str) -> Result<Vec<EventBody>, StoreError> {
    let mut bodies = story.beginning();
    let mut done = story.done(CASE_RUN, Outcome::Passed);
    if let Some(EventBody::StageFinished { result, .. }) = done.first_mut() {
        let metric = |name: &str| {
            Metric::parse(name, rate, "MB/s").map_err(|error| StoreError::Refused(error.to_string()))
        };
        result.metrics = vec![metric("rate")?, metric("rate.total")?];
    }
    bodies.extend(done);
    let run = story.run.clone();
    bodies.push(EventBody::CaseFinished { run, case: 0, verdict, reason: String::new() });
    bodies.extend(story.end());
    Ok(bodies)
}

/// The latest runs of each suite, their cases and numbers; removed runs are none of them.
pub(super) async fn of_many_runs(store: Arc<dyn Store>) -> Result<(), StoreError> {
    assert_eq!(store.latest_runs(3).await?, []);
    let mut scribe = Scribe::default();
    for (index, suite) in ["b", "a", "b", "b", "b"].into_iter().enumerate() {
        let story = Story::new(&format!("r{index}"), suite, 2);
        let verdict = if index == 3 { Verdict::Failed } else { Verdict::Passed };
        store.append(scribe.all(told(&story, verdict, &format!("{index}.5"))?)).await?;
    }
    let latest = store.latest_runs(3).await?;
    let ids: Vec<_> = latest.iter().map(|run| (run.suite.as_str(), run.run.as_str())).collect();
    assert_eq!(ids, [("a", "r1"), ("b", "r4"), ("b", "r3"), ("b", "r2")]);
    assert_eq!(
        latest[1..],
        store.runs(RunFilter { suite: Some("b".into()), limit: 3, ..Default::default() }).await?
    );
    let since = RunFilter { since: Some(latest[2].queued), ..RunFilter::default() };
    assert_eq!(store.runs(since).await?, latest[1..3], "the first time is taken, too");
    assert_eq!(store.verdicts().await?, [(Verdict::Passed, 5)]);
    let case = |run: &str, verdict| CaseVerdict {
        run: run.into(),
        position: 0,
        name: "copy_to".to_owned(),
        verdict,
    };
    let expected = [case("r4", Verdict::Passed), case("r3", Verdict::Failed)];
    assert_eq!(store.cases("b".to_owned(), 2).await?, expected);
    let metrics = store.metrics("b".to_owned(), 2).await?;
    let numbers: Vec<_> =
        metrics.iter().map(|told| (told.run.as_str(), told.name.as_str(), told.value)).collect();
    let expected =
        [("r4", "rate", 4.5), ("r4", "rate.total", 4.5), ("r3", "rate", 3.5), ("r3", "rate.total", 3.5)];
    assert_eq!(numbers, expected);
    assert_eq!((metrics[0].machine.as_str(), metrics[0].unit.as_str()), ("ds1.xrd.test", "MB/s"));
    store.remove_run("r3".into()).await?;
    assert_eq!(store.verdicts().await?, [(Verdict::Passed, 4)]);
    assert_eq!(store.cases("b".to_owned(), 2).await?.len(), 2, "the one before it is told instead");
    assert!(store.metrics("b".to_owned(), 9).await?.iter().all(|told| told.run.as_str() != "r3"));
    store.close().await;
    Ok(())
}

/// Those of the instances that are named, and physical ones, whatever else there is.
pub(super) async fn machines_that_are_asked_for(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let mut scribe = Scribe::default();
    let [one, two] = ["r1", "r10"].map(|run| Story::new(run, "s", 2));
    store.append(scribe.all(one.whole())).await?;
    store.append(scribe.all([two.beginning(), vec![two.begun(CASE_RUN)]].concat())).await?;
    let agent = AgentName::Slave("metal.example.org".to_owned());
    let (software, detail) = ("1".to_owned(), String::new());
    store.append(scribe.all([EventBody::AgentConnected { agent, software, detail }])).await?;
    let all = store.states(xrdtest_model::chronicle::SubjectKind::Slave).await?;
    assert_eq!(all.len(), 5);
    let asked = store.machines(vec![two.instance.clone()]).await?;
    let expected: Vec<_> = all.into_iter().filter(|state| !state.subject.name.starts_with("r1.0/")).collect();
    assert_eq!(asked, expected, "steps are told as well");
    let physical: Vec<_> = store.machines(Vec::new()).await?;
    assert_eq!(physical.len(), 1);
    assert_eq!(physical[0].subject.name, "metal.example.org");
    store.close().await;
    Ok(())
}
