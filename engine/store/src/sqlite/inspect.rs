//! A look at a store from outside, and a copy of it, that of a running engine as well. Nothing is changed, and nobody who
//! writes is held up.

use std::path::Path;

use xrdtest_model::Timestamp;

use super::{open, words};
use crate::StoreError;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The number of its layout.
    pub layout: usize,
    /// The layout that this build brings it to.
    pub newest: usize,
    /// When the last event happened, by the clock of then.
    pub last_event: Option<Timestamp>,
    /// Mails and messages for webhooks that are not sent yet.
    pub waiting: u64,
    /// All of it was looked through, and holds together. `false`: it is larger than was to be looked through.
    pub examined: bool,
}

/// Looks at the store at `path`; through all of it where its file has at most `examine_up_to` bytes, which takes about a
/// second per gigabyte.
///
/// # Errors
/// In words with what to do: it can't be opened or read, is damaged, of another program or of a newer version.
pub async fn inspect(path: &Path, examine_up_to: u64) -> Result<Inspection, StoreError> {
    let mut connection = open::visitor(path).await?;
    let (layout, newest) = open::layouts(&mut connection, path).await?;
    let examined = std::fs::metadata(path).is_ok_and(|file| file.len() <= examine_up_to);
    if examined {
        open::examine(&mut connection, path).await?;
    }
    let mut last_event = None;
    if layout > 0 {
        let last = sqlx::query_as("SELECT at FROM events ORDER BY number DESC LIMIT 1");
        let last: Option<(i64,)> = last
            .fetch_optional(&mut connection)
            .await
            .map_err(|error| words::broken("read from", path, &error))?;
        last_event = last.and_then(|(at,)| u64::try_from(at).ok()).map(Timestamp::from_millis);
    }
    let of_layout = match layout {
        0..7 => None,
        7 => Some("SELECT count(*) FROM mails"),
        _ => Some("SELECT count(*) FROM deliveries"),
    };
    let mut waiting = 0;
    if let Some(query) = of_layout {
        let counted: Result<(i64,), _> = sqlx::query_as(query).fetch_one(&mut connection).await;
        let (count,) = counted.map_err(|error| words::broken("read from", path, &error))?;
        waiting = u64::try_from(count).unwrap_or(0);
    }
    open::shut(connection).await;
    Ok(Inspection { layout, newest, last_event, waiting, examined })
}

/// Writes the store at `path`, as it is at one instant, to another file, which is not there or empty. Whoever writes
/// meanwhile goes on: what it writes is not in the copy.
///
/// # Errors
/// In words with what to do: one of the files can't be used, or the disk is full.
pub async fn copy(path: &Path, to: &Path) -> Result<(), StoreError> {
    let mut connection = open::visitor(path).await?;
    let copied =
        sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy().into_owned()).execute(&mut connection).await;
    copied.map_err(|error| words::broken("copy", path, &error))?;
    open::shut(connection).await;
    Ok(())
}
