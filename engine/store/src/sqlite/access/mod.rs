//! Accounts, sessions, tokens of programs, and who has done what.

mod accounts;
mod audit;
mod sessions;
mod tokens;

use std::str::FromStr;

use futures::FutureExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, AuditFilter, Role};

use self::accounts::{AddAccount, ChangeAccount, RemoveAccount};
use self::audit::Note;
use self::sessions::{AddSession, EndSession, ProlongSession};
use self::tokens::{AddApiToken, NoteUse, RevokeApiToken};
use super::rows::uint;
use super::{SqliteStore, words};
use crate::access::{Account, ApiToken, Session};
use crate::{AccessStore, Answer, StoreError};

impl AccessStore for SqliteStore {
    fn add_account(&self, account: Account) -> Answer<'_, bool> {
        self.write(AddAccount { account })
    }

    fn change_account(&self, name: String, role: Option<Role>, password: Option<String>) -> Answer<'_, bool> {
        self.write(ChangeAccount { name, role, password })
    }

    fn remove_account(&self, name: String) -> Answer<'_, bool> {
        self.write(RemoveAccount { name })
    }

    fn account(&self, name: String) -> Answer<'_, Option<Account>> {
        async move { self.read(accounts::one(&self.readers, &name).await) }.boxed()
    }

    fn accounts(&self, now: Timestamp) -> Answer<'_, Vec<(Account, u32)>> {
        async move { self.read(accounts::all(&self.readers, now).await) }.boxed()
    }

    fn add_session(&self, session: Session, password: String) -> Answer<'_, bool> {
        self.write(AddSession { session, password })
    }

    fn session(&self, digest: String, now: Timestamp) -> Answer<'_, Option<(Session, Role)>> {
        async move { self.read(sessions::one(&self.readers, &digest, now).await) }.boxed()
    }

    fn prolong_session(&self, digest: String, ends: Timestamp) -> Answer<'_, ()> {
        self.write(ProlongSession { digest, ends })
    }

    fn end_session(&self, digest: String) -> Answer<'_, ()> {
        self.write(EndSession { digest })
    }

    fn add_api_token(&self, token: ApiToken) -> Answer<'_, ()> {
        self.write(AddApiToken { token })
    }

    fn api_token(&self, digest: String, now: Timestamp) -> Answer<'_, Option<ApiToken>> {
        async move { self.read(tokens::one(&self.readers, &digest, now).await) }.boxed()
    }

    fn api_tokens(&self, now: Timestamp) -> Answer<'_, Vec<ApiToken>> {
        async move { self.read(tokens::all(&self.readers, now).await) }.boxed()
    }

    fn note_use(&self, digest: String, at: Timestamp) -> Answer<'_, ()> {
        self.write(NoteUse { digest, at })
    }

    fn revoke_api_token(&self, digest: String) -> Answer<'_, bool> {
        self.write(RevokeApiToken { digest })
    }

    fn note(&self, entry: AuditEntry) -> Answer<'_, ()> {
        self.write(Note { entry })
    }

    fn audit(&self, filter: AuditFilter) -> Answer<'_, Vec<AuditEntry>> {
        async move { self.read(audit::read(&self.readers, filter).await) }.boxed()
    }
}

impl SqliteStore {
    fn read<T>(&self, read: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        read.map_err(|error| words::broken("read", &self.path, &error))
    }
}

/// Whether there was a row to change.
fn changed(done: &SqliteQueryResult) -> bool {
    done.rows_affected() > 0
}

fn at(row: &SqliteRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    Ok(Timestamp::from_millis(uint(row.try_get(column)?)))
}

/// A role that this version does not know is not a right that it could give: that is an error.
fn role(row: &SqliteRow) -> Result<Role, sqlx::Error> {
    let word: &str = row.try_get("role")?;
    Role::from_str(word).map_err(|error| sqlx::Error::Decode(error.into()))
}
