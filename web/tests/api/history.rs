//! Many runs told at once.

use axum::http::StatusCode;
use serde_json::{Value, json};
use xrdtest_model::metric::Metric;
use xrdtest_model::{EventBody, Outcome, StageId, Verdict};
use xrdtest_store::conformance::story::{CASE_RUN, Story};

use crate::support::TestEngine;

#[tokio::test]
async fn cases_and_numbers_over_runs() {
    let engine = TestEngine::start().await;
    for (name, verdict, rate) in [("one", Verdict::Passed, "80"), ("two", Verdict::Failed, "60.5")] {
        let story = Story::new(name, "ts_copy", 1);
        engine.happen(story.beginning()).await;
        let mut done = story.done(CASE_RUN, Outcome::Passed);
        if let Some(EventBody::StageFinished { result, .. }) = done.first_mut() {
            result.metrics =
                ["1", rate].map(|rate| Metric::parse("copy.rate", rate, "MB/s").unwrap()).to_vec();
        }
        engine.happen(done).await;
        let (run, reason) = (story.run.clone(), String::new());
        engine.happen([EventBody::CaseFinished { run, case: 0, verdict, reason }]).await;
        engine.happen([story.over(verdict, "")]).await;
    }
    let trends = engine.good("/suites/ts_copy/trends").await;
    assert_eq!(
        (&trends["suite"], &trends["runs"], &trends["recent"]),
        (&json!("ts_copy"), &json!(100), &json!(30))
    );
    let case = json!({"name": "copy_to", "recent": {"failed": 1, "runs": 2}, "all": {"failed": 1, "runs": 2},
        "last_failure": {"run": "two", "verdict": "failed"}});
    assert_eq!(trends["cases"], json!([case]));
    let metric = &trends["metrics"][0];
    assert_eq!((&metric["name"], &metric["unit"]), (&json!("copy.rate"), &json!("MB/s")));
    let points: Vec<_> =
        metric["points"].as_array().unwrap().iter().map(|it| (&it["run"], &it["value"])).collect();
    // Of each run the last number that it stated, the oldest run first.
    assert_eq!(points, [(&json!("one"), &json!(80.0)), (&json!("two"), &json!(60.5))]);
    assert_eq!(engine.get("/suites/nothing/trends").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn suites_that_turned() {
    let engine = TestEngine::start().await;
    for (name, suite, verdict) in [
        ("a1", "ts_copy", Verdict::Passed),
        ("a2", "ts_copy", Verdict::Failed),
        ("b1", "ts_other", Verdict::Failed),
        ("b2", "ts_other", Verdict::Passed),
    ] {
        let story = Story::new(name, suite, 1);
        engine.happen(story.beginning()).await;
        engine.happen([story.over(verdict, "words of the end")]).await;
    }
    let turns = engine.good("/turns?since=0").await;
    let told: Vec<_> =
        turns.as_array().unwrap().iter().map(|it| (&it["suite"], &it["red"], &it["run"])).collect();
    let expected =
        [(json!("ts_other"), json!(false), json!("b2")), (json!("ts_copy"), json!(true), json!("a2"))];
    assert_eq!(told, expected.iter().map(|(suite, red, run)| (suite, red, run)).collect::<Vec<_>>());
    assert_eq!((&turns[1]["verdict"], &turns[1]["reason"]), (&json!("failed"), &json!("words of the end")));
    assert_eq!(engine.good("/turns").await, json!([]), "nothing of it was in the last 24 hours");
    assert_eq!(engine.get("/turns?since=yesterday").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn two_runs_beside_each_other() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("good", "ts_copy", 2).whole()).await;
    let later = Story::new("later", "ts_copy", 3);
    engine.happen(later.beginning()).await;
    engine.happen(later.done(StageId::SUITE_INITIALIZE, Outcome::Failed)).await;
    engine.happen([later.over(Verdict::Failed, "suite initialize failed")]).await;
    let compared = engine.good("/runs/later/comparison").await;
    assert_eq!((&compared["old"]["run"], &compared["new"]["run"]), (&json!("good"), &json!("later")));
    assert_eq!(
        compared,
        engine.good("/runs/later/comparison?with=good").await,
        "the last that passed, if nothing is said"
    );
    assert_eq!(
        compared["definition"],
        json!(["machine ds3.xrd.test is new", "cluster cluster_ds was changed"])
    );
    let first = &compared["stages"][0];
    assert_eq!((&first["case"], &first["stage"]), (&Value::Null, &json!("initialize")));
    assert_eq!((&first["old"]["outcome"], &first["new"]["outcome"]), (&json!("passed"), &json!("failed")));
    let machine = first["machine"].as_str().unwrap();
    assert_eq!((machine, &first["new"]["folder"]), ("ds1.xrd.test", &json!("01-suite-initialize")));
    let stages = compared["stages"].as_array().unwrap();
    assert!(stages.iter().any(|it| it["machine"] == "ds3.xrd.test" && it["old"].is_null()), "{stages:?}");
    assert!(stages.iter().any(|it| it["case"] == "copy_to" && it["new"].is_null()), "{stages:?}");
    let (status, problem) = engine.get("/runs/good/comparison").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["error"].as_str().unwrap().contains("was never run before good"), "{problem}");
    assert_eq!(engine.get("/runs/later/comparison?with=nothing").await.0, StatusCode::NOT_FOUND);
}
