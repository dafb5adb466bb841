//! Who has done what.

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use xrdtest_model::api::{AuditEntry, AuditFilter, Role, Via};

use super::super::rows::{int, uint};
use super::super::write::{Session, Write, WriteError};
use super::{at, role};
use crate::access::AUDIT;

const DEFAULT: u32 = 100;

/// Notes one request.
pub(super) struct Note {
    pub(super) entry: AuditEntry,
}

impl Write for Note {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let AuditEntry { at, who, role, via, address, action, target, reason, status, .. } = self.entry;
        let done = sqlx::query(
            "INSERT INTO audit (at, who, role, via, address, action, target, reason, status) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind(int(at.as_millis()))
        .bind(who)
        .bind(role.map(Role::as_str))
        .bind(word(via))
        .bind(address)
        .bind(action)
        .bind(target)
        .bind(reason)
        .bind(status)
        .execute(session.connection().await?)
        .await?;
        sqlx::query("DELETE FROM audit WHERE id <= ?1")
            .bind(done.last_insert_rowid() - int(AUDIT))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

pub(super) async fn read(readers: &SqlitePool, filter: AuditFilter) -> Result<Vec<AuditEntry>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT * FROM audit WHERE (?1 IS NULL OR who = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )
    .bind(filter.who)
    .bind(int(filter.before.unwrap_or(u64::MAX)))
    .bind(filter.limit.unwrap_or(DEFAULT))
    .fetch_all(readers)
    .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, sqlx::Error> {
    let known: Option<&str> = row.try_get("role")?;
    Ok(AuditEntry {
        id: uint(row.try_get("id")?),
        at: at(row, "at")?,
        who: row.try_get("who")?,
        role: known.map(|_| role(row)).transpose()?,
        via: via(row.try_get("via")?),
        address: row.try_get("address")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        reason: row.try_get("reason")?,
        status: row.try_get("status")?,
    })
}

const WORDS: [(Via, &str); 4] =
    [(Via::Socket, "socket"), (Via::Session, "session"), (Via::Token, "token"), (Via::Nobody, "nobody")];

fn word(via: Via) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == via).map_or("nobody", |(_, word)| word)
}

fn via(word: &str) -> Via {
    WORDS.iter().find(|(_, known)| *known == word).map_or(Via::Nobody, |(via, _)| *via)
}
