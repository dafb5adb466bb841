//! Webhooks: other programs are told about runs over HTTP. Targets of [`crate::deliveries`], each its own.
//!
//! What is kept of a delivery is a document of the engine's own shape; [`Shape`] makes of it what the server understands
//! when it is sent. [`http`] is the way out, [`request`] what goes over it, [`judge`] says what an answer means.

mod http;
mod judge;
mod private;
mod request;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use glob::Pattern;
use tracing::info;
use xrdtest_model::RunPlan;
use xrdtest_model::webhook::WebhookDocument;
use xrdtest_report::webhook::{Happened, Shape, Told, Wishes, document, rendered, test_document};
use xrdtest_store::outbox::{DeliveryOrder, KeptDelivery, NewDelivery};

use self::http::Request;
pub(crate) use self::http::Url;
use self::private::Hidden;
pub use self::private::Private;
pub(crate) use self::private::Source;
use crate::clock::Clock;
use crate::deliveries::{Story, Target, Unsent, WEBHOOK};
use crate::mail::host_name;

/// A webhook, ready to be called.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) url: Source,
    /// The project whose commits get a status.
    pub(crate) project: String,
    /// The repository of definitions that it is the project of; `None`: there is only one.
    pub(crate) repository: Option<String>,
    pub(crate) secret: Option<Source>,
    pub(crate) token: Option<Source>,
    pub(crate) ca: Option<PathBuf>,
    /// Names of suites; none: all.
    pub(crate) suites: Vec<Pattern>,
    pub(crate) wishes: Wishes,
    pub(crate) timeout: Duration,
    /// How the dashboard's addresses begin; may be empty.
    pub(crate) link: String,
    /// Repositories of which it was said that their runs can have no status.
    pub(crate) said: Arc<Mutex<BTreeSet<String>>>,
}

impl Webhook {
    /// What it is called in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls it now, to say that it works; of the status of commits the server is asked for the project. Answers what
    /// came of it.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub async fn test(&self) -> Result<String, Unsent> {
        let way = self.way();
        if self.shape.is_status() {
            self.ask_for_project().await?;
            return Ok(format!(
                "{way} knows the project {} and lets the engine in; no status was set",
                self.project
            ));
        }
        let document =
            test_document(&format!("test.{}", uuid::Uuid::new_v4()), Clock::new().now(), &host_name());
        self.send(&document).await?;
        Ok(format!("{way} took a message"))
    }

    /// Goes as far as that changes nothing: reaches the server; of the status of commits it is asked for the project.
    /// Answers which server that is.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub(crate) async fn probe(&self) -> Result<String, Unsent> {
        if self.shape.is_status() {
            self.ask_for_project().await?;
            return Ok(self.way());
        }
        let url = self.url.read().and_then(|url| Url::parse(&url)).map_err(Unsent::Way)?;
        let way = url.origin();
        let reached = http::reach(&url, self.ca.as_deref(), self.timeout).await;
        reached.map_err(|why| Unsent::Way(format!("{way} {why}")))?;
        Ok(way)
    }

    /// Where the run is one whose commit's status is set: the commit's repository is this one, and the run is of what was
    /// committed.
    fn has_commit(&self, plan: &RunPlan) -> bool {
        let Some(origin) = &plan.origin else { return false };
        if self.repository.as_ref().is_some_and(|name| *name != origin.repository) {
            return false;
        }
        let why = match (&origin.commit, origin.dirty) {
            (Some(_), Some(true)) => "its files differed from the commit",
            (Some(_), _) => return true,
            (None, _) => "it has no commit",
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(origin.repository.clone()) {
            let (webhook, repository) = (&self.name, &origin.repository);
            info!(
                webhook,
                repository, why, "a run of this repository has no status; the next ones are not told"
            );
        }
        false
    }
}

impl Target for Webhook {
    fn name(&self) -> String {
        format!("{WEBHOOK}{}", self.name)
    }

    fn way(&self) -> String {
        match self.url.read().and_then(|url| Url::parse(&url)) {
            Ok(url) => url.origin(),
            Err(_) => format!("the webhook {}", self.name),
        }
    }

    fn order(&self) -> DeliveryOrder {
        DeliveryOrder::Kept
    }

    fn is_told_of(&self, plan: &RunPlan) -> bool {
        let meant = self.suites.is_empty() || self.suites.iter().any(|suite| suite.matches(&plan.suite));
        meant && (!self.shape.is_status() || self.has_commit(plan))
    }

    fn may_be_told(&self, _: &RunPlan, happened: Happened) -> bool {
        self.wishes.may_ask_for(happened)
    }

    fn deliveries(&self, story: &Story) -> Result<Vec<NewDelivery>, serde_json::Error> {
        let Story { plan, record, before, at, happened, run } = story;
        let told = Told { plan, record, before, at: *at };
        let Some(document) = document(told, *happened, &self.wishes, &self.link) else {
            return Ok(Vec::new());
        };
        Ok(vec![NewDelivery {
            target: Target::name(self),
            run: run.clone(),
            about: happened.name(),
            recipient: String::new(),
            content: serde_json::to_string(&document)?,
            queued: *at,
        }])
    }

    fn deliver<'a>(&'a self, kept: &'a KeptDelivery) -> BoxFuture<'a, Result<(), Unsent>> {
        async move {
            let document: WebhookDocument = serde_json::from_str(&kept.delivery.content)
                .map_err(|error| Unsent::Hopeless(format!("what is kept of it can't be read: {error}")))?;
            self.send(&document).await
        }
        .boxed()
    }
}

impl Webhook {
    async fn send(&self, document: &WebhookDocument) -> Result<(), Unsent> {
        let Some(rendered) = rendered(self.shape, document) else {
            return Err(Unsent::Hopeless("it has no commit whose status could be set".to_owned()));
        };
        self.ask(self.request(document, rendered).await).await
    }

    async fn ask_for_project(&self) -> Result<(), Unsent> {
        self.ask(self.project_request().await).await
    }

    async fn ask(&self, request: Result<(Request, Hidden), String>) -> Result<(), Unsent> {
        let (request, hidden) = request.map_err(Unsent::Way)?;
        let way = request.url.origin();
        let judged = match http::ask(request, self.ca.as_deref(), self.timeout).await {
            Ok(answer) => judge::judge(self.shape, &way, &answer),
            Err(why) => Err(Unsent::Way(format!("{way} {why}"))),
        };
        judged.map_err(|unsent| hidden.without(unsent))
    }
}
