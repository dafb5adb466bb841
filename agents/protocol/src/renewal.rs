//! Certificates are replaced before they end, while everything goes on.
//!
//! An agent asks on the connection that it has, and tells when its certificate ends; the engine answers with a new one,
//! or when to ask again. The key stays. The connection goes on with the old certificate; the next one is made with the
//! new one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;

use crate::authority::{belongs_to, ends, request_for};
use crate::error::ProtocolError;
use crate::identity::{Credentials, write_private};
use crate::stream::Streams;

/// A certificate is renewed when this part of its life is left.
const PART_LEFT: u32 = 3;
/// Whoever may be asked again later is asked within a day.
const LATEST: Duration = Duration::from_secs(24 * 3600);
/// An agent first asks when the rush of connecting is over.
const FIRST: Duration = Duration::from_secs(60);
/// An engine that does not answer, as older ones do not, is not asked all the time.
const AFTER_FAILURE: Duration = Duration::from_secs(3600);
const AT_LEAST: Duration = Duration::from_secs(1);

/// The answer to [`StreamHeader::Renew`](crate::stream::StreamHeader::Renew).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "renewal", rename_all = "snake_case")]
pub enum RenewReply {
    /// Here is a new certificate.
    Signed {
        /// PEM.
        certificate: String,
        /// Seconds after which to ask again.
        again_s: u64,
    },
    /// The one that there is will do.
    NotYet {
        /// Seconds after which to ask again.
        again_s: u64,
    },
    /// There is none.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// What is to be done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is renewed now.
    Now,
    /// Nothing before that time is over.
    In(Duration),
}

/// What is to be done about a certificate that ends at that time, where new ones live so long. Times are since 1970.
pub fn decide(ends: Duration, now: Duration, lifetime: Duration) -> Decision {
    let left = ends.saturating_sub(now);
    match left.checked_sub(lifetime / PART_LEFT) {
        None | Some(Duration::ZERO) => Decision::Now,
        Some(until) => Decision::In(until.clamp(AT_LEAST, LATEST)),
    }
}

/// When to ask about a certificate that has just been made.
pub fn again(lifetime: Duration) -> Duration {
    match decide(lifetime, Duration::ZERO, lifetime) {
        Decision::In(wait) => wait,
        Decision::Now => AT_LEAST,
    }
}

/// How long an agent that has just connected waits until it asks.
fn first_ask(left: Duration) -> Duration {
    (left / 4).clamp(AT_LEAST, FIRST)
}

/// How long an agent waits that was not answered.
fn after_failure(left: Duration) -> Duration {
    (left / 4).clamp(AT_LEAST, AFTER_FAILURE)
}

/// The time of day, since 1970.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Asks for new certificates until it is dropped.
#[derive(Debug)]
pub struct Renewing {
    _task: AbortOnDropHandle<()>,
}

/// The credentials of an agent, kept fresh.
#[derive(Debug)]
pub struct Renewal {
    credentials: Mutex<Credentials>,
    folder: Option<PathBuf>,
}

impl Renewal {
    /// Credentials that are kept in `folder`, if anywhere.
    pub fn new(credentials: Credentials, folder: Option<PathBuf>) -> Self {
        Self { credentials: Mutex::new(credentials), folder }
    }

