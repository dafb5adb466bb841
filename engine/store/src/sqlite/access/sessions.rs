//! Sessions.

use sqlx::Row;
use sqlx::sqlite::SqlitePool;
use xrdtest_model::Timestamp;
use xrdtest_model::api::Role;

use super::super::rows::int;
use super::super::write::{self, Write, WriteError};
use super::{at, changed, role};
use crate::access::Session;

/// Begins a session, where the account still has this password.
pub(super) struct AddSession {
    pub(super) session: Session,
    pub(super) password: String,
}

impl Write for AddSession {
    type Answer = bool;

    async fn carry_out(self, session: &mut write::Session<'_>) -> Result<bool, WriteError> {
        let Session { digest, account, created, ends } = self.session;
        sqlx::query("DELETE FROM sessions WHERE ends <= ?1")
            .bind(int(created.as_millis()))
            .execute(session.connection().await?)
            .await?;
        let done = sqlx::query(
            "INSERT INTO sessions (digest, account, created, ends) \
             SELECT ?1, name, ?3, ?4 FROM accounts WHERE name = ?2 AND password = ?5",
        )
        .bind(digest)
        .bind(account)
        .bind(int(created.as_millis()))
        .bind(int(ends.as_millis()))
        .bind(self.password)
        .execute(session.connection().await?)
        .await?;
        Ok(changed(&done))
    }
}

/// Lets a session end at another time.
pub(super) struct ProlongSession {
    pub(super) digest: String,
    pub(super) ends: Timestamp,
}

impl Write for ProlongSession {
    type Answer = ();

    async fn carry_out(self, session: &mut write::Session<'_>) -> Result<(), WriteError> {
        sqlx::query("UPDATE sessions SET ends = ?2 WHERE digest = ?1")
            .bind(self.digest)
            .bind(int(self.ends.as_millis()))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

/// Ends a session.
pub(super) struct EndSession {
    pub(super) digest: String,
}

impl Write for EndSession {
    type Answer = ();

    async fn carry_out(self, session: &mut write::Session<'_>) -> Result<(), WriteError> {
        sqlx::query("DELETE FROM sessions WHERE digest = ?1")
            .bind(self.digest)
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

pub(super) async fn one(
    readers: &SqlitePool,
    digest: &str,
    now: Timestamp,
) -> Result<Option<(Session, Role)>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT digest, account, sessions.created, ends, role FROM sessions JOIN accounts ON name = account \
         WHERE digest = ?1 AND ends > ?2",
    )
    .bind(digest)
    .bind(int(now.as_millis()))
    .fetch_optional(readers)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let session = Session {
        digest: row.try_get("digest")?,
        account: row.try_get("account")?,
        created: at(&row, "created")?,
        ends: at(&row, "ends")?,
    };
    Ok(Some((session, role(&row)?)))
}
