//! Tokens of programs that use the API.

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use xrdtest_model::Timestamp;

use super::super::read::time;
use super::super::rows::int;
use super::super::write::{Session, Write, WriteError};
use super::{at, changed, role};
use crate::access::ApiToken;

/// Keeps a token.
pub(super) struct AddApiToken {
    pub(super) token: ApiToken,
}

impl Write for AddApiToken {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let ApiToken { digest, name, role, by, created, expires, used } = self.token;
        sqlx::query("DELETE FROM api_tokens WHERE expires <= ?1")
            .bind(int(created.as_millis()))
            .execute(session.connection().await?)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO api_tokens (digest, name, role, made_by, created, expires, used) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(digest)
        .bind(name)
        .bind(role.as_str())
        .bind(by)
        .bind(int(created.as_millis()))
        .bind(int(expires.as_millis()))
        .bind(used.map(|used| int(used.as_millis())))
        .execute(session.connection().await?)
        .await?;
        Ok(())
    }
}

/// Notes that a token was used.
pub(super) struct NoteUse {
    pub(super) digest: String,
    pub(super) at: Timestamp,
}

impl Write for NoteUse {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("UPDATE api_tokens SET used = ?2 WHERE digest = ?1")
            .bind(self.digest)
            .bind(int(self.at.as_millis()))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

/// Removes a token.
pub(super) struct RevokeApiToken {
    pub(super) digest: String,
}

impl Write for RevokeApiToken {
    type Answer = bool;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let done = sqlx::query("DELETE FROM api_tokens WHERE digest = ?1")
            .bind(self.digest)
            .execute(session.connection().await?)
            .await?;
        Ok(changed(&done))
    }
}

pub(super) async fn one(
    readers: &SqlitePool,
    digest: &str,
    now: Timestamp,
) -> Result<Option<ApiToken>, sqlx::Error> {
    let row = sqlx::query("SELECT * FROM api_tokens WHERE digest = ?1 AND expires > ?2")
        .bind(digest)
        .bind(int(now.as_millis()))
        .fetch_optional(readers)
        .await?;
    row.as_ref().map(token).transpose()
}

pub(super) async fn all(readers: &SqlitePool, now: Timestamp) -> Result<Vec<ApiToken>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM api_tokens WHERE expires > ?1 ORDER BY created DESC, digest")
        .bind(int(now.as_millis()))
        .fetch_all(readers)
        .await?;
    rows.iter().map(token).collect()
}

fn token(row: &SqliteRow) -> Result<ApiToken, sqlx::Error> {
    Ok(ApiToken {
        digest: row.try_get("digest")?,
        name: row.try_get("name")?,
        role: role(row)?,
        by: row.try_get("made_by")?,
        created: at(row, "created")?,
        expires: at(row, "expires")?,
        used: time(row, "used")?,
    })
}
