//! Accounts: how they are made and changed, by the API and by the engine's own program where no engine runs.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{Role, UserInfo};
use xrdtest_store::access::Account;
use xrdtest_store::{Store, StoreError};

/// Characters of a name, at most.
const LONGEST: usize = 64;

/// Why there is no such account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Name or password can't be one. In words.
    #[error("{0}")]
    Invalid(String),
    /// The name is given.
    #[error("there is an account `{0}` already")]
    Taken(String),
    /// There is none of this name.
    #[error("there is no account `{0}`")]
    Unknown(String),
    /// The store can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether it may be the name of an account or token.
///
/// # Errors
/// In words, what a name is.
pub fn check_name(name: &str) -> Result<(), AccountError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._@-".contains(letter);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST && name.chars().all(plain) {
        return Ok(());
    }
    Err(AccountError::Invalid(format!(
        "`{}` can't be a name: it begins with a letter or digit, and has up to {LONGEST} letters, digits and . _ @ -",
        name.escape_debug()
    )))
}

/// Makes an account. `hash`: what [`hash`](super::password::hash) made of its password. `by`: who asks.
///
/// # Errors
/// [`AccountError`].
pub async fn add(
    store: &dyn Store,
    name: String,
    role: Role,
    hash: String,
    by: String,
    now: Timestamp,
) -> Result<UserInfo, AccountError> {
    check_name(&name)?;
    let account = Account { name: name.clone(), role, password: hash, by, created: now };
    if !store.add_account(account.clone()).await? {
        return Err(AccountError::Taken(name));
    }
    Ok(info(account, 0))
}

/// Changes role or password, the latter as [`hash`](super::password::hash) made it; a new one ends all sessions.
///
/// # Errors
/// [`AccountError`].
pub async fn change(
    store: &dyn Store,
    name: String,
    role: Option<Role>,
    hash: Option<String>,
    now: Timestamp,
) -> Result<UserInfo, AccountError> {
    if !store.change_account(name.clone(), role, hash).await? {
        return Err(AccountError::Unknown(name));
    }
    one(store, name, now).await
}

/// Removes an account, and ends its sessions.
///
/// # Errors
/// [`AccountError`].
pub async fn remove(store: &dyn Store, name: String, now: Timestamp) -> Result<UserInfo, AccountError> {
    let account = one(store, name.clone(), now).await?;
    if store.remove_account(name.clone()).await? { Ok(account) } else { Err(AccountError::Unknown(name)) }
}

/// All accounts, by name.
///
/// # Errors
/// Where the store can't.
pub async fn list(store: &dyn Store, now: Timestamp) -> Result<Vec<UserInfo>, AccountError> {
    let all = store.accounts(now).await?;
    Ok(all.into_iter().map(|(account, sessions)| info(account, sessions)).collect())
}

async fn one(store: &dyn Store, name: String, now: Timestamp) -> Result<UserInfo, AccountError> {
    let found = list(store, now).await?.into_iter().find(|account| account.name == name);
    found.ok_or(AccountError::Unknown(name))
}

fn info(account: Account, sessions: u32) -> UserInfo {
    let Account { name, role, by, created, .. } = account;
    UserInfo { name, role, by, created, sessions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "Alice", "alice.b@example.org", "ci-1_x", "7"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "a/b", "ä", "a\n", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
