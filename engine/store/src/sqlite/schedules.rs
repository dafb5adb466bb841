//! What is kept of suites' starts.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use xrdtest_model::{RunId, Timestamp};

use super::rows::{insert, int, uint};
use super::write::{Session, Write, WriteError};
use crate::{LastStart, ScheduleRecord};

/// Keeps records, each in the place of the one of its suite.
#[derive(Debug)]
pub(super) struct KeepSchedules {
    pub(super) records: Vec<ScheduleRecord>,
}

impl Write for KeepSchedules {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let statement = (
            "INSERT OR REPLACE INTO schedules \
             (suite, considered, schedule, paused, last_start, last_run, last_reason)",
            "",
        );
        insert(session.connection().await?, statement, &self.records, |columns, record| {
            columns.push_bind(record.suite.clone()).push_bind(int(record.considered.as_millis()));
            columns.push_bind(record.schedule.clone()).push_bind(record.paused.clone());
            let last = record.last.as_ref();
            columns.push_bind(last.map(|last| int(last.start.as_millis())));
            columns.push_bind(last.and_then(|last| last.run.as_ref()).map(|run| run.as_str().to_owned()));
            columns.push_bind(last.map(|last| last.reason.clone()));
        })
        .await?;
        Ok(())
    }
}

/// A row of all columns of [`ScheduleRecord`].
pub(super) fn from_row(row: &SqliteRow) -> Result<ScheduleRecord, sqlx::Error> {
    let start: Option<i64> = row.try_get("last_start")?;
    let last = start.map(|start| -> Result<_, sqlx::Error> {
        let run: Option<String> = row.try_get("last_run")?;
        Ok(LastStart {
            start: Timestamp::from_millis(uint(start)),
            run: run.map(RunId::new),
            reason: row.try_get("last_reason")?,
        })
    });
    Ok(ScheduleRecord {
        suite: row.try_get("suite")?,
        considered: Timestamp::from_millis(uint(row.try_get("considered")?)),
        schedule: row.try_get("schedule")?,
        paused: row.try_get("paused")?,
        last: last.transpose()?,
    })
}
