//! What those ask for who look at many runs at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Row;
use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteRow};
use tokio::sync::Mutex;
use xrdtest_model::api::RunSummary;
use xrdtest_model::chronicle::{Subject, SubjectKind, Transition};
use xrdtest_model::{InstanceId, RunId, Verdict};

use super::history::transition;
use super::read::{RUN_COLUMNS, Reader, summary};
use super::spelling;
use crate::{CaseVerdict, Measured, StoreError};

/// Before the columns of runs: the names of all suites, which are found one after the other in the index.
const SUITES: &str = "WITH RECURSIVE suites(name) AS ( \
     SELECT min(suite) FROM runs UNION ALL SELECT (SELECT min(suite) FROM runs WHERE suite > suites.name) \
     FROM suites WHERE suites.name IS NOT NULL) ";

/// Behind them: the latest ?1 of each suite.
const LATEST: &str = " JOIN suites ON runs.rowid IN ( \
         SELECT r.rowid FROM runs r WHERE r.suite = suites.name ORDER BY r.queued DESC, r.event DESC LIMIT ?1) \
     ORDER BY suite, queued DESC, event DESC";

/// The latest ?2 runs of suite ?1.
const CASES: &str = "SELECT c.* FROM \
         (SELECT id, queued, event FROM runs WHERE suite = ?1 ORDER BY queued DESC, event DESC LIMIT ?2) r \
     CROSS JOIN cases c ON c.run = r.id ORDER BY r.queued DESC, r.event DESC, c.position";

/// Likewise.
const METRICS: &str = "SELECT m.* FROM \
         (SELECT id, queued, event FROM runs WHERE suite = ?1 ORDER BY queued DESC, event DESC LIMIT ?2) r \
     CROSS JOIN metrics m ON m.run = r.id ORDER BY r.queued DESC, r.event DESC, m.id";

/// From the index alone.
const VERDICTS: &str =
    "SELECT verdict, count(*) AS runs FROM runs WHERE verdict IS NOT NULL GROUP BY verdict ORDER BY verdict";

/// The last transition of each physical machine; the words are those of their index.
const PHYSICAL: &str = "WITH RECURSIVE names(name) AS ( \
         SELECT min(name) FROM transitions INDEXED BY transitions_of_physical \
             WHERE kind = 'slave' AND instr(name, '/') = 0 \
         UNION ALL SELECT (SELECT min(name) FROM transitions INDEXED BY transitions_of_physical \
             WHERE kind = 'slave' AND instr(name, '/') = 0 AND name > names.name) \
         FROM names WHERE names.name IS NOT NULL) \
     SELECT t.* FROM names JOIN transitions t ON t.id = ( \
         SELECT max(id) FROM transitions INDEXED BY transitions_of_physical WHERE kind = 'slave' AND instr(name, '/') = 0 AND name = names.name)";

/// The last transition of each machine of instance ?1; '0' is the character after '/'.
const OF_INSTANCE: &str = "SELECT * FROM transitions WHERE id IN (SELECT max(id) FROM transitions \
     WHERE kind = 'slave' AND name >= ?1 || '/' AND name < ?1 || '0' GROUP BY name)";

/// The latest runs as they were after so many transactions. Many pages begin with them, and thousands of rows are read
/// for them: who asks while nothing was written, or while they are being read, is given the same.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<Known>);

/// What was read last.
#[derive(Debug, Default)]
struct Known {
    /// After so many transactions; `None`: nothing was read yet.
    commits: Option<u64>,
    of_each: u32,
    runs: Arc<Vec<RunSummary>>,
}

impl Latest {
    /// `commits`: transactions so far.
    pub(super) async fn of(
        &self,
        commits: &AtomicU64,
        of_each: u32,
        reader: &Reader<'_>,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let mut known = self.0.lock().await;
        // What is committed from here on is read anew by those who ask then.
        let now = commits.load(Ordering::Acquire);
        if (known.commits, known.of_each) != (Some(now), of_each) {
            let runs = Arc::new(reader.latest_runs(of_each).await?);
            *known = Known { commits: Some(now), of_each, runs };
        }
        let runs = Arc::clone(&known.runs);
        drop(known);
        Ok(runs.to_vec())
    }
}

impl Reader<'_> {
    pub(super) async fn latest_runs(&self, of_each: u32) -> Result<Vec<RunSummary>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SUITES);
        query.push(RUN_COLUMNS).push(LATEST);
        self.all(query.build().bind(of_each).fetch_all(self.pool).await, summary)
    }

    pub(super) async fn cases(&self, suite: String, runs: u32) -> Result<Vec<CaseVerdict>, StoreError> {
        self.all(sqlx::query(CASES).bind(suite).bind(runs).fetch_all(self.pool).await, case)
    }

    pub(super) async fn metrics(&self, suite: String, runs: u32) -> Result<Vec<Measured>, StoreError> {
        self.all(sqlx::query(METRICS).bind(suite).bind(runs).fetch_all(self.pool).await, metric)
    }

    pub(super) async fn verdicts(&self) -> Result<Vec<(Verdict, u64)>, StoreError> {
        let count = |row: &SqliteRow| Ok((row.try_get::<String, _>("verdict")?, row.try_get("runs")?));
        let counts: Vec<(String, i64)> = self.all(sqlx::query(VERDICTS).fetch_all(self.pool).await, count)?;
        let counts = counts.into_iter().filter_map(|(word, runs)| {
            // A word that this build does not know is no verdict that it could count.
            Some((spelling::verdict(&word)?, u64::try_from(runs).unwrap_or(0)))
        });
        Ok(counts.collect())
    }

    pub(super) async fn machines(&self, instances: &[InstanceId]) -> Result<Vec<Transition>, StoreError> {
        let slave = |row: &SqliteRow| transition(row, SubjectKind::Slave);
        let mut kept = self.all(sqlx::query(PHYSICAL).fetch_all(self.pool).await, slave)?;
        for instance in instances {
            let rows = sqlx::query(OF_INSTANCE).bind(instance.as_str().to_owned()).fetch_all(self.pool).await;
            kept.extend(self.all(rows, slave)?);
        }
        let mut latest: BTreeMap<Subject, Transition> =
            kept.into_iter().map(|kept| (kept.subject.clone(), kept)).collect();
        self.take_over_steps(SubjectKind::Slave, &mut latest, |name| match name.split_once('/') {
            Some((of, _)) => instances.iter().any(|instance| instance.as_str() == of),
            None => true,
        });
        Ok(latest.into_values().collect())
    }
}

fn case(row: &SqliteRow) -> Result<CaseVerdict, sqlx::Error> {
    Ok(CaseVerdict {
        run: RunId::new(row.try_get::<&str, _>("run")?),
        position: row.try_get("position")?,
        name: row.try_get("name")?,
        // A word that this build does not know is nothing that could have passed.
        verdict: spelling::verdict(row.try_get("verdict")?).unwrap_or(Verdict::Error),
    })
}

fn metric(row: &SqliteRow) -> Result<Measured, sqlx::Error> {
    Ok(Measured {
        run: RunId::new(row.try_get::<&str, _>("run")?),
        name: row.try_get("name")?,
        machine: row.try_get("machine")?,
        value: row.try_get("value")?,
        unit: row.try_get("unit")?,
    })
}