    /// The credentials to connect with.
    pub fn credentials(&self) -> Credentials {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a new certificate whenever it is time, for as long as the answer is kept and the connection lasts. `tell`
    /// hears of each new one, and of each failure.
    #[must_use]
    pub fn keep(
        self: &Arc<Self>,
        streams: &Streams,
        tell: impl Fn(Result<(), ProtocolError>) + Send + Sync + 'static,
    ) -> Renewing {
        let (renewal, streams) = (self.clone(), streams.clone());
        Renewing {
            _task: AbortOnDropHandle::new(tokio::spawn(async move { renewal.attend(streams, tell).await })),
        }
    }

    async fn attend(&self, streams: Streams, tell: impl Fn(Result<(), ProtocolError>) + Send + Sync) {
        let mut wait = first_ask(self.left());
        loop {
            tokio::time::sleep(wait).await;
            if streams.is_closed() {
                return;
            }
            wait = match self.ask(&streams).await {
                Ok((wait, renewed)) => {
                    if renewed {
                        tell(Ok(()));
                    }
                    wait
                }
                Err(error) => {
                    tell(Err(error));
                    after_failure(self.left())
                }
            };
        }
    }

    /// How long the certificate is still good.
    fn left(&self) -> Duration {
        ends(&self.credentials().certificate).unwrap_or_default().saturating_sub(now())
    }

    /// Asks once; answers when to ask again, and whether there is a new certificate.
    async fn ask(&self, streams: &Streams) -> Result<(Duration, bool), ProtocolError> {
        let credentials = self.credentials();
        let request = request_for(&credentials.key)?;
        let ends = ends(&credentials.certificate)?.as_secs();
        match streams.renew(request, ends).await? {
            RenewReply::NotYet { again_s } => Ok((Duration::from_secs(again_s).max(AT_LEAST), false)),
            RenewReply::Signed { certificate, again_s } => {
                self.take(Credentials { certificate, ..credentials })?;
                Ok((Duration::from_secs(again_s).max(AT_LEAST), true))
            }
            RenewReply::Refused { reason } => Err(ProtocolError::Refused(reason)),
        }
    }

    /// Takes a new certificate, where it is for the same agent and key.
    fn take(&self, new: Credentials) -> Result<(), ProtocolError> {
        let refused =
            |detail: &str| ProtocolError::Identity { what: "new certificate", detail: detail.to_owned() };
        if new.identity()? != self.credentials().identity()? {
            return Err(refused("it is for somebody else"));
        }
        if !belongs_to(&new.certificate, &new.key)? {
            return Err(refused("it is for another key"));
        }
        if let Some(folder) = &self.folder {
            write_private(&folder.join(Credentials::CERTIFICATE), &new.certificate)?;
        }
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::identity::Identity;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_third_of_its_life_before_it_ends() {
        const DAY: u64 = 24 * 3600;
        for (ends, now, lifetime, decision) in [
            (s(300), s(0), s(300), Decision::In(s(200))),
            (s(300), s(199), s(300), Decision::In(s(1))),
            (s(300), s(200), s(300), Decision::Now),
            (s(300), s(299), s(300), Decision::Now),
            // It is over, and the clock may be anywhere.
            (s(300), s(1000), s(300), Decision::Now),
            (s(0), s(1000), s(300), Decision::Now),
            // Within a day, so that a clock that is set is noticed.
            (s(3650 * DAY), s(0), s(3650 * DAY), Decision::In(s(DAY))),
            // The engine's lifetime is shorter now than when it was made, or longer.
            (s(3650 * DAY), s(0), s(30 * DAY), Decision::In(s(DAY))),
            (s(30 * DAY), s(0), s(3650 * DAY), Decision::Now),
            (s(300), s(0), s(0), Decision::In(s(300))),
        ] {
            assert_eq!(decide(ends, now, lifetime), decision, "{ends:?} {now:?} {lifetime:?}");
        }
        assert_eq!(again(s(30)), s(20));
        assert_eq!(again(s(0)), s(1));
        assert_eq!((first_ask(s(40)), first_ask(s(100_000)), first_ask(s(0))), (s(10), s(60), s(1)));
        assert_eq!(
            (after_failure(s(40)), after_failure(s(100_000)), after_failure(s(0))),
            (s(10), s(3600), s(1))
        );
    }

    #[test]
    fn only_a_certificate_of_ones_own_is_taken() {
        let authority = Authority::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let issue = |name: &str| authority.issue(&Identity::Hypervisor(name.into())).unwrap();
        let own = issue("h1");
        own.save(folder.path()).unwrap();
        let renewal = Renewal::new(own.clone(), Some(folder.path().to_owned()));
        for (other, why) in [(issue("h2"), "somebody else"), (issue("h1"), "another key")] {
            let other = Credentials { certificate: other.certificate, ..own.clone() };
            let error = renewal.take(other).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert_eq!(renewal.credentials(), own);
        }
        let request = request_for(&own.key).unwrap();
        let certificate = authority.sign(&request, &own.identity().unwrap()).unwrap();
        let new = Credentials { certificate, ..own.clone() };
        renewal.take(new.clone()).unwrap();
        assert_ne!(new.certificate, own.certificate);
        assert_eq!(renewal.credentials(), new);
        assert_eq!(Credentials::load(folder.path()).unwrap(), Some(new));
    }
}
