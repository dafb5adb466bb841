//! `xrdtest logs RUN --artifact PATH`

use std::io::{self, Write};

use anyhow::{Context, bail};
use http_body_util::BodyExt;
use xrdtest_model::RunId;
use xrdtest_model::api::OutputEntry;
use xrdtest_model::definition::short_name;

use super::choice::is_stage;
use crate::args::LogsArgs;
use crate::client::part;
use crate::commands::ask::Ask;
use crate::exit::Exit;

/// Artifacts that a message names.
const NAMED: usize = 20;

/// A file that a script kept, to the byte.
pub(super) async fn artifact(ask: &Ask, run: &RunId, args: &LogsArgs, path: &str) -> anyhow::Result<Exit> {
    let run = part(run.as_str());
    let entries: Vec<OutputEntry> = ask.client.get(&format!("/runs/{run}/outputs")).await?;
    let (entry, path) = choose(&entries, path, &args.machines, &args.stages)?;
    let (stage, machine) = (part(&entry.stage), part(&entry.machine));
    let path: Vec<String> = path.split('/').filter(|step| !step.is_empty()).map(part).collect();
    let path = format!("/runs/{run}/artifacts/{stage}/{machine}/{}", path.join("/"));
    let mut body = ask.client.stream(&path, "application/octet-stream").await?;
    let mut out = io::stdout().lock();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.context("the artifact broke off")?.into_data() {
            out.write_all(&piece)?;
        }
    }
    out.flush()?;
    Ok(Exit::Good)
}

/// The one artifact that is meant, with its path.
fn choose<'a>(
    entries: &'a [OutputEntry],
    asked: &str,
    machines: &[String],
    stages: &[String],
) -> anyhow::Result<(&'a OutputEntry, &'a str)> {
    let all: Vec<_> = entries.iter().filter_map(|entry| Some((entry, entry.artifact.as_deref()?))).collect();
    let of_machine = |host: &str| {
        machines.is_empty() || machines.iter().any(|asked| asked == host || asked == short_name(host))
    };
    let of_stage = |folder: &str| stages.is_empty() || stages.iter().any(|asked| is_stage(asked, folder));
    let is_it =
        |path: &str| path == asked || path.strip_suffix(asked).is_some_and(|rest| rest.ends_with('/'));
    let mut found = all
        .iter()
        .filter(|(entry, path)| is_it(path) && of_machine(&entry.machine) && of_stage(&entry.stage));
    let Some(first) = found.next() else {
        if all.is_empty() {
            bail!("the run has no artifacts; a script keeps a file with `artifact PATH`");
        }
        bail!("the run has no such artifact `{asked}`; its artifacts are\n{}", named(all.iter()));
    };
    let others: Vec<_> = found.collect();
    if !others.is_empty() {
        bail!(
            "several artifacts are called `{asked}`; choose one with --machine and --stage\n{}",
            named(std::iter::once(first).chain(others))
        );
    }
    Ok(*first)
}

fn named<'a>(artifacts: impl Iterator<Item = &'a (&'a OutputEntry, &'a str)>) -> String {
    let lines: Vec<String> = artifacts
        .map(|(entry, path)| {
            format!("  {path} --machine {} --stage {}", short_name(&entry.machine), entry.stage)
        })
        .collect();
    let (shown, rest) = lines.split_at(lines.len().min(NAMED));
    let more = if rest.is_empty() { String::new() } else { format!("\n  and {} more", rest.len()) };
    format!("{}{more}", shown.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(machine: &str, stage: &str, artifact: Option<&str>) -> OutputEntry {
        OutputEntry {
            stage: stage.to_owned(),
            machine: machine.to_owned(),
            attempt: 1,
            file: String::new(),
            log: None,
            artifact: artifact.map(str::to_owned),
            length: 1,
            complete: true,
        }
    }

    #[test]
    fn one_artifact_is_meant() {
        let entries = [
            entry("ds1.x", "03-copy-run", None),
            entry("ds1.x", "03-copy-run", Some("/tmp/report.xml")),
            entry("ds2.x", "03-copy-run", Some("/tmp/report.xml")),
            entry("ds2.x", "04-copy-finalize", Some("/var/core")),
        ];
        let choose = |asked: &str, machines: &[&str], stages: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            choose(&entries, asked, &owned(machines), &owned(stages))
                .map(|(entry, path)| format!("{} {path}", entry.machine))
                .map_err(|error| error.to_string())
        };
        assert_eq!(choose("core", &[], &[]).unwrap(), "ds2.x /var/core");
        assert_eq!(choose("report.xml", &["ds2"], &["copy-run"]).unwrap(), "ds2.x /tmp/report.xml");
        assert_eq!(choose("/tmp/report.xml", &["ds1.x"], &[]).unwrap(), "ds1.x /tmp/report.xml");
        let several = choose("report.xml", &[], &[]).unwrap_err();
        assert!(several.contains("--machine ds1 --stage 03-copy-run"), "{several}");
        let none = choose("ore", &[], &[]).unwrap_err();
        assert!(none.contains("no such artifact `ore`") && none.contains("/var/core"), "{none}");
    }
}
