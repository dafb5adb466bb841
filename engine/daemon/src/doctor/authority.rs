//! The certificate authority, and a certificate that the dashboard was given.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xrdtest_model::time::{Timestamp, utc};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::identity::ends;

use super::{Finding, hidden};
use crate::config::Config;
use crate::dashboard;

const CHECK: &str = "certificates";
/// Agents and administrators need that long to be told.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// What there is.
pub(super) struct Facts {
    pub(super) folder: PathBuf,
    pub(super) certificate: Text,
    pub(super) key: Text,
    /// When the authority's certificate ends, or why that can't be told; `None` without one.
    pub(super) ends: Option<Result<Timestamp, String>>,
    /// What is wrong with certificate and key together; `None`: nothing, or there are not both.
    pub(super) unfit: Option<String>,
    /// The engine has a store: agents may have joined.
    pub(super) used: bool,
    /// The dashboard's own certificate.
    pub(super) dashboard: Option<(PathBuf, Result<Timestamp, String>)>,
    pub(super) now: Timestamp,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    There,
    Missing,
    Unseen(String),
}

fn read(path: &Path) -> (Text, Option<String>) {
    match std::fs::read_to_string(path) {
        Ok(text) => (Text::There, Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Text::Missing, None),
        Err(error) => (Text::Unseen(error.to_string()), None),
    }
}

fn end(pem: &str) -> Result<Timestamp, String> {
    let seconds = ends(pem).map_err(|error| error.to_string())?;
    Ok(Timestamp::from_millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)))
}

pub(super) fn gather(config: &Config) -> Facts {
    let folder = config.state.join("ca");
    let (certificate, pem) = read(&folder.join("ca.pem"));
    let (key, key_pem) = read(&folder.join("ca-key.pem"));
    let unfit = pem.clone().zip(key_pem).and_then(|(pem, key)| Authority::from_pem(pem, &key).err());
    let dashboard = config.web.certificate.as_ref().map(|path| {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        let ends = text.and_then(|text| end(&text));
        // What this user may not read is among the secrets.
        let key = config.web.key.as_ref().filter(|key| hidden(key).is_none());
        match key.and_then(|key| dashboard::unfit(path, key)) {
            Some(why) => (path.clone(), Err(why)),
            None => (path.clone(), ends),
        }
    });
    Facts {
        folder,
        certificate,
        key,
        ends: pem.as_deref().map(end),
        unfit: unfit.map(|error| error.to_string()),
        used: config.state.join("store.sqlite").exists(),
        dashboard,
        now: crate::clock::Clock::new().now(),
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![of_authority(facts)];
    if let Some((path, ends)) = &facts.dashboard {
        let renew = "have it renewed where it comes from, then restart the engine";
        findings.push(of_end(&path.display().to_string(), ends, facts.now, renew));
    }
    findings
}

fn of_authority(facts: &Facts) -> Finding {
    let place = facts.folder.display();
    let put_back = "put a backup of the folder back; without it a new authority is made, and every agent has to join again";
    match (&facts.certificate, &facts.key) {
        (Text::Unseen(why), _) | (_, Text::Unseen(why)) => {
            Finding::unseen(CHECK, place, "the authority can't be looked at")
                .because(why.clone())
                .next("ask as root")
        }
        (Text::Missing, Text::Missing) if facts.used => {
            Finding::problem(CHECK, place, "the certificate authority is gone")
                .because("the engine was in use before: its agents believe that authority only")
                .next(put_back)
        }
        (Text::Missing, Text::Missing) => {
            Finding::ok(CHECK, place, "there is no certificate authority yet: the first start makes one")
        }
        (Text::There, Text::Missing) | (Text::Missing, Text::There) => {
            let lost = if facts.key == Text::Missing { "ca-key.pem" } else { "ca.pem" };
            Finding::problem(CHECK, place, format!("{lost} is missing"))
                .because("the engine does not start without it")
                .next(put_back)
        }
        (Text::There, Text::There) => match (&facts.unfit, &facts.ends) {
            (Some(why), _) => Finding::problem(CHECK, place, "the certificate authority can't be used")
                .because(why.clone())
                .next(put_back),
            (None, Some(ends)) => {
                let renew = "make a new authority: stop the engine, move the folder away, start it, and join every agent again";
                of_end(&place.to_string(), ends, facts.now, renew)
            }
            (None, None) => Finding::ok(CHECK, place, "the certificate authority is there"),
        },
    }
}

fn of_end(place: &str, ends: &Result<Timestamp, String>, now: Timestamp, renew: &str) -> Finding {
    match ends {
        Err(why) => Finding::problem(CHECK, place, "the certificate can't be read")
            .because(why.clone())
            .next("put a whole file (PEM) there"),
        Ok(end) if *end <= now => {
            Finding::problem(CHECK, place, format!("the certificate ended on {}", utc(*end)))
                .because("nobody believes it any more")
                .next(renew)
        }
        Ok(end) if *end <= now.after(SOON) => {
            Finding::warning(CHECK, place, format!("the certificate ends on {}", utc(*end))).next(renew)
        }
        Ok(end) => Finding::ok(CHECK, place, format!("the certificate is good until {}", utc(*end))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn facts() -> Facts {
        Facts {
            folder: "/s/ca".into(),
            certificate: Text::There,
            key: Text::There,
            ends: Some(Ok(NOW.after(SOON * 2))),
            unfit: None,
            used: true,
            dashboard: None,
            now: NOW,
        }
    }

    #[test]
    fn each_state_of_the_authority() {
        let day = Duration::from_secs(24 * 3600);
        let cases = [
            (facts(), Grade::Ok, "is good until"),
            (Facts { ends: Some(Ok(NOW.after(day))), ..facts() }, Grade::Warning, "ends on 2023-11-15"),
            (Facts { ends: Some(Ok(NOW)), ..facts() }, Grade::Problem, "ended on"),
            (Facts { ends: Some(Err("no PEM".to_owned())), ..facts() }, Grade::Problem, "can't be read"),
            (Facts { unfit: Some("other key".to_owned()), ..facts() }, Grade::Problem, "can't be used"),
            (Facts { key: Text::Missing, ..facts() }, Grade::Problem, "ca-key.pem is missing"),
            (Facts { certificate: Text::Missing, ..facts() }, Grade::Problem, "ca.pem is missing"),
            (Facts { certificate: Text::Missing, key: Text::Missing, ..facts() }, Grade::Problem, "is gone"),
            (
                Facts { certificate: Text::Missing, key: Text::Missing, used: false, ..facts() },
                Grade::Ok,
                "the first start makes one",
            ),
            (
                Facts { key: Text::Unseen("denied".to_owned()), ..facts() },
                Grade::Unseen,
                "can't be looked at",
            ),
        ];
        for (facts, grade, words) in cases {
            let findings = judge(&facts);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].grade, grade, "{words}: {findings:?}");
            assert!(findings[0].what.contains(words), "{words}: {findings:?}");
        }
        let dashboard = Some(("/c.pem".into(), Ok(NOW)));
        assert_eq!(judge(&Facts { dashboard, ..facts() })[1].grade, Grade::Problem);
    }
}
