//! Suites, clusters, agents, tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use xrdtest_model::definition::{
    AlertPolicy, Catalogue, ClusterDefinition, Forward, NetworkDefinition, Source, SuiteDefinition, Timing,
};
use xrdtest_model::{AgentName, EventBody, MachineId, Timestamp};
use xrdtest_store::Revocation;
use xrdtest_store::conformance::story::Story;
use xrdtest_web::engine::Engine as _;

use crate::access::{Client, closed, text};
use crate::support::TestEngine;

fn source(file: &str) -> Source {
    Source { repository: "/repository".to_owned(), file: file.into(), ..Source::default() }
}

fn suite(name: &str) -> SuiteDefinition {
    SuiteDefinition {
        name: name.to_owned(),
        desc_name: None,
        clusters: vec!["cluster_ds".to_owned()],
        machines: Vec::new(),
        schedule: None,
        timing: Timing::default(),
        tests: Vec::new(),
        initialize: None,
        finalize: None,
        logs: Vec::new(),
        alert_emails: Vec::new(),
        alert_success: AlertPolicy::None,
        alert_failure: AlertPolicy::None,
        core_dumps: Default::default(),
        timeout_ms: None,
        stage_timeout_ms: None,
        tags: BTreeMap::new(),
        source: source("suites/x.rhai"),
    }
}

fn cluster(name: &str) -> ClusterDefinition {
    ClusterDefinition {
        name: name.to_owned(),
        info: None,
        network: NetworkDefinition {
            name: "net".to_owned(),
            bridge_name: None,
            ip: "10.0.0.1".to_owned(),
            netmask: "255.255.255.0".to_owned(),
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::Nat,
            lb_hosts: Vec::new(),
            dhcp_hosts: Vec::new(),
            dns_hosts: Vec::new(),
        },
        hosts: Vec::new(),
        external: false,
        hypervisor: None,
        source: source("clusters/y.rhai"),
    }
}

/// An engine with two suites, of which one ran, and one that is not defined any more.
async fn engine() -> Arc<TestEngine> {
    let engine = TestEngine::start().await;
    let suites = ["ts_copy", "ts_new"].map(|name| (name.to_owned(), Arc::new(suite(name))));
    let clusters = ["cluster_ds", "cluster_new"].map(|name| (name.to_owned(), Arc::new(cluster(name))));
    let (suites, clusters) = (suites.into(), clusters.into());
    *engine.catalogue.lock().unwrap() = Arc::new(Catalogue { suites, clusters, ..Catalogue::default() });
    engine.happen(Story::new("over", "ts_copy", 1).whole()).await;
    engine.happen(Story::new("old", "ts_old", 1).whole()).await;
    engine
}

#[tokio::test]
async fn what_is_broken_is_listed() {
    let engine = TestEngine::start().await;
    let good = cluster("cluster_ds");
    let needs = SuiteDefinition { clusters: vec!["torn".to_owned()], ..suite("needs_torn") };
    let source = |file: &str| Source { broken: true, ..source(file) };
    *engine.catalogue.lock().unwrap() = Arc::new(Catalogue {
        suites: [("needs_torn".to_owned(), Arc::new(needs))].into(),
        clusters: [("cluster_ds".to_owned(), Arc::new(good))].into(),
        unreadable_suites: [("ts_old".to_owned(), source("suites/ts_old.rhai"))].into(),
        unreadable_clusters: [("torn".to_owned(), source("clusters/torn.rhai"))].into(),
        ..Catalogue::default()
    });
    engine.happen(Story::new("old", "ts_old", 1).whole()).await;
    let suites = engine.good("/suites").await;
    assert_eq!(field(&suites, "name"), ["needs_torn", "ts_old"]);
    assert_eq!(field(&suites, "broken"), [true, true]);
    assert_eq!(field(&suites, "defined"), [true, true]);
    let clusters = engine.good("/clusters").await;
    assert_eq!(field(&clusters, "name"), ["cluster_ds", "torn"]);
    assert_eq!(field(&clusters, "broken"), [false, true]);
    for path in ["/suites/ts_old", "/clusters/torn"] {
        let one = engine.good(path).await;
        assert_eq!((&one["broken"], &one["defined"]), (&true.into(), &true.into()), "{one}");
        assert!(one["file"].as_str().is_some_and(|file| file.starts_with("/repository/")), "{one}");
    }
}

