//! Reading, beside the writer.

use std::path::Path;

use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{Row, SqliteExecutor};
use xrdtest_model::api::{OutputEntry, RunSummary};
use xrdtest_model::{Event, RunId, Timestamp};

use super::memory::Steps;
use super::rows::{int, uint};
use super::{schedules, spelling, tokens, words};
use crate::{Revocation, RunFilter, ScheduleRecord, StoreError, TokenRecord};

/// Runs of a list that names no limit.
const RUNS: u32 = 100;

/// Events in order, of runs that are not over or have instances that are not stopped; the last of each agent and of
/// each thing that is held; the last.
const LIVE_EVENTS: &str = "SELECT number, at, body FROM events WHERE run IN \
     (SELECT id FROM runs WHERE finished IS NULL UNION SELECT run FROM instances WHERE state <> 'stopped') \
     UNION SELECT number, at, body FROM events WHERE number IN (SELECT event FROM agents) \
     UNION SELECT number, at, body FROM events WHERE number IN (SELECT event FROM holds) \
     UNION SELECT number, at, body FROM events WHERE number = (SELECT max(number) FROM events) \
     ORDER BY number";

pub(super) const RUN_COLUMNS: &str = "SELECT id, suite, asked_by, queued, started, finished, verdict, reason, pinned, \
     evidence_bytes, evidence_removed, archive FROM runs";

/// Answers from what is durable.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    pub(super) pool: &'a SqlitePool,
    pub(super) path: &'a Path,
    pub(super) steps: &'a Steps,
}

impl Reader<'_> {
    fn failed(&self, error: &sqlx::Error) -> StoreError {
        words::broken("read", self.path, error)
    }

    pub(super) fn all<T>(
        &self,
        rows: Result<Vec<SqliteRow>, sqlx::Error>,
        from: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = rows.map_err(|error| self.failed(&error))?;
        rows.iter().map(from).collect::<Result<_, _>>().map_err(|error| self.failed(&error))
    }

    pub(super) async fn events(
        &self,
        run: Option<RunId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = match run {
            Some(run) => sqlx::query(
                "SELECT number, at, body FROM events WHERE run = ?3 AND number > ?1 ORDER BY number LIMIT ?2",
            )
            .bind(int(after))
            .bind(limit)
            .bind(run.as_str().to_owned()),
            None => {
                sqlx::query("SELECT number, at, body FROM events WHERE number > ?1 ORDER BY number LIMIT ?2")
                    .bind(int(after))
                    .bind(limit)
            }
        };
        events(rows.fetch_all(self.pool).await, self.path)
    }

    pub(super) async fn runs(&self, filter: RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(RUN_COLUMNS);
        query.push(" WHERE TRUE");
        if let Some(suite) = filter.suite {
            query.push(" AND suite = ").push_bind(suite);
        }
        if let Some(verdict) = filter.verdict {
            query.push(" AND verdict = ").push_bind(verdict.as_str());
        }
        match filter.over {
            Some(true) => query.push(" AND finished IS NOT NULL"),
            Some(false) => query.push(" AND finished IS NULL"),
            None => &mut query,
        };
        if let Some(since) = filter.since {
            query.push(" AND queued >= ").push_bind(int(since.as_millis()));
        }
        if let Some(before) = filter.before {
            query.push(" AND queued < ").push_bind(int(before.as_millis()));
        }
        let limit = if filter.limit == 0 { RUNS } else { filter.limit };
        query.push(" ORDER BY queued DESC, event DESC LIMIT ").push_bind(limit);
        self.all(query.build().fetch_all(self.pool).await, summary)
    }

    pub(super) async fn run(&self, run: RunId) -> Result<Option<RunSummary>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(RUN_COLUMNS);
        query.push(" WHERE id = ").push_bind(run.to_string());
        let rows = self.all(query.build().fetch_all(self.pool).await, summary)?;
        Ok(rows.into_iter().next())
    }

    pub(super) async fn outputs(&self, run: RunId) -> Result<Vec<OutputEntry>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM outputs WHERE run = ?1 ORDER BY position, machine, attempt, log")
                .bind(run.to_string())
                .fetch_all(self.pool)
                .await;
        self.all(rows, output)
    }

    pub(super) async fn tokens(&self, now: Timestamp) -> Result<Vec<TokenRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tokens WHERE expires > ?1 ORDER BY created DESC, digest")
            .bind(int(now.as_millis()))
            .fetch_all(self.pool)
            .await;
        self.all(rows, tokens::from_row)
    }

    pub(super) async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM revocations ORDER BY at DESC, identity").fetch_all(self.pool).await;
        self.all(rows, tokens::revocation_from_row)
    }

    pub(super) async fn schedules(&self) -> Result<Vec<ScheduleRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM schedules ORDER BY suite").fetch_all(self.pool).await;
        self.all(rows, schedules::from_row)
    }
}

/// What a core, and the writer's memory, are restored from.
pub(super) async fn live_events(
    from: impl SqliteExecutor<'_>,
    path: &Path,
) -> Result<Vec<Event>, StoreError> {
    events(sqlx::query(LIVE_EVENTS).fetch_all(from).await, path)
}

fn events(rows: Result<Vec<SqliteRow>, sqlx::Error>, path: &Path) -> Result<Vec<Event>, StoreError> {
    let failed = |error: sqlx::Error| words::broken("read", path, &error);
    let mut events = Vec::new();
    for row in rows.map_err(failed)? {
        let number = uint(row.try_get("number").map_err(failed)?);
        let at = Timestamp::from_millis(uint(row.try_get("at").map_err(failed)?));
        let body: &str = row.try_get("body").map_err(failed)?;
        let body = serde_json::from_str(body)
            .map_err(|error| words::unreadable(path, &format!("event {number}"), &error))?;
        events.push(Event { number, at, body });
    }
    Ok(events)
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(|millis| Timestamp::from_millis(uint(millis))))
}

pub(super) fn summary(row: &SqliteRow) -> Result<RunSummary, sqlx::Error> {
    let verdict: Option<&str> = row.try_get("verdict")?;
    Ok(RunSummary {
        run: RunId::new(row.try_get::<&str, _>("id")?),
        suite: row.try_get("suite")?,
        trigger: row.try_get("asked_by")?,
        queued: time(row, "queued")?.unwrap_or_default(),
        started: time(row, "started")?,
        finished: time(row, "finished")?,
        verdict: verdict.and_then(spelling::verdict),
        reason: row.try_get("reason")?,
        pinned: row.try_get("pinned")?,
        evidence_bytes: uint(row.try_get("evidence_bytes")?),
        evidence_removed: time(row, "evidence_removed")?,
        archive: row.try_get("archive")?,
    })
}

fn output(row: &SqliteRow) -> Result<OutputEntry, sqlx::Error> {
    let name: String = row.try_get("log")?;
    let (log, artifact) = spelling::collected(name);
    Ok(OutputEntry {
        stage: row.try_get("stage")?,
        machine: row.try_get("machine")?,
        attempt: row.try_get("attempt")?,
        file: row.try_get("file")?,
        log,
        artifact,
        length: uint(row.try_get("length")?),
        complete: row.try_get("complete")?,
    })
}
