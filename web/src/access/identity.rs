//! Who asks: a user of the engine's machine on its socket, the holder of a token, of a session, or nobody known.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use xrdtest_model::Timestamp;
use xrdtest_model::api::{Role, Via};
use xrdtest_store::access::Session;
use xrdtest_store::{Store, StoreError};

use super::{Access, Visitor, secret};
use crate::api::{Caller, Failure};

/// The name says: only over HTTPS, only to this host, for all paths.
const COOKIE_NAME: &str = "__Host-xrdtest";
/// What the signatures of cookies and of forms are for.
const FOR_SESSION: &str = "session";
const FOR_FORM: &str = "form";
/// A session or token is not written again for being used within this time.
const EXACT_TO: u64 = 60_000;

/// Somebody who asks.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) visitor: Visitor,
    pub(super) via: Via,
    /// What they showed.
    pub(super) proof: Option<Proof>,
}

/// What shows who somebody is for as long as it is good: digests of secrets.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    Session(String),
    Token(String),
}

impl Proof {
    /// Whether it is still good. A store that can't say is believed to know of nothing new.
    pub(super) async fn holds(&self, store: &dyn Store, now: Timestamp) -> bool {
        match self.clone() {
            Self::Session(digest) => store.session(digest, now).await.map_or(true, |it| it.is_some()),
            Self::Token(digest) => store.api_token(digest, now).await.map_or(true, |it| it.is_some()),
        }
    }
}

/// The secret of the session that somebody asks in, for whoever ends it.
#[derive(Clone, Debug)]
pub(crate) struct SessionDigest(pub(crate) String);

/// Finds out who asks.
pub(super) async fn of(
    parts: &Parts,
    access: &Access,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Known, Failure> {
    if let Some(Caller { name }) = parts.extensions.get() {
        return Ok(known(name.clone(), Role::Admin, Via::Socket, None));
    }
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer);
        let holder = match token {
            Some(token) => holder(token, store, now).await?,
            None => None,
        };
        return holder.ok_or_else(|| {
            Failure::new(StatusCode::UNAUTHORIZED, "this token is unknown, expired or revoked")
                .help("an administrator makes one: `xrdtest token new api NAME --role ROLE`")
        });
    }
    if let Some(session) = cookie(&parts.headers).and_then(|value| signed(access, value))
        && let Some(known) = in_session(session, access, store, now).await?
    {
        return Ok(known);
    }
    let visitor = Visitor { role: access.settings.anonymous, ..Visitor::default() };
    Ok(Known { visitor, via: Via::Nobody, proof: None })
}

fn known(name: String, role: Role, via: Via, proof: Option<Proof>) -> Known {
    let visitor = Visitor { name: Some(name), role: Some(role), form_token: String::new() };
    Known { visitor, via, proof }
}

/// The token of `Bearer TOKEN`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(secret::TOKEN_PREFIX)).then_some(token)
}

async fn holder(token: &str, store: &dyn Store, now: Timestamp) -> Result<Option<Known>, StoreError> {
    let Some(token) = store.api_token(secret::digest(token), now).await? else { return Ok(None) };
    if token.used.is_none_or(|used| now.since(used).as_millis() >= u128::from(EXACT_TO)) {
        // It is in the writer's queue; nobody needs to wait for it.
        drop(store.note_use(token.digest.clone(), now));
    }
    Ok(Some(known(token.name, token.role, Via::Token, Some(Proof::Token(token.digest)))))
}

async fn in_session(
    secret: &str,
    access: &Access,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let digest = secret::digest(secret);
    let Some((session, role)) = store.session(digest.clone(), now).await? else { return Ok(None) };
    let ends = access.ends(session.created, now);
    // What was configured since may have made it shorter.
    if ends <= now {
        return Ok(None);
    }
    if ends.as_millis() >= session.ends.as_millis() + EXACT_TO {
        drop(store.prolong_session(digest.clone(), ends));
    }
    let form_token = secret::sign(&access.key, FOR_FORM, secret);
    let visitor = Visitor { name: Some(session.account), role: Some(role), form_token };
    Ok(Some(Known { visitor, via: Via::Session, proof: Some(Proof::Session(digest)) }))
}

/// Whether a form token is that of this visitor; takes as long whatever it is.
pub(super) fn is_form_token(visitor: &Visitor, token: &str) -> bool {
    let digests = [secret::digest(&visitor.form_token), secret::digest(token)];
    !visitor.form_token.is_empty() && digests[0] == digests[1]
}

/// Begins a session of an account whose kept password is `password`; answers the cookie. `None`: the account has changed
/// since, or the system has no random numbers.
pub(super) async fn begin(
    access: &Access,
    store: &dyn Store,
    account: String,
    password: String,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(secret) = secret::random() else { return Ok(None) };
    let (digest, ends) = (secret::digest(&secret), access.ends(now, now));
    let session = Session { digest, account, created: now, ends };
    if !store.add_session(session, password).await? {
        return Ok(None);
    }
    let signature = secret::sign(&access.key, FOR_SESSION, &secret);
    let longest = access.settings.longest.as_secs();
    Ok(Some(format!("{COOKIE_NAME}={secret}.{signature}; {ATTRIBUTES}; Max-Age={longest}")))
}

/// `Lax`: links to runs in messages lead to where they should; what changes something needs more than the cookie.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The cookie that takes a session's place when it is over.
pub(super) const NO_COOKIE: &str = "__Host-xrdtest=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

/// The secret in a cookie that we have signed.
fn signed<'a>(access: &Access, value: &'a str) -> Option<&'a str> {
    let (secret, signature) = value.split_once('.')?;
    secret::is_signed(&access.key, FOR_SESSION, secret, signature).then_some(secret)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::super::Settings;
    use super::*;

    #[test]
    fn a_cookie_is_good_as_it_was_signed_only() {
        let access = |key: u8| Access::new(Settings::default(), &[key; 32]);
        let value = format!("s.{}", secret::sign(&access(1).key, FOR_SESSION, "s"));
        assert_eq!(signed(&access(1), &value), Some("s"));
        assert_eq!(signed(&access(2), &value), None);
        let form = format!("s.{}", secret::sign(&access(1).key, FOR_FORM, "s"));
        for bad in ["", ".", "s", "s.", &form, &value.replace("s.", "t.")] {
            assert_eq!(signed(&access(1), bad), None, "{bad}");
        }
    }

    #[test]
    fn cookies_and_tokens_are_found() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; x__Host-xrdtest=no"));
        headers.append(COOKIE, HeaderValue::from_static("c=d;__Host-xrdtest=yes.1; e"));
        assert_eq!(cookie(&headers), Some("yes.1"));
        assert_eq!(bearer("bearer xrdt_1 "), Some("xrdt_1"));
        assert_eq!((bearer("Basic xrdt_1"), bearer("Bearer 1"), bearer("xrdt_1")), (None, None, None));
    }

    #[test]
    fn nobody_has_a_form_token() {
        let of = |form_token: &str| Visitor { form_token: form_token.to_owned(), ..Visitor::default() };
        assert!(is_form_token(&of("t"), "t"));
        assert!(!is_form_token(&of("t"), "u") && !is_form_token(&of(""), ""));
    }
}
