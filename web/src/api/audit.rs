//! Who has done what.

use axum::Json;
use axum::extract::State;
use xrdtest_model::api::{AuditEntry, AuditFilter};

use super::Shared;
use super::extract::{Params, limit};
use super::problem::Answer;

pub(crate) async fn list(
    State(engine): State<Shared>,
    Params(filter): Params<AuditFilter>,
) -> Answer<Json<Vec<AuditEntry>>> {
    let limit = Some(limit(filter.limit, 100, 1000)?);
    Ok(Json(engine.store().audit(AuditFilter { limit, ..filter }).await?))
}
