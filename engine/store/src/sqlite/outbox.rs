//! Mails that are not sent yet.

use futures::FutureExt;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use xrdtest_model::{RunId, Timestamp};

use super::rows::{insert, int, uint};
use super::write::{Session, Write, WriteError};
use super::{SqliteStore, words};
use crate::outbox::{KeptMail, NewMail, Outbox};
use crate::{Answer, StoreError};

/// Keeps mails, and which events led to them.
#[derive(Debug)]
struct KeepMails {
    considered: Option<u64>,
    mails: Vec<NewMail>,
}

impl Write for KeepMails {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let statement = match self.considered {
            Some(_) => "INSERT OR REPLACE INTO mail_considered (only, event) VALUES (0, ?1)",
            None => "DELETE FROM mail_considered WHERE ?1 IS NULL",
        };
        sqlx::query(statement).bind(self.considered.map(int)).execute(&mut *session.connection).await?;
        let statement = (
            "INSERT OR IGNORE INTO mails (run, about, recipient, content, queued, attempts, due, error)",
            "",
        );
        insert(session.connection, statement, &self.mails, |columns, mail| {
            columns.push_bind(mail.run.as_str().to_owned()).push_bind(mail.about.clone());
            columns.push_bind(mail.recipient.clone()).push_bind(mail.content.clone());
            let queued = int(mail.queued.as_millis());
            columns.push_bind(queued).push_bind(0i64).push_bind(queued).push_bind(String::new());
        })
        .await?;
        Ok(())
    }
}

/// Notes a failed attempt.
#[derive(Debug)]
struct MailFailed {
    id: u64,
    error: String,
    due: Timestamp,
}

impl Write for MailFailed {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("UPDATE mails SET attempts = attempts + 1, error = ?2, due = ?3 WHERE id = ?1")
            .bind(int(self.id))
            .bind(self.error)
            .bind(int(self.due.as_millis()))
            .execute(&mut *session.connection)
            .await?;
        Ok(())
    }
}

/// Removes a mail.
#[derive(Debug)]
struct RemoveMail {
    id: u64,
}

impl Write for RemoveMail {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        sqlx::query("DELETE FROM mails WHERE id = ?1")
            .bind(int(self.id))
            .execute(&mut *session.connection)
            .await?;
        Ok(())
    }
}

impl SqliteStore {
    fn unread(&self) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        |error| words::broken("read", &self.path, &error)
    }
}

impl Outbox for SqliteStore {
    fn mail_considered(&self) -> Answer<'_, Option<u64>> {
        async move {
            let found = sqlx::query_scalar("SELECT event FROM mail_considered");
            let found: Option<i64> = found.fetch_optional(&self.readers).await.map_err(self.unread())?;
            Ok(found.map(uint))
        }
        .boxed()
    }

    fn keep_mails(&self, considered: Option<u64>, mails: Vec<NewMail>) -> Answer<'_, ()> {
        self.write(KeepMails { considered, mails })
    }

    fn mails(&self, limit: u32) -> Answer<'_, Vec<KeptMail>> {
        async move {
            let rows = sqlx::query("SELECT * FROM mails ORDER BY due, id LIMIT ?1")
                .bind(limit)
                .fetch_all(&self.readers)
                .await
                .map_err(self.unread())?;
            rows.iter().map(kept).collect::<Result<_, _>>().map_err(self.unread())
        }
        .boxed()
    }

    fn mails_waiting(&self) -> Answer<'_, (u64, String)> {
        async move {
            let query = "SELECT count(*), coalesce((SELECT error FROM mails WHERE error <> '' \
                         ORDER BY due DESC LIMIT 1), '') FROM mails";
            let (count, error): (i64, String) =
                sqlx::query_as(query).fetch_one(&self.readers).await.map_err(self.unread())?;
            Ok((uint(count), error))
        }
        .boxed()
    }

    fn mail_failed(&self, id: u64, error: String, due: Timestamp) -> Answer<'_, ()> {
        self.write(MailFailed { id, error, due })
    }

    fn remove_mail(&self, id: u64) -> Answer<'_, ()> {
        self.write(RemoveMail { id })
    }
}

fn kept(row: &SqliteRow) -> Result<KeptMail, sqlx::Error> {
    let time = |millis: i64| Timestamp::from_millis(uint(millis));
    Ok(KeptMail {
        id: uint(row.try_get("id")?),
        mail: NewMail {
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
