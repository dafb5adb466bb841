//! [`AccessStore`]: accounts, sessions, tokens of programs, and who has done what.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, AuditFilter, Role};

use crate::Answer;

/// The part of [`Store`](crate::Store) that is about who may do what, and who has done what.
pub trait AccessStore {
    /// Keeps a new account. Answers whether it did: a name is given once.
    fn add_account(&self, account: Account) -> Answer<'_, bool>;

    /// Changes what is given. A new password ends all sessions of the account. Answers whether there is one.
    fn change_account(&self, name: String, role: Option<Role>, password: Option<String>) -> Answer<'_, bool>;

    /// Removes an account, and ends its sessions. Answers whether there was one.
    fn remove_account(&self, name: String) -> Answer<'_, bool>;

    /// One account.
    fn account(&self, name: String) -> Answer<'_, Option<Account>>;

    /// All accounts by name, each with the number of its sessions that are not over.
    fn accounts(&self, now: Timestamp) -> Answer<'_, Vec<(Account, u32)>>;

    /// Begins a session, of an account whose password still is what was looked at; answers whether it did. Sessions that
    /// were over when it was created go.
    fn add_session(&self, session: Session, password: String) -> Answer<'_, bool>;

    /// A session that is not over, with the present role of its account.
    fn session(&self, digest: String, now: Timestamp) -> Answer<'_, Option<(Session, Role)>>;

    /// Lets a session end at another time; one that is not there any more stays so.
    fn prolong_session(&self, digest: String, ends: Timestamp) -> Answer<'_, ()>;

    /// Ends a session.
    fn end_session(&self, digest: String) -> Answer<'_, ()>;

    /// Keeps a token of a program; those that had expired when it was made go.
    fn add_api_token(&self, token: ApiToken) -> Answer<'_, ()>;

    /// A token that is not expired.
    fn api_token(&self, digest: String, now: Timestamp) -> Answer<'_, Option<ApiToken>>;

    /// All tokens of programs that are not expired, newest first.
    fn api_tokens(&self, now: Timestamp) -> Answer<'_, Vec<ApiToken>>;

    /// Notes that a token was used.
    fn note_use(&self, digest: String, at: Timestamp) -> Answer<'_, ()>;

    /// Removes a token of a program.
    fn revoke_api_token(&self, digest: String) -> Answer<'_, bool>;

    /// Notes who has done what, with the next number whatever the entry's. The newest [`AUDIT`] are kept.
    fn note(&self, entry: AuditEntry) -> Answer<'_, ()>;

    /// Who has done what, newest first.
    fn audit(&self, filter: AuditFilter) -> Answer<'_, Vec<AuditEntry>>;
}

/// Entries of who has done what that are kept.
pub const AUDIT: u64 = 100_000;

/// An account as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its password, hashed: a PHC string.
    pub password: String,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, role, by, created, .. } = self;
        let mut shown = f.debug_struct("Account");
        shown.field("name", name).field("role", role).field("by", by).field("created", created);
        shown.finish_non_exhaustive()
    }
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its secret, hexadecimal.
    pub digest: String,
    /// Whose it is.
    pub account: String,
    /// When it began.
    pub created: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
}

/// A token of a program that uses the API, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of its secret, hexadecimal.
    pub digest: String,
    /// Who uses it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// When it was used last, to a minute or so.
    pub used: Option<Timestamp>,
}
