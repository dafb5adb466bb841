//! Many rows in few statements: a statement costs more by its way to the connection's thread than by its rows.

use sqlx::query_builder::{QueryBuilder, Separated};
use sqlx::sqlite::{Sqlite, SqliteConnection};

/// How many rows one statement may have.
const CHUNK: usize = 256;

/// The columns of one row.
pub(super) type Columns<'a> = Separated<'a, Sqlite, &'static str>;

/// How many statements insert so many rows.
pub(super) fn statements(rows: usize) -> usize {
    rows.div_ceil(CHUNK)
}

/// Inserts all rows: `head` is `INSERT INTO table (columns)`, `tail` stands behind them; `bind` gives the columns of one,
/// the first of which is never null.
///
/// A statement has room for a power of two of rows, as few different statements stay prepared. What is left over of its
/// room is unbound, so null, and not inserted.
pub(super) async fn insert<R: Send + Sync>(
    connection: &mut SqliteConnection,
    (head, tail): (&'static str, &'static str),
    rows: &[R],
    bind: impl Fn(&mut Columns<'_>, &R) + Send + Sync,
) -> Result<(), sqlx::Error> {
    let columns = head.matches(',').count() + 1;
    let unbound = format!(", ({})", vec!["?"; columns].join(", "));
    for chunk in rows.chunks(CHUNK) {
        let mut statement = QueryBuilder::<Sqlite>::new(head);
        statement.push(" SELECT * FROM (");
        statement.push_values(chunk, |mut columns, row| bind(&mut columns, row));
        for _ in chunk.len()..chunk.len().next_power_of_two() {
            statement.push(&unbound);
        }
        statement.push(") WHERE column1 IS NOT NULL").push(tail);
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// SQLite's integers are signed; what does not fit is as much as there can be.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The way back.
pub(super) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
