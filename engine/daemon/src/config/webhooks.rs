//! `[[webhooks]]`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use glob::Pattern;
use serde::Deserialize;
use xrdtest_report::webhook::{Occasion, Shape, Wishes};

use super::{Config, units};
use crate::deliveries::Target;
use crate::webhooks::{Private, Source, Url, Webhook};

/// How long a server may take: by default, and at least and at most.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Another program that is told about runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSection {
    /// What it is called in the log and in `status`; absent: the host of its address.
    pub name: Option<String>,
    /// Whose words it speaks.
    pub shape: Shape,
    /// Its address; for the status of commits, the API's.
    pub url: Option<Private>,
    /// File of the address, which is its first line.
    pub url_file: Option<PathBuf>,
    /// When it is called; absent: as is usual for its shape.
    pub on: Option<BTreeSet<Occasion>>,
    /// Names of the suites that it is told of, with `*`, `?` and `[…]`; none: all.
    pub suites: Vec<String>,
    /// What its messages are signed with.
    pub secret: Option<Private>,
    /// File of that, which is its first line.
    pub secret_file: Option<PathBuf>,
    /// The project whose commits get a status.
    pub project: Option<String>,
    /// The name of the repository of definitions that has these commits; absent: the only one.
    pub repository: Option<String>,
    /// File of the token for the API, which is its first line.
    pub token_file: Option<PathBuf>,
    /// File with the certificates of CAs that are believed (PEM); absent: those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// How long the server may take.
    #[serde(deserialize_with = "units::duration")]
    pub timeout: Duration,
    /// How the dashboard's addresses begin; absent: with `https://` and its first name, where there is one.
    pub link: Option<String>,
    /// So many single cases of a run it is told of at most.
    pub most_per_run: u32,
}

impl Default for WebhookSection {
    fn default() -> Self {
        Self {
            name: None,
            shape: Shape::default(),
            url: None,
            url_file: None,
            on: None,
            suites: Vec::new(),
            secret: None,
            secret_file: None,
            project: None,
            repository: None,
            token_file: None,
            ca: None,
            timeout: TIMEOUT,
            link: None,
            most_per_run: 10,
        }
    }
}

impl Config {
    /// Who is called about runs.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn webhooks(&self) -> Result<Vec<Webhook>, String> {
        let mut all: Vec<Webhook> = Vec::new();
        for section in &self.webhooks {
            let webhook = section.webhook(self)?;
            if all.iter().any(|known| known.name() == webhook.name()) {
                let name = webhook.name();
                return Err(format!("two webhooks are called `{name}`: give one of them another `name`"));
            }
            all.push(webhook);
        }
        Ok(all)
    }

    /// All who are told about runs: by mail, by webhooks.
    pub(crate) fn targets(&self) -> Result<Vec<Arc<dyn Target>>, String> {
        let mail = self.mail()?.map(|mail| Arc::new(mail) as Arc<dyn Target>);
        let webhooks = self.webhooks()?.into_iter().map(|webhook| Arc::new(webhook) as Arc<dyn Target>);
        Ok(mail.into_iter().chain(webhooks).collect())
    }
}

impl WebhookSection {
    fn webhook(&self, config: &Config) -> Result<Webhook, String> {
        let url = self.url()?;
        let parsed = match &url {
            Source::Here(text) => Some(Url::parse(text.reveal())),
            Source::File(..) => None,
        };
        let name = match (&self.name, &parsed) {
            (Some(name), _) => name.clone(),
            (None, Some(Ok(url))) => url.host().to_owned(),
            (None, Some(Err(why))) => return Err(format!("webhooks.url: {why}")),
            (None, None) => {
                return Err("webhooks.name is missing: with `url_file` it must be given".to_owned());
            }
        };
        let named = |why: String| format!("the webhook `{name}`: {why}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(named("`name` has letters, digits, `-`, `_` and `.` only, at most 64".to_owned()));
        }
        let parsed = parsed.transpose().map_err(|why| named(format!("`url`: {why}")))?;
        if self.token_file.is_some() && parsed.is_some_and(|url| !url.is_safe()) {
            return Err(named(
                "`url` begins with http://: the token would go over the network in the open".to_owned(),
            ));
        }
        if self.timeout < TIMEOUTS.0 || self.timeout > TIMEOUTS.1 {
            return Err(named("`timeout` is at least \"1s\", at most \"5m\"".to_owned()));
        }
        let (project, repository) = self.commits(config).map_err(named)?;
        let pattern = |suite: &String| {
            Pattern::new(suite).map_err(|error| named(format!("`suites`: `{suite}` is no pattern: {error}")))
        };
        Ok(Webhook {
            shape: self.shape,
            url,
            project,
            repository,
            secret: self.secret().map_err(named)?,
            token: self.token_file.clone().map(|path| Source::File("webhooks.token_file", path)),
            ca: self.ca.clone(),
            suites: self.suites.iter().map(pattern).collect::<Result<_, _>>()?,
            wishes: Wishes { on: self.on().map_err(named)?, most_per_run: self.most_per_run },
            timeout: self.timeout,
            link: config.web.link("webhooks", self.link.as_deref()).map_err(named)?,
            said: Arc::default(),
            name,
        })
    }

