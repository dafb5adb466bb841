//! Mail about runs, a target of [`crate::deliveries`]: [`way`] is the way out.

mod way;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use lettre::message::Mailbox;
use xrdtest_model::RunPlan;
use xrdtest_report::mail::{About, Common, Mail, is_asked_for, mail};
use xrdtest_report::webhook::Happened;
use xrdtest_store::outbox::{DeliveryOrder, KeptDelivery, NewDelivery};

pub(crate) use self::way::host_name;
use crate::config::Tls;
use crate::deliveries::{MAIL, Story, Target, Unsent};

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

    /// Goes the whole way but sends nothing: reaches the server, agrees on TLS, logs in. Answers which way that is.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub(crate) async fn probe(&self) -> Result<String, Unsent> {
        self.way.probe().await?;
        Ok(self.way.to_string())
    }
}

impl Target for Settings {
    fn name(&self) -> String {
        MAIL.to_owned()
    }

    fn way(&self) -> String {
        self.way.to_string()
    }

    /// A mail that is refused does not hold up the others.
    fn order(&self) -> DeliveryOrder {
        DeliveryOrder::Due
    }

    fn is_told_of(&self, plan: &RunPlan) -> bool {
        !plan.alerts.emails.is_empty()
    }

    fn may_be_told(&self, plan: &RunPlan, happened: Happened) -> bool {
        match happened {
            // A run may have to tell what its cases did not.
            Happened::Ended(About::Run, _) => true,
            Happened::Ended(about, verdict) => is_asked_for(&plan.alerts, about, verdict),
            Happened::Started => false,
        }
    }

    fn deliveries(&self, story: &Story) -> Result<Vec<NewDelivery>, serde_json::Error> {
        let Happened::Ended(about, _) = story.happened else { return Ok(Vec::new()) };
        let mail = mail(&story.plan, &story.record, about, &story.before, &self.common);
        let Some(mail) = mail else { return Ok(Vec::new()) };
        let content = serde_json::to_string(&mail)?;
        let mut addresses = story.plan.alerts.emails.clone();
        addresses.sort();
        addresses.dedup();
        let new = |recipient| NewDelivery {
            target: MAIL.to_owned(),
            run: story.run.clone(),
            about: about.name(),
            recipient,
            content: content.clone(),
            queued: story.at,
        };
        Ok(addresses.into_iter().map(new).collect())
    }

    fn deliver<'a>(&'a self, kept: &'a KeptDelivery) -> BoxFuture<'a, Result<(), Unsent>> {
        async move {
            let mail = &kept.delivery;
            let written = UNIX_EPOCH + Duration::from_millis(mail.queued.as_millis());
            match serde_json::from_str(&mail.content) {
                Ok(content) => self.send(&mail.recipient, &content, written).await,
                Err(error) => Err(Unsent::Hopeless(format!("what is kept of it can't be read: {error}"))),
            }
        }
        .boxed()
    }
}
