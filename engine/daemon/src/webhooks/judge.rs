//! What the answer of a server means.

use std::time::Duration;

use hyper::StatusCode;
use xrdtest_report::webhook::Shape;

use super::http::Answer;
use crate::deliveries::Unsent;

/// Whether a server has taken what it was sent, and if not, whether it may later.
pub(super) fn judge(shape: Shape, way: &str, answer: &Answer) -> Result<(), Unsent> {
    let Answer { status, retry_after, text } = answer;
    if status.is_success() || is_set_already(shape, answer) {
        return Ok(());
    }
    let mut words = format!("{way} answered {status}");
    if status.is_redirection() {
        words.push_str(": redirects are not followed; set `url` to where it leads");
        return Err(Unsent::Hopeless(words));
    }
    if !text.is_empty() {
        words.push_str(&format!(": {text}"));
    }
    match (retry_after, is_passing(*status)) {
        (Some(pause), true) => Err(Unsent::Later(words, *pause)),
        (None, true) => Err(Unsent::Way(words)),
        // So GitHub says that there were too many requests.
        (Some(pause), false) if *status == StatusCode::FORBIDDEN => Err(Unsent::Later(words, *pause)),
        _ => Err(Unsent::Hopeless(words)),
    }
}

/// A trouble of the server's, or one that goes by.
fn is_passing(status: StatusCode) -> bool {
    let going_by = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || going_by.contains(&status)
}

/// GitLab refuses a status that a commit has already, which an engine sends that was killed before it knew.
fn is_set_already(shape: Shape, answer: &Answer) -> bool {
    shape == Shape::Gitlab
        && answer.status == StatusCode::BAD_REQUEST
        && answer.text.contains("Cannot transition status")
}

/// `Retry-After`: seconds, or a date, seen from `now` (in seconds since 1970).
pub(super) fn retry_after(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let at = u64::try_from(date.timestamp().as_second()).ok()?;
    Some(Duration::from_secs(at.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_something() {
        let of = |status: u16, pause: Option<u64>, text: &str, shape: Shape| {
            let retry_after = pause.map(Duration::from_secs);
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, retry_after, text: text.to_owned() };
            match judge(shape, "https://x", &answer) {
                Ok(()) => "taken".to_owned(),
                Err(Unsent::Way(words)) => format!("again: {words}"),
                Err(Unsent::Later(words, pause)) => format!("after {}: {words}", pause.as_secs()),
                Err(Unsent::Refused(words)) => format!("refused: {words}"),
                Err(Unsent::Hopeless(words)) => format!("never: {words}"),
            }
        };
        let refused = "Cannot transition status via :run from :running";
        for (status, pause, text, shape, expected) in [
            (200, None, "ok", Shape::Slack, "taken"),
            (204, None, "", Shape::Xrdtest, "taken"),
            (500, None, "oops", Shape::Xrdtest, "again: https://x answered 500 Internal Server Error: oops"),
            (503, Some(7), "", Shape::Xrdtest, "after 7: https://x answered 503 Service Unavailable"),
            (429, Some(30), "", Shape::Slack, "after 30: https://x answered 429 Too Many Requests"),
            (429, None, "", Shape::Slack, "again: https://x answered 429 Too Many Requests"),
            (408, None, "", Shape::Slack, "again: https://x answered 408 Request Timeout"),
            (410, Some(9), "", Shape::Slack, "never: https://x answered 410 Gone"),
            (404, None, "no_team", Shape::Slack, "never: https://x answered 404 Not Found: no_team"),
            (403, None, "", Shape::Github, "never: https://x answered 403 Forbidden"),
            (403, Some(60), "", Shape::Github, "after 60: https://x answered 403 Forbidden"),
            (400, None, refused, Shape::Gitlab, "taken"),
            (
                400,
                None,
                refused,
                Shape::Github,
                "never: https://x answered 400 Bad Request: Cannot transition status via :run from :running",
            ),
            (
                302,
                None,
                "moved",
                Shape::Xrdtest,
                "never: https://x answered 302 Found: redirects are not followed; set `url` to where it leads",
            ),
        ] {
            assert_eq!(of(status, pause, text, shape), expected);
        }
    }

    #[test]
    fn servers_say_when() {
        let now = 1_795_342_500;
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 22 Nov 2026 12:16:00 GMT", Some(1_795_349_760 - now)),
            ("Sun, 22 Nov 2020 12:16:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}
