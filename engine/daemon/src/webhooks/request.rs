//! What is sent: address, headers, signature.

use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use ring::hmac;
use xrdtest_model::webhook::WebhookDocument;
use xrdtest_report::webhook::{Rendered, Shape};

use super::Webhook;
use super::http::{Request, Url};
use super::private::Hidden;

const EVENT: HeaderName = HeaderName::from_static("x-xrdtest-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-xrdtest-delivery");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-xrdtest-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-xrdtest-signature");
const GITHUB_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const PRIVATE_TOKEN: HeaderName = HeaderName::from_static("private-token");

impl Webhook {
    /// A document on its way, and the secrets that it holds.
    pub(super) async fn request(
        &self,
        document: &WebhookDocument,
        rendered: Rendered,
    ) -> Result<(Request, Hidden), String> {
        let Rendered { body, commit } = rendered;
        let (mut url, mut hidden) = self.address().await?;
        let mut headers = vec![
            (CONTENT_TYPE, "application/json".to_owned()),
            (EVENT, document.event.as_str().to_owned()),
            (DELIVERY, document.id.clone()),
        ];
        if let Some(commit) = commit {
            url = self.below_project(&url, &format!("/statuses/{commit}"));
        }
        self.authorize(&mut headers, &mut hidden).await?;
        if let Some(secret) = &self.secret {
            let secret = read(secret).await?;
            let now = jiff::Timestamp::now().as_second().to_string();
            headers.push((SIGNATURE, signature(&secret, &now, body.as_bytes())));
            headers.push((TIMESTAMP, now));
            hidden.0.push(secret);
        }
        Ok((Request { method: Method::POST, url, headers, body }, hidden))
    }

    /// Asks for the project whose commits get a status.
    pub(super) async fn project_request(&self) -> Result<(Request, Hidden), String> {
        let (url, mut hidden) = self.address().await?;
        let url = self.below_project(&url, "");
        let mut headers = Vec::new();
        self.authorize(&mut headers, &mut hidden).await?;
        Ok((Request { method: Method::GET, url, headers, body: String::new() }, hidden))
    }

    async fn address(&self) -> Result<(Url, Hidden), String> {
        let url = Url::parse(&read(&self.url).await?)?;
        // The address of a chat's webhook is its password.
        let hidden = Hidden(vec![url.path().to_owned()]);
        Ok((url, hidden))
    }

    /// GitLab wants the project's path in one piece.
    fn below_project(&self, url: &Url, path: &str) -> Url {
        match self.shape {
            Shape::Gitlab => url.below(&format!("/projects/{}{path}", self.project.replace('/', "%2F"))),
            _ => url.below(&format!("/repos/{}{path}", self.project)),
        }
    }

    async fn authorize(
        &self,
        headers: &mut Vec<(HeaderName, String)>,
        hidden: &mut Hidden,
    ) -> Result<(), String> {
        let Some(token) = &self.token else { return Ok(()) };
        let token = read(token).await?;
        if self.shape == Shape::Gitlab {
            headers.push((PRIVATE_TOKEN, token.clone()));
        } else {
            headers.push((ACCEPT, "application/vnd.github+json".to_owned()));
            headers.push((GITHUB_VERSION, "2022-11-28".to_owned()));
            headers.push((AUTHORIZATION, format!("Bearer {token}")));
        }
        hidden.0.push(token);
        Ok(())
    }
}

/// A secret, from a file without holding up others.
async fn read(source: &super::Source) -> Result<String, String> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    read.map_err(|_| "a secret could not be read".to_owned())?
}

/// HMAC-SHA256 over the timestamp, a dot, and the body, in hexadecimal: `sha256=…`.
fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    let hexadecimal: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hexadecimal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Python: `hmac.new(b"key", b"1795342500." + b"{}", "sha256").hexdigest()`.
    #[test]
    fn a_signature_is_what_others_make_of_it() {
        let expected = "sha256=d69baa8eea8ef85719a6ed2efc328cce9057a8c2537577b600acc8d268e4e943";
        assert_eq!(signature("key", "1795342500", b"{}"), expected);
    }
}
