//! Accounts.

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use xrdtest_model::Timestamp;
use xrdtest_model::api::Role;

use super::super::rows::int;
use super::super::write::{Session, Write, WriteError};
use super::{at, changed, role};
use crate::access::Account;

const OF_ACCOUNT: &str = "DELETE FROM sessions WHERE account = ?1";

/// Keeps a new account.
pub(super) struct AddAccount {
    pub(super) account: Account,
}

impl Write for AddAccount {
    type Answer = bool;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let Account { name, role, password, by, created } = self.account;
        let done = sqlx::query(
            "INSERT OR IGNORE INTO accounts (name, role, password, made_by, created) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(name)
        .bind(role.as_str())
        .bind(password)
        .bind(by)
        .bind(int(created.as_millis()))
        .execute(session.connection().await?)
        .await?;
        Ok(changed(&done))
    }
}

/// Changes role or password.
pub(super) struct ChangeAccount {
    pub(super) name: String,
    pub(super) role: Option<Role>,
    pub(super) password: Option<String>,
}

impl Write for ChangeAccount {
    type Answer = bool;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let ends_sessions = self.password.is_some();
        let done = sqlx::query(
            "UPDATE accounts SET role = coalesce(?2, role), password = coalesce(?3, password) WHERE name = ?1",
        )
        .bind(&self.name)
        .bind(self.role.map(Role::as_str))
        .bind(self.password)
        .execute(session.connection().await?)
        .await?;
        if ends_sessions {
            sqlx::query(OF_ACCOUNT).bind(&self.name).execute(session.connection().await?).await?;
        }
        Ok(changed(&done))
    }
}

/// Removes an account with its sessions.
pub(super) struct RemoveAccount {
    pub(super) name: String,
}

impl Write for RemoveAccount {
    type Answer = bool;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let done = sqlx::query("DELETE FROM accounts WHERE name = ?1")
            .bind(&self.name)
            .execute(session.connection().await?)
            .await?;
        sqlx::query(OF_ACCOUNT).bind(&self.name).execute(session.connection().await?).await?;
        Ok(changed(&done))
    }
}

pub(super) async fn one(readers: &SqlitePool, name: &str) -> Result<Option<Account>, sqlx::Error> {
    let row =
        sqlx::query("SELECT * FROM accounts WHERE name = ?1").bind(name).fetch_optional(readers).await?;
    row.as_ref().map(account).transpose()
}

pub(super) async fn all(readers: &SqlitePool, now: Timestamp) -> Result<Vec<(Account, u32)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT *, (SELECT count(*) FROM sessions WHERE account = name AND ends > ?1) AS sessions \
         FROM accounts ORDER BY name",
    )
    .bind(int(now.as_millis()))
    .fetch_all(readers)
    .await?;
    rows.iter().map(|row| Ok((account(row)?, row.try_get("sessions")?))).collect()
}

fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        name: row.try_get("name")?,
        role: role(row)?,
        password: row.try_get("password")?,
        by: row.try_get("made_by")?,
        created: at(row, "created")?,
    })
}