    fn url(&self) -> Result<Source, String> {
        let usual = match self.shape {
            Shape::Github => Some("https://api.github.com"),
            Shape::Gitlab => Some("https://gitlab.com/api/v4"),
            _ => None,
        };
        match (&self.url, &self.url_file, usual) {
            (Some(url), None, _) => Ok(Source::Here(url.clone())),
            (None, Some(path), _) => Ok(Source::File("webhooks.url_file", path.clone())),
            (None, None, Some(usual)) => Ok(Source::Here(Private::from(usual))),
            (None, None, None) => Err(format!(
                "the webhook{} has no address: give it `url`, or `url_file`, a file that has it",
                self.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default()
            )),
            (Some(_), Some(_), _) => {
                Err("a webhook has both `url` and `url_file`; it has one address".to_owned())
            }
        }
    }

    fn secret(&self) -> Result<Option<Source>, String> {
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => Err("it has both `secret` and `secret_file`".to_owned()),
            (Some(_), _) | (_, Some(_)) if self.shape.is_status() => {
                Err("`secret` signs messages; a status of a commit is let in by `token_file`".to_owned())
            }
            (Some(secret), None) if secret.reveal().is_empty() => Err("`secret` is empty".to_owned()),
            (Some(secret), None) => Ok(Some(Source::Here(secret.clone()))),
            (None, Some(path)) => Ok(Some(Source::File("webhooks.secret_file", path.clone()))),
            (None, None) => Ok(None),
        }
    }

    fn on(&self) -> Result<BTreeSet<Occasion>, String> {
        match &self.on {
            Some(_) if self.shape.is_status() => {
                Err("a status is set when a run begins and when it is over: leave `on` out".to_owned())
            }
            Some(on) if on.is_empty() => Err("`on` is empty: it would never be called".to_owned()),
            Some(on) => Ok(on.clone()),
            None => Ok(self.shape.usual()),
        }
    }

    /// The project whose commits get a status, and the repository of definitions that it is.
    fn commits(&self, config: &Config) -> Result<(String, Option<String>), String> {
        if !self.shape.is_status() {
            return match (&self.project, &self.repository, &self.token_file) {
                (None, None, None) => Ok((String::new(), None)),
                _ => Err("`project`, `repository` and `token_file` are for the shapes github and gitlab"
                    .to_owned()),
            };
        }
        let Some(project) = self.project.as_deref().map(|project| project.trim_matches('/')) else {
            return Err("`project` is missing: OWNER/NAME, at GitLab also a project's number".to_owned());
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let parts: Vec<&str> = project.split('/').collect();
        let good = parts.iter().all(|part| part.chars().any(|c| c != '.') && part.chars().all(plain));
        let fits = match self.shape {
            Shape::Github => parts.len() == 2,
            _ => parts.len() >= 2 || project.chars().all(|c| c.is_ascii_digit()),
        };
        if !good || !fits {
            return Err(format!("`{project}` is no project; write it as in \"OWNER/NAME\""));
        }
        if self.token_file.is_none() {
            return Err("`token_file` is missing: a status is set by who has a token".to_owned());
        }
        let names: Vec<&str> = config.repository.iter().map(|known| known.name.as_str()).collect();
        let among = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match &self.repository {
            Some(name) if !names.contains(&name.as_str()) => {
                Err(format!("there is no repository `{name}`; there are {}", among()))
            }
            None if names.len() > 1 => {
                Err(format!("`repository` is missing: say whose commits get a status, of {}", among()))
            }
            repository => Ok((project.to_owned(), repository.clone())),
        }
    }
}
