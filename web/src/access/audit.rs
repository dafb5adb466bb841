//! What is noted of a request to change something.

use std::net::IpAddr;

use axum::http::Uri;
use axum::http::request::Parts;
use serde_json::Value;
use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, Via};

use super::Visitor;
use super::origin::is_form;

/// What a body or query says of what it is about. Nothing else of it is noted: there may be secrets.
const ABOUT: [&str; 10] =
    ["suite", "cluster", "name", "agent", "run", "runs", "instance", "repository", "hypervisor", "log_level"];
/// What it says of what is to be.
const HOW: [&str; 6] = ["role", "paused", "pinned", "force", "older_than_s", "keep_on_failure"];
const WHY: &str = "reason";
/// Characters that are kept of anything.
const LONGEST: usize = 200;

/// An entry without its end. `route`: the route that it was led to.
pub(super) fn entry(
    parts: &Parts,
    route: Option<&str>,
    body: &[u8],
    visitor: &Visitor,
    via: Via,
    address: Option<IpAddr>,
) -> AuditEntry {
    let said = said(parts, body);
    let one = |name: &str| said.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let about = ABOUT.iter().filter_map(|name| one(name)).map(str::to_owned);
    let how = HOW.iter().filter_map(|name| Some(format!("{name}={}", one(name)?)));
    let target: Vec<String> = in_path(route, &parts.uri).into_iter().chain(about).chain(how).collect();
    AuditEntry {
        id: 0,
        at: Timestamp::default(),
        who: visitor.name.clone().unwrap_or_default(),
        role: visitor.role,
        via,
        address: address.map(|address| address.to_string()).unwrap_or_default(),
        action: cut(&format!("{} {}", parts.method, parts.uri.path())),
        target: cut(&target.join(" ")),
        reason: cut(one(WHY).unwrap_or_default()),
        status: 0,
    }
}

/// What stands in the path where the route has a name for it.
fn in_path(route: Option<&str>, uri: &Uri) -> Vec<String> {
    let Some(route) = route else { return Vec::new() };
    let (mut names, mut parts) = (route.split('/'), uri.path().split('/'));
    let mut found = Vec::new();
    while let (Some(name), Some(part)) = (names.next(), parts.next()) {
        if name.starts_with("{*") {
            found.push(std::iter::once(part).chain(parts.by_ref()).collect::<Vec<_>>().join("/"));
        } else if name.starts_with('{') {
            found.push(part.to_owned());
        }
    }
    found
}

/// Names and values of query and body.
fn said(parts: &Parts, body: &[u8]) -> Vec<(String, String)> {
    let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
    let mut said = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    if is_form(&parts.headers) {
        said.extend(pairs(body));
    } else if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        said.extend(object.into_iter().filter_map(|(name, value)| Some((name, words(&value)?))));
    }
    said
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(all) => Some(all.iter().filter_map(words).collect::<Vec<_>>().join(" ")),
        Value::Null | Value::Object(_) => None,
    }
    .filter(|text| !text.is_empty())
}

/// Short, and on one line whatever somebody has sent.
fn cut(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn of(uri: &str, route: &str, form: bool, body: &str) -> (String, String, String) {
        let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let request = Request::post(uri).header("content-type", kind).body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let noted = entry(&parts, Some(route), body.as_bytes(), &Visitor::default(), Via::Nobody, None);
        (noted.action, noted.target, noted.reason)
    }

    #[test]
    fn it_says_what_it_is_about_and_no_secret() {
        let user = r#"{"name": "bob", "role": "admin", "password": "geheim geheim"}"#;
        for (uri, route, form, body, target, reason) in [
            (
                "/runs",
                "/runs",
                false,
                r#"{"suite": "a", "reason": "try\nit", "cases": ["x"]}"#,
                "a",
                "try it",
            ),
            ("/runs/r1/cancel", "/runs/{run}/cancel", false, r#"{"force": true}"#, "r1 force=true", ""),
            ("/queue/r1?reason=too+late", "/queue/{run}", false, "", "r1", "too late"),
            ("/slaves/a/b", "/slaves/{*name}", false, "{torn", "a/b", ""),
            ("/x", "/x", true, "suite=a&reason=b%20c&form_token=t", "a", "b c"),
            ("/users", "/users", false, user, "bob role=admin", ""),
            (
                "/runs/archive",
                "/runs/archive",
                false,
                r#"{"runs": ["a", "b"], "older_than_s": null}"#,
                "a b",
                "",
            ),
        ] {
            let action = format!("POST {}", uri.split('?').next().unwrap());
            assert_eq!(of(uri, route, form, body), (action, target.to_owned(), reason.to_owned()), "{uri}");
        }
    }

    #[test]
    fn it_is_short() {
        let long = format!(r#"{{"suite": "{}"}}"#, "ä".repeat(5000));
        assert_eq!(of("/runs", "/runs", false, &long).1.chars().count(), LONGEST);
    }
}
