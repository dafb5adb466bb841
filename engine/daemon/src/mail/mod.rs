//! Mail about runs: [`follow`] makes mails of what the journal says and keeps them in the store, [`send`] sends what is
//! kept, [`way`] is the way out. A mail is forgotten only when a server has taken it, or after days.

mod follow;
mod send;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use lettre::message::Mailbox;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::error;
use xrdtest_model::api::MailInfo;
use xrdtest_report::mail::{Common, Mail};
use xrdtest_store::StoreError;

use self::follow::Follower;
use self::send::Sender;
pub use self::way::Unsent;
use crate::config::Tls;
use crate::handle::EngineHandle;

/// How mails are sent, and what they have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) from: Mailbox,
    pub(crate) way: Way,
    pub(crate) common: Common,
}

/// The way out.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Smtp(Smtp),
    /// A program that takes a mail on its standard input.
    Sendmail(PathBuf),
}

/// A mail server.
#[derive(Clone, Debug)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) login: Option<Login>,
}

/// Who logs in to a mail server.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) name: String,
    /// The file whose first line is the password.
    pub(crate) password: PathBuf,
}

impl Settings {
    /// Sends a mail that says that mail works; answers which way it went.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub async fn test(&self, to: &str) -> Result<String, Unsent> {
        let host = way::host_name();
        let words = "This is how the test engine sends mail about runs.";
        let mail = Mail {
            subject: format!("[xrdtest] a test from {host}"),
            text: format!("{words}\n"),
            html: format!("<p>{words}</p>"),
            message_id: format!("<test.{}@{}>", uuid::Uuid::new_v4(), self.common.domain),
            in_reply_to: None,
        };
        self.send(to, &mail, SystemTime::now()).await?;
        Ok(self.way.to_string())
    }
}

impl Settings {
    /// Goes the whole way but sends nothing: reaches the server, agrees on TLS, logs in. Answers which way that is.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub(crate) async fn probe(&self) -> Result<String, Unsent> {
        self.way.probe().await?;
        Ok(self.way.to_string())
    }
}

impl EngineHandle {
    /// Sends mail about runs until `end`, and what is being sent then; without settings there is none about what happens meanwhile.
    pub(crate) async fn send_mail(self, settings: Option<Settings>, end: CancellationToken) {
        let sent = match settings {
            Some(settings) => self.follow_and_send(settings, end).await,
            None => self.no_mail().await,
        };
        if let Err(error) = sent {
            error!(%error, "no mail is sent any more; runs go on");
        }
    }

    async fn follow_and_send(&self, settings: Settings, end: CancellationToken) -> Result<(), StoreError> {
        let (settings, new) = (Arc::new(settings), Arc::new(Notify::new()));
        let (waiting, error) = self.store.mails_waiting().await?;
        self.mail.send_replace(Some(MailInfo { waiting, error }));
        let follower = Follower::start(self.clone(), settings.clone(), new.clone(), end.clone()).await?;
        let sender = Sender::new(self.clone(), settings, new, end);
        tokio::try_join!(follower.run(), sender.run())?;
        Ok(())
    }

    async fn no_mail(&self) -> Result<(), StoreError> {
        if self.store.mail_considered().await?.is_some() {
            self.store.keep_mails(None, Vec::new()).await?;
        }
        Ok(())
    }
}