fn field<'a>(list: &'a Value, name: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|entry| &entry[name]).collect()
}

#[tokio::test]
async fn suites_with_states_and_history() {
    let engine = engine().await;
    let suites = engine.good("/suites").await;
    assert_eq!(field(&suites, "name"), ["ts_copy", "ts_new", "ts_old"]);
    assert_eq!(field(&suites, "defined"), [true, true, false]);
    assert_eq!(suites[1]["state"]["constant"], "S_DEF_OK");
    assert_eq!(suites[1]["since"], Value::Null);
    assert_eq!(suites[0]["runs"][0]["run"], "over");
    assert_eq!(suites[0]["file"], "/repository/suites/x.rhai");
    let one = engine.good("/suites/ts_copy").await;
    let history = one["history"].as_array().unwrap();
    assert!(history.len() > 3, "{one}");
    assert_eq!(one["state"], history[0]["state"]);
    assert!(
        history.windows(2).all(|pair| pair[0]["event"].as_u64() >= pair[1]["event"].as_u64()),
        "newest first"
    );
    assert_eq!(engine.good("/suites/ts_old").await["defined"], false);
}

#[tokio::test]
async fn clusters_with_instances() {
    let engine = engine().await;
    let clusters = engine.good("/clusters").await;
    assert_eq!(field(&clusters, "name"), ["cluster_ds", "cluster_new"]);
    assert_eq!(clusters[0]["instances"][0]["instance"], "going.0");
    assert_eq!(clusters[1]["state"]["constant"], "S_DEFINED");
    assert_eq!(clusters[1]["instances"], json!([]));
    assert!(!engine.good("/clusters/cluster_ds").await["history"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn agents_that_are_away_are_told_too() {
    let engine = engine().await;
    let connected = |agent: AgentName| EventBody::AgentConnected {
        agent,
        software: "0.0.0".to_owned(),
        detail: "sandbox".to_owned(),
    };
    let away = AgentName::Hypervisor("hv2".into());
    let node = AgentName::Slave("node7.example.org".to_owned());
    engine.happen([connected(away.clone()), EventBody::AgentGone { agent: away, orderly: true }]).await;
    engine.happen([connected(node.clone()), EventBody::AgentGone { agent: node, orderly: false }]).await;
    engine.happen(Story::new("going", "ts_copy", 1).beginning()).await;
    engine.machines.lock().unwrap().push(MachineId::new("going.0".into(), "ds1.xrd.test"));

    let hypervisors = engine.good("/hypervisors").await;
    assert_eq!(field(&hypervisors, "name"), ["hv1", "hv2"]);
    assert_eq!(field(&hypervisors, "connected"), [true, false]);
    assert_eq!(
        (field(&hypervisors, "load"), &hypervisors[0]["labels"], &hypervisors[0]["detail"]),
        (
            vec![&json!({"load_1min_centi": 52, "memory_free_kib": 1, "disk_free_bytes": 2}), &Value::Null],
            &json!(["ssd"]),
            &json!("tcg: there is no /dev/kvm")
        )
    );
    let one = engine.good("/hypervisors/hv2").await;
    assert_eq!(one["state"]["constant"], "S_NOT_CONNECTED");
    assert_eq!(field(&one["history"], "event").len(), 2);

    let slaves = engine.good("/slaves").await;
    assert_eq!(field(&slaves, "name"), ["going.0/ds1.xrd.test", "node7.example.org"]);
    assert_eq!(field(&slaves, "connected"), [true, false]);
    assert_eq!(field(&slaves, "physical"), [false, true]);
    assert_eq!(slaves[0]["run"], "going");
    // Those of runs that are over.
    let all = engine.good("/slaves?all=true").await;
    assert!(field(&all, "name").contains(&&json!("over.0/ds1.xrd.test")), "{all}");
    let one = engine.good("/slaves/going.0/ds1.xrd.test").await;
    assert_eq!(
        (&one["host"], one["history"].as_array().unwrap().is_empty()),
        (&json!("ds1.xrd.test"), false)
    );
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let engine = TestEngine::start().await;
    for agent in ["hypervisor/hv1", "slave/node7.example.org"] {
        let (status, created) = engine.post("/tokens", &json!({ "agent": agent }).to_string()).await;
        assert_eq!((status, &created["token"]), (StatusCode::CREATED, &json!("secret")));
    }
    assert_eq!(engine.asked.lock().unwrap()[0], "alice makes a token for hypervisor/hv1");
    let (status, problem) = engine.post("/tokens", r#"{"agent": "printer/p1"}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["error"].as_str().unwrap().contains("`printer/p1` is not an agent's name"), "{problem}");
    let tokens = engine.good("/tokens").await;
    let mut identities = field(&tokens, "identity");
    identities.sort_by_key(ToString::to_string);
    assert_eq!(identities, ["hypervisor/hv1", "slave/node7.example.org"]);
    assert!(!tokens.to_string().contains("secret"));
    let revoke = async |id: &str| engine.send(Method::DELETE, &format!("/tokens/{id}"), None).await.status();
    assert_eq!(revoke("abcdef").await, StatusCode::CONFLICT);
    assert_eq!(revoke("").await, StatusCode::NOT_FOUND);
    assert_eq!(revoke("a").await, StatusCode::NOT_FOUND);
    assert_eq!(revoke("abcdef01").await, StatusCode::OK);
    assert_eq!(revoke("abcdef01").await, StatusCode::NOT_FOUND);
    assert_eq!(field(&engine.good("/tokens").await, "identity"), ["slave/node7.example.org"]);
}

#[tokio::test]
async fn agents_are_revoked_listed_and_noted() {
    let engine = closed().await;
    let body = r#"{"agent": "hypervisor/hv1", "reason": "sold"}"#;
    let (status, made) = engine.post("/revocations", body).await;
    assert_eq!(
        (status, &made["agent"], &made["reason"]),
        (StatusCode::CREATED, &json!("hypervisor/hv1"), &json!("sold"))
    );
    for (body, status) in [
        (r#"{"agent": "hypervisor/nosuch"}"#, StatusCode::NOT_FOUND),
        (r#"{"agent": "printer/p1"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"agent": "slave/external/node7"}"#, StatusCode::CREATED),
    ] {
        assert_eq!(engine.post("/revocations", body).await.0, status, "{body}");
    }
    let all = engine.good("/revocations").await;
    assert_eq!(field(&all, "agent"), ["hypervisor/hv1", "slave/node7"]);
    assert_eq!(field(&all, "by"), ["alice", "alice"]);
    let agent = AgentName::Hypervisor("hv9".into());
    let (by, reason) = ("bob".to_owned(), "stolen".to_owned());
    let kept = Revocation {
        identity: "xrdtest:hypervisor/hv9".to_owned(),
        at: Timestamp::from_millis(1000),
        void_until: Timestamp::from_millis(2000),
        by: by.clone(),
        reason: reason.clone(),
        joined: None,
    };
    engine.store().revoke(kept).await.unwrap();
    engine.happen([EventBody::AgentRevoked { agent, by, reason }]).await;
    let viewer = Client::logged_in(&engine, "viewer").await;
    let one = engine.good("/hypervisors/hv9").await;
    let told = (&one["state"]["constant"], &one["history"][0]["detail"], &one["connected"]);
    assert_eq!(told, (&json!("S_NOT_CONNECTED"), &json!("revoked by bob: stolen"), &json!(false)), "{one}");
    let said = json!({"agent": "hypervisor/hv9", "at": 1000, "by": "bob", "reason": "stolen"});
    assert_eq!(one["revoked"], said);
    assert_eq!(field(&engine.good("/hypervisors").await, "revoked")[1], &said);
    for path in ["/hypervisors", "/hypervisors/hv9"] {
        let page = text(viewer.get(path).await).await;
        assert!(page.contains("Revoked by bob: stolen, "), "{page}");
    }
    let hv9 = "xrdtest:hypervisor/hv9".to_owned();
    engine.store().joined_anew(hv9, Timestamp::from_millis(3000)).await.unwrap();
    assert_eq!(engine.good("/hypervisors/hv9").await["revoked"], Value::Null);
    assert_eq!(engine.good("/revocations").await[2]["joined"], 3000);
    let noted = engine.good("/audit").await;
    let line = noted.as_array().unwrap().last().unwrap();
    assert_eq!((&line["target"], &line["reason"]), (&json!("hypervisor/hv1"), &json!("sold")), "{line}");
}
