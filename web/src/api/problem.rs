//! Answers that are not good.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
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
        Self::not_found(format!("there is no run `{run}`")).help("GET /api/v1/runs lists runs")
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

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.problem)).into_response()
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
