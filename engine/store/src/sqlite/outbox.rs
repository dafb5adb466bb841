//! What is to be delivered and is not yet.

use futures::FutureExt;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use xrdtest_model::{RunId, Timestamp};

use super::rows::{insert, int, uint};
use super::write::{Session, Write, WriteError};
use super::{SqliteStore, words};
use crate::outbox::{DeliveriesWaiting, DeliveryOrder, KeptDelivery, NewDelivery, Outbox};
use crate::{Answer, StoreError};

/// Says which targets are told.
#[derive(Debug)]
struct TellTargets {
    targets: Vec<String>,
    last: u64,
}

impl Write for TellTargets {
    type Answer = Vec<u64>;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<Vec<u64>, WriteError> {
        let known: Vec<(String, i64)> = sqlx::query_as("SELECT target, event FROM considered")
            .fetch_all(session.connection().await?)
            .await?;
        for (target, _) in known.iter().filter(|(target, _)| !self.targets.contains(target)) {
            sqlx::query("DELETE FROM considered WHERE target = ?1")
                .bind(target)
                .execute(session.connection().await?)
                .await?;
        }
        let mut considered = Vec::with_capacity(self.targets.len());
        for target in self.targets {
            let event = known.iter().find(|(name, _)| *name == target).map(|(_, event)| uint(*event));
            let event = event.unwrap_or(self.last);
            consider(session, &target, event).await?;
            considered.push(event);
        }
        Ok(considered)
    }
}

async fn consider(session: &mut Session<'_>, target: &str, event: u64) -> Result<(), WriteError> {
    sqlx::query("INSERT OR REPLACE INTO considered (target, event) VALUES (?1, ?2)")
        .bind(target)
        .bind(int(event))
        .execute(session.connection().await?)
        .await?;
    Ok(())
}

/// Keeps deliveries, and which events led to them.
#[derive(Debug)]
struct KeepDeliveries {
    targets: Vec<String>,
    considered: u64,
    deliveries: Vec<NewDelivery>,
}

impl Write for KeepDeliveries {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        for target in &self.targets {
            consider(session, target, self.considered).await?;
        }
        let statement = (
            "INSERT OR IGNORE INTO deliveries \
             (target, run, about, recipient, content, queued, attempts, due, error)",
            "",
        );
        insert(session.connection().await?, statement, &self.deliveries, |columns, new| {
            columns.push_bind(new.target.clone());
            columns.push_bind(new.run.as_str().to_owned()).push_bind(new.about.clone());
            columns.push_bind(new.recipient.clone()).push_bind(new.content.clone());
            let queued = int(new.queued.as_millis());
            columns.push_bind(queued).push_bind(0i64).push_bind(queued).push_bind(String::new());
        })
        .await?;
        Ok(())
    }
}

/// Notes a failed attempt.
#[derive(Debug)]
struct DeliveryFailed {
    id: u64,
    error: String,
    due: Timestamp,
}

impl Write for DeliveryFailed {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("UPDATE deliveries SET attempts = attempts + 1, error = ?2, due = ?3 WHERE id = ?1")
            .bind(int(self.id))
            .bind(self.error)
            .bind(int(self.due.as_millis()))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

/// Removes a delivery.
#[derive(Debug)]
struct RemoveDelivery {
    id: u64,
}

impl Write for RemoveDelivery {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("DELETE FROM deliveries WHERE id = ?1")
            .bind(int(self.id))
            .execute(session.connection().await?)
            .await?;
        Ok(())
    }
}

/// Removes what waits for a target.
#[derive(Debug)]
struct RemoveDeliveries {
    target: String,
}

impl Write for RemoveDeliveries {
    type Answer = u64;

    async fn carry_out(self, session: &mut Session<'_>) -> Result<u64, WriteError> {
        let removed = sqlx::query("DELETE FROM deliveries WHERE target = ?1")
            .bind(self.target)
            .execute(session.connection().await?)
            .await?;
        Ok(removed.rows_affected())
    }
}

impl SqliteStore {
    fn unread(&self) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        |error| words::broken("read", &self.path, &error)
    }
}

impl Outbox for SqliteStore {
    fn tell_targets(&self, targets: Vec<String>, last: u64) -> Answer<'_, Vec<u64>> {
        self.write(TellTargets { targets, last })
    }

    fn keep_deliveries(
        &self,
        targets: Vec<String>,
        considered: u64,
        deliveries: Vec<NewDelivery>,
    ) -> Answer<'_, ()> {
        self.write(KeepDeliveries { targets, considered, deliveries })
    }

    fn deliveries(&self, target: String, order: DeliveryOrder, limit: u32) -> Answer<'_, Vec<KeptDelivery>> {
        async move {
            let query = match order {
                DeliveryOrder::Due => "SELECT * FROM deliveries WHERE target = ?1 ORDER BY due, id LIMIT ?2",
                DeliveryOrder::Kept => "SELECT * FROM deliveries WHERE target = ?1 ORDER BY id LIMIT ?2",
            };
            let rows = sqlx::query(query).bind(target).bind(limit);
            let rows = rows.fetch_all(&self.readers).await.map_err(self.unread())?;
            rows.iter().map(kept).collect::<Result<_, _>>().map_err(self.unread())
        }
        .boxed()
    }

    fn deliveries_waiting(&self) -> Answer<'_, Vec<DeliveriesWaiting>> {
        async move {
            let query = "SELECT target, count(*), coalesce((SELECT error FROM deliveries AS failed \
                         WHERE failed.target = deliveries.target AND error <> '' \
                         ORDER BY due DESC LIMIT 1), '') FROM deliveries GROUP BY target ORDER BY target";
            let rows: Vec<(String, i64, String)> =
                sqlx::query_as(query).fetch_all(&self.readers).await.map_err(self.unread())?;
            let waiting = |(target, count, error)| DeliveriesWaiting { target, count: uint(count), error };
            Ok(rows.into_iter().map(waiting).collect())
        }
        .boxed()
    }

    fn delivery_failed(&self, id: u64, error: String, due: Timestamp) -> Answer<'_, ()> {
        self.write(DeliveryFailed { id, error, due })
    }

    fn remove_delivery(&self, id: u64) -> Answer<'_, ()> {
        self.write(RemoveDelivery { id })
    }

    fn remove_deliveries(&self, target: String) -> Answer<'_, u64> {
        self.write(RemoveDeliveries { target })
    }
}

fn kept(row: &SqliteRow) -> Result<KeptDelivery, sqlx::Error> {
    let time = |millis: i64| Timestamp::from_millis(uint(millis));
    Ok(KeptDelivery {
        id: uint(row.try_get("id")?),
        delivery: NewDelivery {
            target: row.try_get("target")?,
            run: RunId::new(row.try_get::<&str, _>("run")?),
            about: row.try_get("about")?,
            recipient: row.try_get("recipient")?,
            content: row.try_get("content")?,
            queued: time(row.try_get("queued")?),
        },
        attempts: row.try_get("attempts")?,
        due: time(row.try_get("due")?),
        error: row.try_get("error")?,
    })
}
