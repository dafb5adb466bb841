//! Long lists, a part at a time: the header `Link` leads to the next part.

use axum::Json;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    /// Where there may be more: the address of the next part.
    pub(crate) next: Option<String>,
    pub(crate) items: Vec<T>,
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let link = self.next.map(|next| [(header::LINK, format!("<{next}>; rel=\"next\""))]);
        (link, Json(self.items)).into_response()
    }
}

/// The address of the next part: the same question with another value of one parameter.
pub(crate) fn next(uri: &Uri, name: &str, value: u64) -> String {
    let old = uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let kept = old.filter(|part| part.split('=').next() != Some(name));
    let parts: Vec<String> = kept.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    format!("{}?{}", uri.path(), parts.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_part_is_asked_for_as_this_one_was() {
        for (uri, expected) in [
            ("/api/v1/runs", "/api/v1/runs?before=7"),
            ("/api/v1/runs?suite=a%20b&before=9&limit=2", "/api/v1/runs?suite=a%20b&limit=2&before=7"),
        ] {
            assert_eq!(next(&uri.parse().unwrap(), "before", 7), expected);
        }
    }
}
