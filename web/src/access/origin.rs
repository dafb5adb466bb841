//! Whether a browser was sent by one of our own pages.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};

/// The header by which scripts bring what forms bring in `form_token`.
pub(super) const FORM_TOKEN: &str = "x-xrdtest-form-token";

/// Whether what the browser says of the page that sent it does not name another site. Browsers of this decade say
/// `Sec-Fetch-Site`, older ones `Origin`; what is no browser says neither, and has no cookie that it did not get itself.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (None, _) => true,
        (Some(origin), host) => {
            let at = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            at.is_some() && at == host
        }
    }
}

/// The form token that a request brings: in its header, or in the body of a form.
pub(super) fn form_token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(value) = headers.get(FORM_TOKEN) {
        return value.to_str().ok().map(str::to_owned);
    }
    is_form(headers).then(|| field(body, "form_token")).flatten()
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A field of a form.
pub(crate) fn field(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Where a browser is sent after the login: only to a path of ours, never to what a link from elsewhere has invented.
pub(crate) fn local(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let local = next.starts_with('/') && !next.starts_with("//") && !matches!(path, "/login" | "/logout");
    if plain && local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn pages_of_others_send_nothing() {
        for (pairs, ours) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://engine:20443"), ("host", "engine:20443")], true),
            (&[("origin", "https://engine:20443"), ("host", "engine")], false),
            (&[("origin", "https://engine.evil.example"), ("host", "engine")], false),
            (&[("origin", "null"), ("host", "engine")], false),
            (&[("origin", "https://engine")], false),
        ] {
            assert_eq!(is_ours(&headers(pairs)), ours, "{pairs:?}");
        }
    }

    #[test]
    fn a_form_token_comes_in_a_header_or_in_a_form() {
        let form = headers(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]);
        let json = headers(&[("content-type", "application/json")]);
        let script = headers(&[("x-xrdtest-form-token", "h")]);
        assert_eq!(form_token(&form, b"a=1&form_token=t%3c"), Some("t<".to_owned()));
        assert_eq!(form_token(&json, b"form_token=t"), None);
        assert_eq!(form_token(&script, b""), Some("h".to_owned()));
    }

    #[test]
    fn after_the_login_one_stays_here() {
        for good in ["/", "/runs?suite=a&x=b", "/runs/a/outputs/b#L7", "/loginx"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "runs",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "/a\r\nb",
            "/a b",
            "/ä",
            "/login",
            "/login?next=/",
            "/logout",
            "javascript:alert(1)",
            "/\t/evil.example",
        ] {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }
}
