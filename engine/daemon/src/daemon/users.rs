//! Accounts, for the daemon's own commands: of the engine that runs, or of one that does not.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use xrdtest_model::api::{AuditEntry, Role, UserChange, UserInfo, UserRequest, Via};
use xrdtest_store::{SqliteStore, Store};
use xrdtest_web::access::accounts::{self, AccountError};
use xrdtest_web::access::password;

use super::ask::ask;
use super::owner::become_owner;
use crate::clock::Clock;
use crate::config::Config;
use crate::lock::{Lock, holder};

/// What to do with accounts.
pub enum Order {
    /// Lists them.
    List,
    /// Makes one.
    Add(UserRequest),
    /// Changes the one of this name.
    Change(String, UserChange),
    /// Removes the one of this name.
    Remove(String),
}

/// Does it; answers the accounts that it was about.
///
/// # Errors
/// In words for people.
pub async fn carry_out(config: &Config, order: Order) -> anyhow::Result<Vec<UserInfo>> {
    if holder(&config.state).ok().flatten().is_some() {
        return of_running(&config.socket, order).await;
    }
    let by = user();
    become_owner(&config.state)?;
    let lock = Lock::take(&config.state)?;
    let store = SqliteStore::open(&config.state.join("store.sqlite")).await?;
    let done = of_store(&store, order, by).await;
    store.close().await;
    drop(lock);
    Ok(done?)
}

async fn of_running(socket: &Path, order: Order) -> anyhow::Result<Vec<UserInfo>> {
    let of = |name: &str| format!("/api/v1/users/{name}");
    let one = async |method: &str, path: &str, body: Option<Value>| {
        Ok(vec![read(&ask(socket, method, path, body.as_ref()).await?)?])
    };
    match order {
        Order::List => read(&ask(socket, "GET", "/api/v1/users", None).await?),
        Order::Add(request) => one("POST", "/api/v1/users", Some(json!(request))).await,
        Order::Change(name, change) => {
            accounts::check_name(&name)?;
            one("PUT", &of(&name), Some(json!(change))).await
        }
        Order::Remove(name) => {
            accounts::check_name(&name)?;
            one("DELETE", &of(&name), None).await
        }
    }
}

fn read<T: DeserializeOwned>(answer: &Bytes) -> anyhow::Result<T> {
    serde_json::from_slice(answer).context("the engine's answer can't be read")
}

async fn of_store(store: &dyn Store, order: Order, by: String) -> Result<Vec<UserInfo>, AccountError> {
    let now = Clock::new().now();
    let (action, target) = match &order {
        Order::List => return accounts::list(store, now).await,
        Order::Add(request) => ("add", about(&request.name, Some(request.role))),
        Order::Change(name, change) => ("change", about(name, change.role)),
        Order::Remove(name) => ("remove", about(name, None)),
    };
    let done = match order {
        Order::List => return accounts::list(store, now).await,
        Order::Add(UserRequest { name, role, password }) => {
            let hash = password::hash(&password)?;
            accounts::add(store, name, role, hash, by.clone(), now).await?
        }
        Order::Change(name, UserChange { role, password }) => {
            let hash = password.map(|password| password::hash(&password)).transpose()?;
            accounts::change(store, name, role, hash, now).await?
        }
        Order::Remove(name) => accounts::remove(store, name, now).await?,
    };
    let entry = AuditEntry {
        id: 0,
        at: now,
        who: by,
        role: Some(Role::Admin),
        via: Via::Socket,
        address: String::new(),
        action: format!("xrdtest-engine user {action}"),
        target,
        reason: "while no engine ran".to_owned(),
        status: 200,
    };
    store.note(entry).await?;
    Ok(vec![done])
}

fn about(name: &str, role: Option<Role>) -> String {
    role.map_or_else(|| name.to_owned(), |role| format!("{name} role={role}"))
}

/// Whose process this is.
fn user() -> String {
    let user = nix::unistd::geteuid();
    match nix::unistd::User::from_uid(user) {
        Ok(Some(known)) => known.name,
        _ => format!("user {user}"),
    }
}
