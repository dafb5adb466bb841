//! `/metrics`: numbers for Prometheus. All but the waits at barriers are read from the present state when they are asked
//! for.

mod text;
mod waits;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use xrdtest_model::Verdict;
use xrdtest_model::api::{DeliveryInfo, EngineInfo, RepositoryInfo, RepositoryState};

pub use self::waits::Waits;

use self::text::{CONTENT_TYPE, Text};
use self::waits::BOUNDS;
use crate::access::Routes;
use crate::api::{Answer, Shared};
use crate::engine::Engine;

/// The route, with nobody before it who looks who asks.
pub(crate) fn metrics(engine: Arc<dyn Engine>) -> Router {
    routes().router().with_state(engine)
}

pub(crate) fn routes() -> Routes {
    Routes::default().route("/metrics", get(scrape))
}

async fn scrape(State(engine): State<Shared>) -> Answer<Response> {
    let verdicts = engine.store().verdicts().await?;
    let info = engine.info();
    let size = size_of_store(Path::new(&info.state)).await;
    let memory = tokio::fs::read_to_string("/proc/self/status").await.unwrap_or_default();
    let mut text = Text::default();
    runs(&mut text, &info, &verdicts);
    waits(&mut text, &engine.waits());
    of_engine(&mut text, &info, size);
    definitions(&mut text, &info, &engine.repositories());
    deliveries(&mut text, &info.deliveries);
    if let Some(bytes) = resident(&memory) {
        text.gauge("process_resident_memory_bytes", "Memory that the engine's process has.", bytes);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.finish()).into_response())
}

fn runs(text: &mut Text, info: &EngineInfo, verdicts: &[(Verdict, u64)]) {
    text.gauge("xrdtest_queue_length", "Runs that wait for a place.", info.runs_waiting);
    text.gauge(
        "xrdtest_queue_paused",
        "Whether somebody has paused the queue.",
        u8::from(info.queue_paused.is_some()),
    );
    text.gauge("xrdtest_runs_running", "Runs that have a place.", info.runs_running);
    text.about("xrdtest_runs", "gauge", "Runs that are over and kept, by verdict.");
    for verdict in [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled] {
        let count = verdicts.iter().find(|(known, _)| *known == verdict).map_or(0, |(_, count)| *count);
        text.sample("xrdtest_runs", &[("verdict", verdict.as_str())], count);
    }
}

fn waits(text: &mut Text, waits: &Waits) {
    let name = "xrdtest_barrier_wait_seconds";
    text.about(name, "histogram", "From the first machine's outcome of a stage to the last one's.");
    let mut total = 0;
    for (bound, count) in BOUNDS.iter().zip(waits.counts) {
        total += count;
        text.sample(&format!("{name}_bucket"), &[("le", &bound.to_string())], total);
    }
    total += waits.counts[BOUNDS.len()];
    text.sample(&format!("{name}_bucket"), &[("le", "+Inf")], total);
    text.sample(&format!("{name}_sum"), &[], std::time::Duration::from_millis(waits.sum_ms).as_secs_f64());
    text.sample(&format!("{name}_count"), &[], total);
}

fn of_engine(text: &mut Text, info: &EngineInfo, size: u64) {
    text.about("xrdtest_agents", "gauge", "Agents in contact, by kind.");
    text.sample("xrdtest_agents", &[("kind", "hypervisor")], info.hypervisors);
    text.sample("xrdtest_agents", &[("kind", "slave")], info.slaves);
    text.gauge("xrdtest_store_bytes", "Bytes of the store's files.", size);
    text.about("xrdtest_events_total", "counter", "Number of the last event of the journal.");
    text.sample("xrdtest_events_total", &[], info.last_event);
    text.about("xrdtest_engine_info", "gauge", "The engine's version; always 1.");
    text.sample("xrdtest_engine_info", &[("version", &info.version)], 1);
    let started = std::time::Duration::from_millis(info.started.as_millis()).as_secs_f64();
    text.gauge("process_start_time_seconds", "When the engine was started, in seconds since 1970.", started);
}

fn definitions(text: &mut Text, info: &EngineInfo, repositories: &[RepositoryInfo]) {
    let found = &info.definitions;
    let errors = found.diagnostics.iter().filter(|found| found.is_error()).count();
    text.about("xrdtest_definitions_loads_total", "counter", "How often definitions were loaded.");
    text.sample("xrdtest_definitions_loads_total", &[], found.generation);
    text.gauge("xrdtest_definitions_errors", "Errors in definitions.", errors);
    text.about("xrdtest_definitions", "gauge", "Definitions that could be evaluated, by kind.");
    text.sample("xrdtest_definitions", &[("kind", "suite")], found.suites);
    text.sample("xrdtest_definitions", &[("kind", "cluster")], found.clusters);
    text.about("xrdtest_repository_state", "gauge", "1 for the state that a repository is in, else 0.");
    for repository in repositories {
        for state in [RepositoryState::Pending, RepositoryState::Good, RepositoryState::Failing] {
            let labels = [("repository", repository.name.as_str()), ("state", &state.to_string())];
            text.sample("xrdtest_repository_state", &labels, u8::from(repository.state == state));
        }
    }
}

/// Mail and webhooks, by target.
fn deliveries(text: &mut Text, deliveries: &[DeliveryInfo]) {
    type Count = fn(&DeliveryInfo) -> u64;
    let numbers: [(&str, &str, &str, Count); 3] = [
        ("xrdtest_deliveries_sent_total", "counter", "What was taken since the engine's start.", |it| {
            it.sent
        }),
        ("xrdtest_deliveries_failed_total", "counter", "What was given up since then.", |it| it.failed),
        ("xrdtest_deliveries_waiting", "gauge", "What is not sent yet.", |it| it.waiting),
    ];
    for (name, kind, help, count) in numbers.into_iter().filter(|_| !deliveries.is_empty()) {
        text.about(name, kind, help);
        for delivery in deliveries {
            text.sample(name, &[("target", &delivery.target)], count(delivery));
        }
    }
}

/// The store's file and its journal's; 0 where there is none.
async fn size_of_store(state: &Path) -> u64 {
    let mut size = 0;
    for name in ["store.sqlite", "store.sqlite-wal"] {
        size += tokio::fs::metadata(state.join(name)).await.map_or(0, |file| file.len());
    }
    size
}

/// `VmRSS:     1234 kB`
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
