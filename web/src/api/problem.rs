//! Answers that are not good.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use xrdtest_model::RunId;
use xrdtest_model::api::Problem;
use xrdtest_store::StoreError;

use crate::access::accounts::AccountError;
use crate::engine::Refusal;

/// A problem with its status code.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    problem: Problem,
}

/// What handlers answer.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// `error`: what is wrong, for people.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let problem = Problem { error: error.into(), help: String::new(), diagnostics: Vec::new() };
        Self { status, problem }
    }

    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    pub(crate) fn unprocessable(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    pub(crate) fn unknown_run(run: &RunId) -> Self {
        Self::not_found(format!("there is no run `{run}`"))
            .help("`xrdtest runs` lists runs (GET /api/v1/runs)")
    }

    /// Its status and its words.
    pub(crate) fn into_parts(self) -> (StatusCode, Problem) {
        (self.status, self.problem)
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.problem.help = help.into();
        self
    }
}

/// The body of an answer that is not good: a problem of RFC 9457, with what our clients know it by.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemDocument {
    /// The version of this document's fields: `xrdtest.problem/1`.
    schema: &'static str,
    /// `about:blank`: the status says which kind of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, for people; the same as `error`.
    detail: String,
    #[serde(flatten)]
    problem: Problem,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, problem } = self;
        let document = ProblemDocument {
            schema: "xrdtest.problem/1",
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: problem.error.clone(),
            problem,
        };
        (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(document)).into_response()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, problem) = match refusal {
            Refusal::Unknown(problem) => (StatusCode::NOT_FOUND, problem),
            Refusal::Invalid(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem),
            Refusal::Conflict(problem) => (StatusCode::CONFLICT, problem),
            Refusal::Unavailable(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
        };
        Self { status, problem }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .help("look at the engine's log, which says what to do; everything that was acknowledged is kept, and machines go on")
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let words = error.to_string();
        match error {
            AccountError::Invalid(_) => Self::unprocessable(words),
            AccountError::Taken(_) => Self::new(StatusCode::CONFLICT, words).help(
                "`xrdtest-engine user list` lists accounts; `user role` and `user password` change one",
            ),
            AccountError::Unknown(_) => {
                Self::not_found(words).help("`xrdtest-engine user list` lists accounts")
            }
            AccountError::Store(error) => error.into(),
        }
    }
}
