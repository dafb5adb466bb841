//! When somebody was here before: what is new to them. A cookie says it, so that nobody need have an account.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use xrdtest_model::Timestamp;

use crate::api::turns::DAY;

const COOKIE: &str = "xrdtest_visit";
/// Pages that are read within this time of each other are one visit.
const PAUSE: Duration = Duration::from_secs(30 * 60);

/// One visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// The end of the visit before; `None`: there was none.
    before: Option<Timestamp>,
    now: Timestamp,
}

impl Visit {
    /// What the browser brings along says when that was.
    pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut all = cookies.flat_map(|value| value.split(';')).map(str::trim);
        let ours = all.find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='));
        let Some((before, last)) = ours.and_then(|value| value.split_once('.')) else {
            return Self { before: None, now };
        };
        let time = |text: &str| text.parse().ok().filter(|at| *at > 0).map(Timestamp::from_millis);
        let before = match time(last) {
            Some(last) if now.since(last) > PAUSE => Some(last),
            _ => time(before),
        };
        Self { before, now }
    }

    /// What happened after this time is new.
    pub(super) fn since(self) -> Timestamp {
        self.before.unwrap_or_else(|| self.now.before(DAY))
    }

    /// Whether there was a visit before.
    pub(super) fn again(self) -> bool {
        self.before.is_some()
    }

    /// What the browser is to bring along the next time.
    pub(super) fn cookie(self) -> HeaderValue {
        let before = self.before.map_or(0, Timestamp::as_millis);
        let value = format!(
            "{COOKIE}={before}.{}; Path=/; Max-Age=31536000; SameSite=Lax; Secure; HttpOnly",
            self.now.as_millis()
        );
        HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_795_342_500_000 + minutes * 60_000)
    }

    /// The next request of the same browser.
    fn later(visit: Visit, now: Timestamp) -> Visit {
        let mut headers = HeaderMap::new();
        let cookie = visit.cookie();
        let value = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        headers.insert(header::COOKIE, format!("other=1; {value}").parse().unwrap());
        Visit::read(&headers, now)
    }

    #[test]
    fn a_visit_goes_on_while_pages_are_read() {
        let first = Visit::read(&HeaderMap::new(), at(0));
        assert!(!first.again() && first.since() == at(0).before(DAY));
        let still = later(first, at(20));
        assert!(!still.again(), "the page was only brought up to date");
        let second = later(still, at(120));
        assert!(second.again() && second.since() == at(20));
        let third = later(later(second, at(140)), at(160));
        assert_eq!(third.since(), at(20), "the second visit goes on");
    }

    #[test]
    fn nonsense_is_no_visit() {
        for cookie in ["xrdtest_visit=", "xrdtest_visit=x.y", "xrdtest_visit=1", "xrdtest_visitor=1.2"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            assert!(!Visit::read(&headers, at(0)).again(), "{cookie}");
        }
    }
}
