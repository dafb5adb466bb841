//! How a run may be named: by its id, the beginning of it, `latest`, `SUITE/latest`.

use xrdtest_model::RunId;
use xrdtest_model::api::RunSummary;

use super::{Client, part};

/// Runs that are asked for at once.
const PAGE: usize = 1000;
/// Runs named where several fit.
const NAMED: usize = 5;

/// The run that is meant.
pub(crate) async fn resolve(client: &Client, name: &str) -> anyhow::Result<RunId> {
    if let Some(suite) = latest_of(name) {
        let of = suite.map(|suite| format!("&suite={}", part(suite))).unwrap_or_default();
        let mut runs: Vec<RunSummary> = client.get(&format!("/runs?limit=1{of}")).await?;
        return runs.pop().map(|run| run.run).ok_or_else(|| match suite {
            Some(suite) => anyhow::anyhow!("suite `{suite}` has no runs; `xrdtest suites` lists suites"),
            None => anyhow::anyhow!("there are no runs yet; `xrdtest run SUITE` asks for one"),
        });
    }
    let mut found = Vec::new();
    let mut page = String::new();
    loop {
        let runs: Vec<RunSummary> = client.get(&format!("/runs?limit={PAGE}{page}")).await?;
        if let Some(exact) = runs.iter().find(|run| run.run.as_str() == name) {
            return Ok(exact.run.clone());
        }
        found.extend(runs.iter().map(|run| run.run.clone()).filter(|run| run.as_str().starts_with(name)));
        match runs.last() {
            Some(last) if runs.len() == PAGE => page = format!("&before={}", last.queued.as_millis()),
            _ => break,
        }
    }
    only(name, &found)
}

/// `Some(None)`: the latest of all.
fn latest_of(name: &str) -> Option<Option<&str>> {
    match name.rsplit_once('/') {
        None if name == "latest" => Some(None),
        Some((suite, "latest")) => Some(Some(suite)),
        _ => None,
    }
}

/// The one run that begins so.
fn only(name: &str, found: &[RunId]) -> anyhow::Result<RunId> {
    match found {
        [one] => Ok(one.clone()),
        [] => anyhow::bail!("there is no run `{name}`; `xrdtest runs` lists runs"),
        several => {
            let named: Vec<_> = several.iter().take(NAMED).map(RunId::as_str).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            anyhow::bail!("`{name}` is the beginning of {}{more}; say more of it", named.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runs() {
        assert_eq!(latest_of("latest"), Some(None));
        assert_eq!(latest_of("ts_1/latest"), Some(Some("ts_1")));
        assert_eq!((latest_of("ts_1"), latest_of("ts_1/first")), (None, None));
        let runs: Vec<RunId> = (0..7).map(|n| RunId::new(format!("2026-{n}"))).collect();
        assert_eq!(only("2026-0", &runs[..1]).unwrap(), runs[0]);
        assert_eq!(
            only("2026", &runs).unwrap_err().to_string(),
            "`2026` is the beginning of 2026-0, 2026-1, 2026-2, 2026-3, 2026-4 and 2 more; say more of it"
        );
        assert!(only("2027", &[]).unwrap_err().to_string().contains("`xrdtest runs` lists runs"));
    }
}
