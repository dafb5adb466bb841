//! The way out: a mail server, or a program.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, transport::smtp};
use xrdtest_model::with_causes;
use xrdtest_report::mail::Mail;

use super::{Login, Settings, Smtp, Way};
use crate::config::Tls;
use crate::deliveries::Unsent;

/// To be reached.
const REACHED: Duration = Duration::from_secs(30);
/// For all of a mail.
const ALL: Duration = Duration::from_secs(60);

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(server) => write!(f, "the mail server {}:{}", server.host, server.port),
            Self::Sendmail(program) => write!(f, "{}", program.display()),
        }
    }
}

/// This machine's name, as it introduces itself.
pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".to_owned())
}

impl Settings {
    /// Sends a mail to one address.
    pub(super) async fn send(&self, to: &str, mail: &Mail, written: SystemTime) -> Result<(), Unsent> {
        let address: Address =
            to.parse().map_err(|error| Unsent::Hopeless(format!("`{to}` is no mail address: {error}")))?;
        let message = self.message(address.clone(), mail, written)?.formatted();
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![address])
            .map_err(|error| Unsent::Hopeless(error.to_string()))?;
        let sent = async {
            match &self.way {
                Way::Smtp(server) => server.send(&envelope, &message).await,
                Way::Sendmail(program) => self.pipe(program, to, &message).await,
            }
        };
        let late = |_| Unsent::Way(format!("{} was not done with a mail after a minute", self.way));
        tokio::time::timeout(ALL, sent).await.map_err(late)?
    }

    fn message(&self, to: Address, mail: &Mail, written: SystemTime) -> Result<Message, Unsent> {
        let automatic = HeaderValue::new(
            // So that nobody's absence is told in answer.
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .date(written)
            .subject(mail.subject.clone())
            .message_id(Some(mail.message_id.clone()))
            .raw_header(automatic);
        if let Some(first) = &mail.in_reply_to {
            message = message.in_reply_to(first.clone()).references(first.clone());
        }
        let parts = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        message
            .multipart(parts)
            .map_err(|error| Unsent::Hopeless(format!("the mail can't be written: {error}")))
    }

    async fn pipe(&self, program: &Path, to: &str, message: &[u8]) -> Result<(), Unsent> {
        let failed =
            |what: &str, why: &dyn fmt::Display| Unsent::Way(format!("{}: {what}: {why}", program.display()));
        // A file, because a pipe would end early when the engine is killed: the program would take half a mail for a
        // whole one.
        let input = whole(message).map_err(|error| failed("its input can't be kept", &error))?;
        let child = tokio::process::Command::new(program)
            .args(["-i", "-f", self.from.email.as_ref(), "--", to])
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("it can't be started", &error))?;
        let output =
            child.wait_with_output().await.map_err(|error| failed("it can't be waited for", &error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(failed(&format!("it failed ({})", output.status), &said));
        }
        Ok(())
    }
}

/// A file without a name that holds this, to be read from its beginning.
fn whole(content: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

impl Way {
    /// Everything but a mail.
    pub(super) async fn probe(&self) -> Result<(), Unsent> {
        match self {
            Self::Smtp(server) => {
                let late =
                    |_| Unsent::Way(format!("{self} was not done with greeting the engine after a minute"));
                let mut connection = tokio::time::timeout(ALL, server.connect()).await.map_err(late)??;
                connection.abort().await;
                Ok(())
            }
            Self::Sendmail(program) => {
                let usable = nix::unistd::access(program, nix::unistd::AccessFlags::X_OK);
                usable.map_err(|errno| {
                    Unsent::Way(format!("{} can't be started: {}", program.display(), errno.desc()))
                })
            }
        }
    }
}

impl Smtp {
    async fn send(&self, envelope: &Envelope, message: &[u8]) -> Result<(), Unsent> {
        let mut connection = self.connect().await?;
        let sent = connection.send(envelope, message).await;
        connection.abort().await;
        let refused = |error: smtp::Error| {
            let words = format!(
                "the mail server {}:{} did not take the mail: {}",
                self.host,
                self.port,
                said(&error)
            );
            if error.status().is_some() { Unsent::Refused(words) } else { Unsent::Way(words) }
        };
        sent.map(drop).map_err(refused)
    }

    /// A connection on which mails are taken.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Unsent> {
        let Self { host, port, .. } = self;
        let failed = |what: &str| {
            let what = format!("the mail server {host}:{port} {what}");
            move |error: smtp::Error| Unsent::Way(format!("{what}: {}", said(&error)))
        };
        let hello = ClientId::Domain(host_name());
        let encrypted = if self.tls == Tls::Tls { Some(self.parameters().await?) } else { None };
        let server = (host.as_str(), *port);
        let connection = AsyncSmtpConnection::connect_tokio1(server, Some(REACHED), &hello, encrypted, None);
        let mut connection = connection.await.map_err(failed("can't be reached"))?;
        if self.tls == Tls::Starttls {
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(Unsent::Way(format!(
                    "the mail server {host}:{port} offers no STARTTLS; set mail.tls to \"tls\" or, without encryption, \
                     \"none\""
                )));
            }
            let encrypted = connection.starttls(self.parameters().await?, &hello).await;
            encrypted.map_err(failed("and the engine can't agree on TLS (mail.ca names another CA)"))?;
        }
        if let Some(login) = &self.login {
            let credentials = login.credentials().await?;
            let allowed = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            allowed.map_err(failed(&format!("does not let {} log in", login.name)))?;
        }
        Ok(connection)
    }

    async fn parameters(&self) -> Result<TlsParameters, Unsent> {
        let mut parameters = TlsParametersBuilder::new(self.host.clone());
        if let Some(ca) = &self.ca {
            let unusable = |why: String| Unsent::Way(format!("mail.ca, {}: {why}", ca.display()));
            let text = tokio::fs::read(ca).await.map_err(|error| unusable(error.to_string()))?;
            let certificate = Certificate::from_pem(&text).map_err(|error| unusable(said(&error)))?;
            parameters =
                parameters.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        parameters
            .build_rustls()
            .map_err(|error| Unsent::Way(format!("TLS can't be set up: {}", said(&error))))
    }
}

impl Login {
    async fn credentials(&self) -> Result<Credentials, Unsent> {
        let text = tokio::fs::read_to_string(&self.password).await.map_err(|error| {
            Unsent::Way(format!("mail.password_file, {}, can't be read: {error}", self.password.display()))
        })?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        Ok(Credentials::new(self.name.clone(), password))
    }
}

/// A failure with its causes, in one line.
fn said(error: &smtp::Error) -> String {
    with_causes(error).replace(['\r', '\n'], " ")
}
