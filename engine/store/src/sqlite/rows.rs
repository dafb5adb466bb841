//! Many rows in few statements: a statement costs more by its way to the connection's thread than by its rows.

use sqlx::query_builder::{QueryBuilder, Separated};
use sqlx::sqlite::{Sqlite, SqliteConnection};

/// How many rows one statement may have: powers of two, so that any number of rows is few statements. Few different
/// sizes make few different statements, which stay prepared.
const CHUNKS: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

/// The columns of one row.
pub(super) type Columns<'a> = Separated<'a, Sqlite, &'static str>;

/// Runs `head VALUES (…), (…) tail` over all rows; `bind` gives the columns of one.
pub(super) async fn insert<R: Send + Sync>(
    connection: &mut SqliteConnection,
    (head, tail): (&'static str, &'static str),
    mut rows: &[R],
    bind: impl Fn(&mut Columns<'_>, &R) + Send + Sync,
) -> Result<(), sqlx::Error> {
    for size in CHUNKS {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            rows = rest;
            let mut statement = QueryBuilder::<Sqlite>::new(head);
            statement.push(" ");
            statement.push_values(chunk, |mut columns, row| bind(&mut columns, row));
            statement.push(tail);
            statement.build().execute(&mut *connection).await?;
        }
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
