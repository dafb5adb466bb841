//! `[mail]`.

use std::path::PathBuf;

use lettre::message::Mailbox;
use serde::Deserialize;
use xrdtest_report::mail::Common;

use super::{Config, Web};
use crate::mail::{Login, Settings, Smtp, Way};

/// Mail about runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSection {
    /// Who mails are from; absent: there is no mail.
    pub from: Option<String>,
    /// The mail server, HOST:PORT; or else `sendmail`.
    pub smtp: Option<String>,
    /// Whether the way to the server is encrypted.
    pub tls: Tls,
    /// File with the certificate of the CA that the server's is of (PEM); absent: those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// The name to log in with; absent: no login.
    pub username: Option<String>,
    /// File of the password, which is its first line.
    pub password_file: Option<PathBuf>,
    /// The program that takes mails, in the place of a server.
    pub sendmail: Option<PathBuf>,
    /// How the dashboard's addresses begin in mails; absent: with `https://` and its first name, where there is one.
    pub link: Option<String>,
    /// So many mails about single cases a run has at most.
    pub most_per_run: u32,
}

/// Whether the way to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// It is not.
    None,
    /// It is from the first command on that a server takes in the open; a server that can't is refused.
    #[default]
    Starttls,
    /// It is from its first byte on.
    Tls,
}

impl Default for MailSection {
    fn default() -> Self {
        Self {
            from: None,
            smtp: None,
            tls: Tls::default(),
            ca: None,
            username: None,
            password_file: None,
            sendmail: None,
            link: None,
            most_per_run: 10,
        }
    }
}

impl Config {
    /// How mails are sent; `None` where they are not.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn mail(&self) -> Result<Option<Settings>, String> {
        self.mail.settings(&self.web)
    }
}

impl MailSection {
    fn settings(&self, web: &Web) -> Result<Option<Settings>, String> {
        let Some(from) = &self.from else {
            return match self.smtp.is_some() || self.sendmail.is_some() {
                true => Err("mail.from is missing: say who mails are from".to_owned()),
                false => Ok(None),
            };
        };
        let from: Mailbox = from.parse().map_err(|_| {
            format!("mail.from is no address: `{from}`; write it as in \"xrdtest <xrdtest@example.org>\"")
        })?;
        let domain = from.email.domain().to_owned();
        let link = web.link("mail", self.link.as_deref())?;
        let common = Common { domain, link, most_per_run: self.most_per_run };
        Ok(Some(Settings { from, way: self.way()?, common }))
    }

    fn way(&self) -> Result<Way, String> {
        match (&self.smtp, &self.sendmail) {
            (Some(server), None) => self.smtp(server).map(Way::Smtp),
            (None, Some(program)) => Ok(Way::Sendmail(program.clone())),
            (Some(_), Some(_)) => Err("mail has both `smtp` and `sendmail`; mails go one way".to_owned()),
            (None, None) => {
                Err("mail has neither `smtp`, a server, nor `sendmail`, a program to send with".to_owned())
            }
        }
    }

    fn smtp(&self, server: &str) -> Result<Smtp, String> {
        let wrong = || format!("mail.smtp is no HOST:PORT: `{server}`; as in \"mail.example.org:587\"");
        let (host, port) = server.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong());
        }
        let login = match (&self.username, &self.password_file) {
            (Some(name), Some(password)) => Some(Login { name: name.clone(), password: password.clone() }),
            (None, None) => None,
            _ => return Err("mail.username and mail.password_file belong together".to_owned()),
        };
        if login.is_some() && self.tls == Tls::None {
            return Err(
                "mail.username with tls = \"none\": the password would go over the network in the open"
                    .to_owned(),
            );
        }
        Ok(Smtp { host, port, tls: self.tls, ca: self.ca.clone(), login })
    }
}
