//! What is kept of runs that are over, and their end.

use xrdtest_model::{RunId, Timestamp};

use super::rows::int;
use super::write::{Session, Write, WriteError};

/// Pins a run, or lets go of it. Answers whether it exists.
#[derive(Debug)]
pub(super) struct Pin {
    pub(super) run: RunId,
    pub(super) pinned: bool,
}

impl Write for Pin {
    type Answer = bool;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let done = sqlx::query("UPDATE runs SET pinned = ?2 WHERE id = ?1")
            .bind(self.run.as_str())
            .bind(self.pinned)
            .execute(session.connection().await?)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Notes that the outputs and logs of a run are gone. A second time changes nothing but adds an archive.
#[derive(Debug)]
pub(super) struct EvidenceRemoved {
    pub(super) run: RunId,
    pub(super) at: Timestamp,
    pub(super) archive: Option<String>,
}

impl Write for EvidenceRemoved {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query(
            "UPDATE runs SET evidence_bytes = 0, evidence_removed = coalesce(evidence_removed, ?2), \
             archive = coalesce(?3, archive) WHERE id = ?1",
        )
        .bind(self.run.as_str())
        .bind(int(self.at.as_millis()))
        .bind(self.archive)
        .execute(session.connection().await?)
        .await?;
        Ok(())
    }
}

/// Removes a run from everywhere.
#[derive(Debug)]
pub(super) struct RemoveRun {
    pub(super) run: RunId,
}

impl Write for RemoveRun {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        if session.memory.is_live(&self.run) {
            return Err(WriteError::Refused(format!(
                "run {} can't be removed: it is not over, or something is left of its instances. Cancel it first.",
                self.run
            )));
        }
        let last = int(session.memory.last);
        let connection = session.connection().await?;
        for statement in REMOVAL {
            sqlx::query(statement).bind(self.run.as_str()).bind(last).execute(&mut *connection).await?;
        }
        let by_hand: Vec<String> =
            sqlx::query_scalar(STARTED_BY_HAND).bind(last).fetch_all(&mut *connection).await?;
        for instance in by_hand {
            for statement in REMOVAL_BY_HAND {
                sqlx::query(statement).bind(&instance).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }
}

/// Instances that were started by hand and are stopped, and of which no event is as young as the oldest run that is left.
/// ?1 is the number of the last event.
const STARTED_BY_HAND: &str = "SELECT id FROM instances WHERE run = id AND state = 'stopped' \
    AND (SELECT max(number) FROM events WHERE events.run = instances.id) < \
    (SELECT coalesce(min(event), ?1) FROM runs)";

/// Removes such an instance, ?1, from everywhere.
const REMOVAL_BY_HAND: [&str; 3] = [
    // '0' is the character after '/': all its machines.
    "DELETE FROM transitions WHERE kind = 'slave' AND name >= ?1 || '/' AND name < ?1 || '0'",
    "DELETE FROM events WHERE run = ?1",
    "DELETE FROM instances WHERE id = ?1",
];

/// Removes run ?1 from everywhere; ?2 is the number of the last event, which stays.
const REMOVAL: [&str; 11] = [
    "DELETE FROM events WHERE run = ?1 AND number <> ?2",
    "UPDATE events SET run = NULL WHERE run = ?1",
    // '0' is the character after '/': all machines of the instance.
    "DELETE FROM transitions WHERE kind = 'slave' AND EXISTS (SELECT 1 FROM instances WHERE run = ?1 \
     AND transitions.name >= id || '/' AND transitions.name < id || '0')",
    "DELETE FROM transitions WHERE kind = 'job' AND name = ?1",
    "DELETE FROM transitions WHERE kind = 'suite' AND name = (SELECT suite FROM runs WHERE id = ?1) AND run = ?1 \
     AND id <> (SELECT max(id) FROM transitions newer WHERE newer.kind = 'suite' AND newer.name = transitions.name)",
    "DELETE FROM outputs WHERE run = ?1",
    "DELETE FROM cases WHERE run = ?1",
    "DELETE FROM metrics WHERE run = ?1",
    "DELETE FROM instances WHERE run = ?1",
    "DELETE FROM runs WHERE id = ?1",
    // Comings and goings of agents before the oldest run that is left, but not the latest of each agent; and
    // what was held.
    "DELETE FROM events WHERE run IS NULL AND number < (SELECT coalesce(min(event), ?2) FROM runs) \
     AND number NOT IN (SELECT event FROM agents) AND number NOT IN (SELECT event FROM holds)",
];
