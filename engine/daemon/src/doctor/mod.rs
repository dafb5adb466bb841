//! `xrdtest-engine doctor`: looks at everything that an engine needs, whether one runs or not, and changes nothing.
//!
//! Each file is one check in two parts: `gather` looks and answers facts, `judge` makes findings of facts and is pure.
//! What the asking user may not see is a finding as well.

mod authority;
mod clock;
mod engine;
mod finding;
mod hypervisors;
mod mail;
mod ports;
mod repositories;
mod secrets;
mod space;
mod store;
mod tools;
mod webhooks;

use std::io::ErrorKind;
use std::path::Path;

pub use self::finding::{Examination, Finding, Grade};
use crate::config::Config;

/// Looks at everything that the configuration at `path` names.
pub async fn examine(path: &Path) -> Examination {
    let config = match Config::load(path).map_err(|error| error.to_string()).and_then(with_targets) {
        Ok(config) => config,
        Err(why) => {
            let finding = Finding::problem("configuration", path.display(), "it can't be used")
                .because(why)
                .next("correct the file, then ask again: nothing else can be looked at without it");
            return Examination::new(vec![finding]);
        }
    };
    let mut findings = vec![Finding::ok("configuration", path.display(), "it is valid")];
    let group = config.socket_group.as_deref();
    if let Some(why) = group.and_then(|group| crate::socket::unknown_group(&config.socket, group)) {
        findings.push(
            Finding::problem("configuration", path.display(), "the engine does not start").because(why),
        );
    }
    if let Some(folder) = config.reports.folder.as_ref().filter(|folder| folder.exists() && !folder.is_dir())
    {
        findings.push(
            Finding::problem("configuration", folder.display(), "no report can be written: it is no folder")
                .next("remove the file, or correct `folder` in [reports]"),
        );
    }
    let running = engine::gather(&config).await;
    findings.extend(engine::judge(&running));
    findings.extend(secrets::judge(&secrets::gather(&config)));
    findings.extend(authority::judge(&authority::gather(&config)));
    findings.extend(ports::judge(&ports::gather(&config, &running).await));
    let store = store::gather(&config).await;
    findings.extend(store::judge(&store));
    findings.extend(space::judge(&space::gather(&config)));
    findings.extend(repositories::judge(&repositories::gather(&config, &running).await));
    findings.extend(hypervisors::judge(&hypervisors::gather(&running)));
    findings.extend(mail::judge(&mail::gather(&config, &running).await));
    findings.extend(webhooks::judge(&webhooks::gather(&config, &running).await));
    findings.extend(clock::judge(&clock::gather(&config, path, &store)));
    findings.extend(tools::judge(&tools::gather(&config)));
    Examination::new(findings)
}

/// Why this user, who need not be the engine's, may not read a file or folder; `None`: it may, or it is not there.
fn hidden(path: &Path) -> Option<String> {
    let refused = std::fs::File::open(path).err().filter(|error| error.kind() == ErrorKind::PermissionDenied);
    refused.map(|error| format!("{}: {error}", path.display()))
}

fn with_targets(config: Config) -> Result<Config, String> {
    config.mail()?;
    config.webhooks()?;
    Ok(config)
}
