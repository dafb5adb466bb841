//! Pages that say why there is not the page that was asked for.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::shell::Shell;
use crate::api::Failure;

/// Why there is no page, with what to do.
#[derive(Debug)]
pub(super) struct PageFailure {
    status: StatusCode,
    error: String,
    help: String,
}

/// What handlers of pages answer.
pub(super) type PageAnswer<T> = Result<T, PageFailure>;

impl PageFailure {
    pub(super) fn not_found(error: String) -> Self {
        let help = "Start from the overview, or from the lists in the head of this page.".to_owned();
        Self { status: StatusCode::NOT_FOUND, error, help }
    }

    pub(super) fn wrong_method(method: &Method, path: &str) -> Self {
        let error = format!("{path} does not take {method}.");
        let help = "Pages are read with GET; programs ask below /api/v1.".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error, help }
    }
}

impl From<Failure> for PageFailure {
    fn from(failure: Failure) -> Self {
        let (status, problem) = failure.into_parts();
        Self { status, error: problem.error, help: problem.help }
    }
}

impl From<xrdtest_store::StoreError> for PageFailure {
    fn from(error: xrdtest_store::StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let what = self.status.canonical_reason().unwrap_or("Error");
        let page = Shell::new(what).render(&html! {
            section.panel.failure {
                p.code { (self.status.as_u16()) " " (what) }
                p { (self.error) }
                @if !self.help.is_empty() { p.quiet { (self.help) } }
                p { a href="/" { "Overview" } }
            }
        });
        (self.status, page).into_response()
    }
}
