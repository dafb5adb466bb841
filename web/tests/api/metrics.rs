//! `/metrics`.

use axum::http::{Request, StatusCode, header};
use xrdtest_store::conformance::story::Story;

use crate::support::TestEngine;

#[tokio::test]
async fn numbers_are_told_as_prometheus_reads_them() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("over", "ts_copy", 2).whole()).await;
    let request = Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    let answer = engine.request(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for line in [
        "xrdtest_queue_length 0",
        "xrdtest_runs{verdict=\"passed\"} 1",
        "xrdtest_runs{verdict=\"cancelled\"} 0",
        "xrdtest_barrier_wait_seconds_bucket{le=\"+Inf\"} 5",
        "xrdtest_barrier_wait_seconds_count 5",
        "xrdtest_agents{kind=\"slave\"} 0",
        "xrdtest_deliveries_sent_total{target=\"webhook/ci\"} 2",
        "xrdtest_deliveries_failed_total{target=\"webhook/ci\"} 1",
        "xrdtest_deliveries_waiting{target=\"webhook/ci\"} 3",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    assert!(
        text.contains("\nprocess_resident_memory_bytes ") && text.contains("\nxrdtest_store_bytes "),
        "{text}"
    );
}
