//! Logging in, and out again; another password.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::header::HeaderValue;
use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, Role, Via};
use xrdtest_store::StoreError;
use xrdtest_store::access::Account;

use super::accounts::AccountError;
use super::throttle::Counted;
use super::{Access, accounts, gate, identity};
use crate::api::{Failure, Shared, now};

pub(crate) use super::gate::{From, Noted};
pub(crate) use super::identity::SessionDigest;
pub(crate) use super::origin::{field, local};

/// What became of a login.
#[derive(Debug)]
pub(crate) enum Login {
    /// This cookie is the session.
    Good(HeaderValue),
    /// There is no such account, or it has another password: nobody is told which.
    Wrong,
    /// It was tried too often.
    Wait(Duration),
    /// Too many want to log in at once.
    Busy,
}

/// Begins a session where name and password belong together. What was tried is noted, but for what was not looked at.
pub(crate) async fn log_in(
    engine: &Shared,
    name: String,
    password: String,
    from: Option<IpAddr>,
) -> Result<Login, StoreError> {
    let access = engine.access();
    let mut who = vec![Counted::Account(name.chars().take(64).collect())];
    who.extend(from.map(Counted::address));
    if let Err(wait) = access.throttle().begin(&who, Instant::now()) {
        return Ok(Login::Wait(wait));
    }
    let account = engine.store().account(name).await?;
    let login = look(engine, &access, account.clone(), password).await?;
    if matches!(login, Login::Good(_)) {
        access.throttle().succeeded(&who);
    }
    note(engine, account, &login, from).await;
    Ok(login)
}

async fn look(
    engine: &Shared,
    access: &Access,
    account: Option<Account>,
    password: String,
) -> Result<Login, StoreError> {
    let kept = account.as_ref().map(|account| account.password.clone());
    match (access.fits(password, kept).await, account) {
        (None, _) => Ok(Login::Busy),
        (Some(true), Some(Account { name, password, .. })) => {
            let cookie = identity::begin(access, &*engine.store(), name, password, now()).await?;
            Ok(cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()).map_or(Login::Wrong, Login::Good))
        }
        _ => Ok(Login::Wrong),
    }
}

/// What is not the name of an account is not noted: it may be a password in the wrong field.
async fn note(engine: &Shared, account: Option<Account>, login: &Login, from: Option<IpAddr>) {
    let (good, status) = match login {
        Login::Good(_) => (true, 303),
        Login::Wrong => (false, 401),
        Login::Wait(_) => (false, 429),
        Login::Busy => (false, 503),
    };
    let (name, role): (String, Option<Role>) =
        account.map(|account| (account.name, Some(account.role))).unwrap_or_default();
    let entry = AuditEntry {
        id: 0,
        at: Timestamp::default(),
        who: if good { name.clone() } else { String::new() },
        role: role.filter(|_| good),
        via: if good { Via::Session } else { Via::Nobody },
        address: from.map(|address| address.to_string()).unwrap_or_default(),
        action: "POST /login".to_owned(),
        target: name,
        reason: String::new(),
        status,
    };
    gate::note(engine, entry).await;
}

/// What became of a wish for another password.
#[derive(Debug)]
pub(crate) enum Changed {
    /// All sessions of the account have ended; this cookie is a new one.
    Good(HeaderValue),
    /// The new one can't be a password. In words.
    Unfit(String),
    /// The present one is another.
    Wrong,
    /// It was tried too often.
    Wait(Duration),
    /// Too many want to log in at once.
    Busy,
}

/// Gives an account another password where the present one is known: as hard to guess as for logging in.
pub(crate) async fn change_password(
    engine: &Shared,
    name: String,
    password: String,
    new: String,
    from: Option<IpAddr>,
) -> Result<Changed, Failure> {
    match log_in(engine, name.clone(), password, from).await? {
        Login::Good(_) => {}
        Login::Wrong => return Ok(Changed::Wrong),
        Login::Wait(wait) => return Ok(Changed::Wait(wait)),
        Login::Busy => return Ok(Changed::Busy),
    }
    let access = engine.access();
    let hash = match access.hash(new).await {
        Ok(hash) => hash,
        Err(AccountError::Invalid(words)) => return Ok(Changed::Unfit(words)),
        Err(error) => return Err(error.into()),
    };
    let store = engine.store();
    accounts::change(&*store, name.clone(), None, Some(hash.clone()), now()).await?;
    let cookie = identity::begin(&access, &*store, name, hash, now()).await?;
    Ok(cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()).map_or(Changed::Wrong, Changed::Good))
}

/// Ends a session; answers the cookie that takes its place.
pub(crate) async fn log_out(
    engine: &Shared,
    session: Option<SessionDigest>,
) -> Result<HeaderValue, StoreError> {
    if let Some(SessionDigest(digest)) = session {
        engine.store().end_session(digest).await?;
    }
    Ok(HeaderValue::from_static(identity::NO_COOKIE))
}
