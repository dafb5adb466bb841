//! An engine goes on with the store of an older one.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use xrdtest_engine::daemon::ask::ask;

fn engine(folder: &Path, argument: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest-engine"));
    command.arg("--config").arg(folder.join("engine.toml")).arg(argument).stdin(Stdio::null());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test]
async fn runs_of_then_are_shown_and_what_went_on_ends() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    std::fs::create_dir(at("state")).unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/kept/layout-1.sqlite");
    std::fs::copy(kept, at("state/store.sqlite")).unwrap();
    let config = format!(
        "state = '{0}/state'\nlisten = '127.0.0.1:0'\nsocket = '{0}/sock'\nlog = '{0}/log'\n\
         [contact]\nlate = '100ms'\nlost = '1s'\n",
        folder.path().display()
    );
    std::fs::write(at("engine.toml"), config).unwrap();
    engine(folder.path(), "--background");
    let socket = at("sock");
    let runs = loop {
        let answer = ask(&socket, "GET", "/api/v1/runs", None).await.unwrap();
        let runs: Vec<Value> = serde_json::from_slice(&answer).unwrap();
        if runs[0]["finished"] != Value::Null {
            break runs;
        }
        tokio::task::yield_now().await;
    };
    let verdicts: Vec<_> = runs.iter().map(|run| run["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["error", "failed", "cancelled", "failed"], "{runs:#?}");
    let document = format!("/api/v1/runs/{}", runs[3]["run"].as_str().unwrap());
    let document: Value =
        serde_json::from_slice(&ask(&socket, "GET", &document, None).await.unwrap()).unwrap();
    assert_eq!(document["runs"][0]["stages"].as_array().unwrap().len(), 24);
    engine(folder.path(), "stop");
}
