//! How a run may be named: by its id, the beginning of it, `latest`, `SUITE/latest`. An instance: by its id, the beginning
//! of it, or its cluster's name.

use xrdtest_model::RunId;
use xrdtest_model::api::{InstanceInfo, RunSummary};
use xrdtest_model::event::InstanceOwner;

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

/// What an instance is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To be looked at.
    Any,
    /// To be stopped: of a cluster's name one that belongs to no run is meant.
    WithoutRun,
}

/// The instance that is meant.
pub(crate) async fn resolve_instance(
    client: &Client,
    name: &str,
    wanted: Wanted,
) -> anyhow::Result<InstanceInfo> {
    let all: Vec<InstanceInfo> = client.get("/instances").await?;
    only_instance(name, all, wanted)
}

fn only_instance(name: &str, all: Vec<InstanceInfo>, wanted: Wanted) -> anyhow::Result<InstanceInfo> {
    if let Some(exact) = all.iter().find(|known| known.instance.as_str() == name) {
        return Ok(exact.clone());
    }
    let of_run = |known: &InstanceInfo| matches!(known.owner, InstanceOwner::Run { .. });
    let (of_cluster, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|known| known.cluster == name);
    let mut found: Vec<InstanceInfo> = of_cluster.clone();
    found.retain(|known| wanted == Wanted::Any || !of_run(known));
    if of_cluster.is_empty() {
        found = others.into_iter().filter(|known| known.instance.as_str().starts_with(name)).collect();
    }
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let mut lines = String::new();
    let listed = if found.is_empty() { &of_cluster } else { &found };
    for known in listed {
        lines.push_str(&format!("\n  {} ({})", known.instance, known.owner));
    }
    match (found.is_empty(), of_cluster.is_empty()) {
        (true, true) => anyhow::bail!(
            "there is no instance `{name}` now; `xrdtest cluster list` lists those that exist, \
             `xrdtest clusters` what is defined"
        ),
        (true, false) => anyhow::bail!(
            "cluster `{name}` has no instance without a run; `xrdtest cancel RUN` ends a run with its instances:{lines}"
        ),
        (false, _) => anyhow::bail!("`{name}` is several instances; say which:{lines}"),
    }
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
    use crate::show::tests_of_instances::instance;

    #[test]
    fn names_of_instances() {
        let run = |run: &str| InstanceOwner::Run { run: run.into() };
        let hand = || InstanceOwner::Hand { by: "alice".to_owned() };
        let all = [
            instance("r1.0", "one", run("r1")),
            instance("r1.1", "two", run("r1")),
            instance("r2.0", "two", InstanceOwner::Kept { run: "r2".into() }),
            instance("h-1", "three", hand()),
            instance("h-2", "three", hand()),
        ];
        let find = |name: &str, wanted| match only_instance(name, all.to_vec(), wanted) {
            Ok(found) => found.instance.to_string(),
            Err(error) => error.to_string(),
        };
        for (name, wanted, expect) in [
            ("r1.0", Wanted::WithoutRun, "r1.0"),
            ("one", Wanted::Any, "r1.0"),
            ("two", Wanted::WithoutRun, "r2.0"),
            ("h-1", Wanted::Any, "h-1"),
            ("r2", Wanted::Any, "r2.0"),
        ] {
            assert_eq!(find(name, wanted), expect, "{name}");
        }
        for (name, wanted, expect) in [
            (
                "one",
                Wanted::WithoutRun,
                "`xrdtest cancel RUN` ends a run with its instances:\n  r1.0 (run r1)",
            ),
            (
                "three",
                Wanted::WithoutRun,
                "several instances; say which:\n  h-1 (by hand, alice)\n  h-2 (by hand",
            ),
            ("two", Wanted::Any, "say which:\n  r1.1 (run r1)\n  r2.0 (kept after run r2 failed)"),
            ("four", Wanted::Any, "there is no instance `four` now; `xrdtest cluster list`"),
        ] {
            assert!(find(name, wanted).contains(expect), "{name}: {}", find(name, wanted));
        }
    }

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
