//! Join tokens.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use xrdtest_model::Timestamp;

use super::rows::{insert, int, uint};
use super::write::{Session, Write, WriteError};
use crate::{Revocation, TokenPrefix, TokenRecord};

/// Keeps tokens; those that were expired when the first of them was made go.
#[derive(Debug)]
pub(super) struct AddTokens {
    pub(super) tokens: Vec<TokenRecord>,
}

impl Write for AddTokens {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        if let Some(now) = self.tokens.iter().map(|token| token.created).min() {
            sqlx::query("DELETE FROM tokens WHERE expires <= ?1")
                .bind(int(now.as_millis()))
                .execute(session.connection().await?)
                .await?;
        }
        let statement =
            ("INSERT OR REPLACE INTO tokens (digest, identity, made_by, created, expires, used)", "");
        insert(session.connection().await?, statement, &self.tokens, |columns, token| {
            columns.push_bind(token.digest.clone()).push_bind(token.identity.clone());
            columns.push_bind(token.by.clone()).push_bind(int(token.created.as_millis()));
            columns.push_bind(int(token.expires.as_millis()));
            columns.push_bind(token.used.map(|used| int(used.as_millis())));
        })
        .await?;
        Ok(())
    }
}

/// Uses a token up.
#[derive(Debug)]
pub(super) struct UseToken {
    pub(super) digest: String,
    pub(super) key: String,
    pub(super) now: Timestamp,
}

impl Write for UseToken {
    type Answer = Option<String>;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<Option<String>, WriteError> {
        let identity: Option<(String,)> = sqlx::query_as(
            "UPDATE tokens SET used = coalesce(used, ?3), used_key = ?2 \
             WHERE digest = ?1 AND expires > ?3 AND (used_key IS NULL AND used IS NULL OR used_key = ?2) \
             RETURNING identity",
        )
        .bind(self.digest)
        .bind(self.key)
        .bind(int(self.now.as_millis()))
        .fetch_optional(session.connection().await?)
        .await?;
        Ok(identity.map(|(identity,)| identity))
    }
}

/// Removes tokens; answers how many.
#[derive(Debug)]
pub(super) struct RevokeTokens {
    pub(super) prefix: TokenPrefix,
}

impl Write for RevokeTokens {
    type Answer = u64;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<u64, WriteError> {
        let (statement, prefix) = match self.prefix {
            TokenPrefix::Identity(prefix) => {
                ("DELETE FROM tokens WHERE substr(identity, 1, length(?1)) = ?1", prefix)
            }
            TokenPrefix::Digest(prefix) => {
                ("DELETE FROM tokens WHERE substr(digest, 1, length(?1)) = ?1", prefix)
            }
        };
        let done = sqlx::query(statement).bind(prefix).execute(session.connection().await?).await?;
        Ok(done.rows_affected())
    }
}

/// Keeps that certificates are void, and removes the tokens for new ones.
#[derive(Debug)]
pub(super) struct Revoke {
    pub(super) revocation: Revocation,
}

impl Write for Revoke {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let Revocation { identity, at, void_until, by, reason, joined } = self.revocation;
        sqlx::query("DELETE FROM tokens WHERE identity = ?1")
            .bind(&identity)
            .execute(session.connection().await?)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO revocations (identity, at, made_by, reason, void_until, joined) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(identity)
        .bind(int(at.as_millis()))
        .bind(by)
        .bind(reason)
        .bind(int(void_until.as_millis()))
        .bind(joined.map(|joined| int(joined.as_millis())))
        .execute(session.connection().await?)
        .await?;
        Ok(())
    }
}

/// Keeps that an agent is in contact again.
#[derive(Debug)]
pub(super) struct JoinAnew {
    pub(super) identity: String,
    pub(super) at: Timestamp,
}

impl Write for JoinAnew {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("UPDATE revocations SET joined = ?2 WHERE identity = ?1 AND joined IS NULL")
            .bind(self.identity)
            .bind(int(self.at.as_millis()))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

/// A row of all columns of [`Revocation`].
pub(super) fn revocation_from_row(row: &SqliteRow) -> Result<Revocation, sqlx::Error> {
    let time = |millis: i64| Timestamp::from_millis(uint(millis));
    Ok(Revocation {
        identity: row.try_get("identity")?,
        at: time(row.try_get("at")?),
        void_until: time(row.try_get("void_until")?),
        by: row.try_get("made_by")?,
        reason: row.try_get("reason")?,
        joined: row.try_get::<Option<i64>, _>("joined")?.map(time),
    })
}

/// A row of all columns of [`TokenRecord`].
pub(super) fn from_row(row: &SqliteRow) -> Result<TokenRecord, sqlx::Error> {
    let time = |millis: i64| Timestamp::from_millis(uint(millis));
    Ok(TokenRecord {
        digest: row.try_get("digest")?,
        identity: row.try_get("identity")?,
        by: row.try_get("made_by")?,
        created: time(row.try_get("created")?),
        expires: time(row.try_get("expires")?),
        used: row.try_get::<Option<i64>, _>("used")?.map(time),
    })
}
