//! Opening: one process, a whole file, the present layout.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::words;
use crate::StoreError;

/// Each brings the layout from its position to the next; never changed, only added to.
const MIGRATIONS: [&str; 11] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_by_hand.sql"),
    include_str!("migrations/0003_schedules.sql"),
    include_str!("migrations/0004_access.sql"),
    include_str!("migrations/0005_holds.sql"),
    include_str!("migrations/0006_trends.sql"),
    include_str!("migrations/0007_mail.sql"),
    include_str!("migrations/0008_deliveries.sql"),
    include_str!("migrations/0009_revocations.sql"),
    include_str!("migrations/0010_revoked_agents.sql"),
    include_str!("migrations/0011_kinds_of_events.sql"),
];

/// "xrdt": what tells our files from those of other programs.
const APPLICATION_ID: i64 = 0x7872_6474;

/// Files up to this size are looked through whenever they are opened; larger ones take longer than a restart may.
const EXAMINED_BYTES: u64 = 64 << 20;

/// Only foreign programs can hold it for longer than a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The checkpoints of normal operation are made beside the writer, long before the log has so many pages.
const LAST_RESORT_CHECKPOINT_PAGES: &str = "32768";

const READERS: u32 = 4;

/// Of each reader, in KiB: the latest runs of hundreds of suites lie there.
const READER_CACHE: &str = "-8192";

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

/// The one connection that writes, on a file that is ours, whole and of the present layout.
pub(super) async fn writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let say = |error: sqlx::Error| words::broken("open", path, &error);
    let options = options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", LAST_RESORT_CHECKPOINT_PAGES);
    let mut connection = options.connect().await.map_err(say)?;
    check_owner(&mut connection, path).await?;
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size <= EXAMINED_BYTES {
        examine(&mut connection, path).await?;
    }
    migrate(&mut connection, path).await?;
    Ok(connection)
}

/// A further connection for checkpoints.
pub(super) async fn checkpointer(path: &Path) -> Result<SqliteConnection, StoreError> {
    options(path).connect().await.map_err(|error| words::broken("open", path, &error))
}

/// One connection that can't write, on a file that is ours, and not newer than this build.
pub(super) async fn visitor(path: &Path) -> Result<SqliteConnection, StoreError> {
    let connection = options(path).read_only(true).connect().await;
    let mut connection = connection.map_err(|error| words::broken("open", path, &error))?;
    check_owner(&mut connection, path).await?;
    Ok(connection)
}

/// Position and end of the layouts: where this file is, where this build brings it.
pub(super) async fn layouts(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(usize, usize), StoreError> {
    Ok((usize::try_from(layout(connection, path).await?).unwrap_or(0), MIGRATIONS.len()))
}

/// Connections that can't write.
pub(super) fn readers(path: &Path) -> SqlitePool {
    let options = options(path).read_only(true).pragma("cache_size", READER_CACHE);
    SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options)
}

/// Refuses a file of another program, and one of a newer layout.
async fn check_owner(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let say = |error: sqlx::Error| words::broken("open", path, &error);
    let (owner,): (i64,) =
        sqlx::query_as("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(say)?;
    let (tables,): (i64,) = sqlx::query_as("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await
        .map_err(say)?;
    if owner != APPLICATION_ID && (owner != 0 || tables > 0) {
        return Err(words::foreign(path));
    }
    let found = layout(connection, path).await?;
    if usize::try_from(found).is_ok_and(|found| found <= MIGRATIONS.len()) {
        Ok(())
    } else {
        Err(words::newer(path, found, MIGRATIONS.len()))
    }
}

async fn layout(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    let version = sqlx::query_as("PRAGMA user_version").fetch_one(connection).await;
    version.map(|(version,)| version).map_err(|error| words::broken("open", path, &error))
}

/// Looks through the whole file for what does not hold together. Takes about a second per gigabyte.
pub(super) async fn examine(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let say = |error: sqlx::Error| words::broken("read", path, &error);
    let rows: Vec<(String,)> =
        sqlx::query_as("PRAGMA quick_check(3)").fetch_all(connection).await.map_err(say)?;
    let findings: Vec<String> = rows.into_iter().map(|(finding,)| finding.replace('\n', ": ")).collect();
    if findings == ["ok"] { Ok(()) } else { Err(words::damaged(path, &findings)) }
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let from = usize::try_from(layout(connection, path).await?).unwrap_or(0);
    for (number, migration) in (1..).zip(MIGRATIONS).skip(from) {
        let step = format!(
            "BEGIN IMMEDIATE;\n{migration}\nPRAGMA application_id = {APPLICATION_ID};\n\
             PRAGMA user_version = {number};\nCOMMIT;"
        );
        let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(step))).await;
        done.map_err(|error| words::broken("lay out", path, &error))?;
        tracing::debug!(store = %path.display(), layout = number, "laid out");
    }
    Ok(())
}

/// Ends a connection; what it can't say any more does not matter.
pub(super) async fn shut(connection: SqliteConnection) {
    let _ = connection.close().await;
}
