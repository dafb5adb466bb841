//! `xrdtest logs RUN --artifact PATH`

use std::io::{self, Write};

use anyhow::{Context, anyhow, bail};
use http_body_util::BodyExt;
use xrdtest_model::RunId;
use xrdtest_model::api::OutputEntry;
use xrdtest_model::definition::short_name;

use super::choice::is_stage;
use crate::args::LogsArgs;
use crate::client::part;
use crate::commands::ask::Ask;
use crate::exit::Exit;

/// Files that a message names.
const NAMED: usize = 20;

/// A file that a script kept, or a log that was collected, to the byte.
pub(super) async fn artifact(ask: &Ask, run: &RunId, args: &LogsArgs, path: &str) -> anyhow::Result<Exit> {
    let run = part(run.as_str());
    let entries: Vec<OutputEntry> = ask.client.get(&format!("/runs/{run}/outputs")).await?;
    let Kept { entry, path, is_log } = choose(&entries, path, &args.machines, &args.stages)?;
    let (stage, machine) = (part(&entry.stage), part(&entry.machine));
    let path: Vec<String> = path.split('/').filter(|step| !step.is_empty()).map(part).collect();
    let (kind, accept) =
        if is_log { ("logs", "text/plain") } else { ("artifacts", "application/octet-stream") };
    let path = format!("/runs/{run}/{kind}/{stage}/{machine}/{}", path.join("/"));
    let mut body = ask.client.stream(&path, accept).await?;
    let mut out = io::stdout().lock();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.context("the file broke off")?.into_data() {
            out.write_all(&piece)?;
        }
    }
    out.flush()?;
    Ok(Exit::Good)
}

/// A file that a run has of a machine.
#[derive(Clone, Copy, Debug)]
struct Kept<'a> {
    entry: &'a OutputEntry,
    /// On the machine.
    path: &'a str,
    /// It was collected as a log, as back-traces are; else a script, or a crash, kept it.
    is_log: bool,
}

impl<'a> Kept<'a> {
    fn of(entry: &'a OutputEntry) -> Option<Self> {
        let artifact = entry.artifact.as_deref().map(|path| Self { entry, path, is_log: false });
        artifact.or_else(|| entry.log.as_deref().map(|path| Self { entry, path, is_log: true }))
    }
}

/// The one file that is meant. An artifact goes before a log of the same name.
fn choose<'a>(
    entries: &'a [OutputEntry],
    asked: &str,
    machines: &[String],
    stages: &[String],
) -> anyhow::Result<Kept<'a>> {
    let all: Vec<Kept<'a>> = entries.iter().filter_map(Kept::of).collect();
    let of_machine = |host: &str| {
        machines.is_empty() || machines.iter().any(|asked| asked == host || asked == short_name(host))
    };
    let of_stage = |folder: &str| stages.is_empty() || stages.iter().any(|asked| is_stage(asked, folder));
    let is_it =
        |path: &str| path == asked || path.strip_suffix(asked).is_some_and(|rest| rest.ends_with('/'));
    let mut found: Vec<Kept<'a>> = all
        .iter()
        .filter(|kept| is_it(kept.path) && of_machine(&kept.entry.machine) && of_stage(&kept.entry.stage))
        .copied()
        .collect();
    if found.iter().any(|kept| !kept.is_log) {
        found.retain(|kept| !kept.is_log);
    }
    match found.as_slice() {
        [] => Err(nothing(&all, asked)),
        [only] => Ok(*only),
        several => bail!(
            "several {} are called `{asked}`; choose one with --machine and --stage\n{}",
            if several[0].is_log { "logs" } else { "artifacts" },
            named(several)
        ),
    }
}

/// What there is instead: files with such a name, or else all.
fn nothing(all: &[Kept<'_>], asked: &str) -> anyhow::Error {
    if all.is_empty() {
        return anyhow!(
            "the run has no artifacts and no collected logs; a script keeps a file with `artifact PATH`, \
             a suite has logs collected with `ts.logs`"
        );
    }
    let wanted = asked.to_lowercase();
    let near: Vec<Kept<'_>> =
        all.iter().filter(|kept| kept.path.to_lowercase().contains(&wanted)).copied().collect();
    let (words, shown) =
        if near.is_empty() { ("its files are", all) } else { ("there are", near.as_slice()) };
    anyhow!("the run has no such artifact `{asked}`, nor such a log; {words}\n{}", named(shown))
}

fn named(files: &[Kept<'_>]) -> String {
    let lines: Vec<String> = files
        .iter()
        .map(|Kept { entry, path, .. }| {
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

    fn log(machine: &str, stage: &str, path: &str) -> OutputEntry {
        OutputEntry { log: Some(path.to_owned()), ..entry(machine, stage, None) }
    }

    #[test]
    fn one_artifact_is_meant() {
        let entries = [
            entry("ds1.x", "03-copy-run", None),
            entry("ds1.x", "03-copy-run", Some("/tmp/report.xml")),
            entry("ds2.x", "03-copy-run", Some("/tmp/report.xml")),
            entry("ds2.x", "04-copy-finalize", Some("/var/core")),
            log("ds2.x", "04-copy-finalize", "/crash/backtrace.xrootd.77.txt"),
            log("ds2.x", "04-copy-finalize", "/other/core"),
            log("ds1.x", "04-copy-finalize", "/var/log/x.log"),
            log("ds2.x", "04-copy-finalize", "/var/log/x.log"),
        ];
        let choose = |asked: &str, machines: &[&str], stages: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            choose(&entries, asked, &owned(machines), &owned(stages))
                .map(|kept| format!("{} {}", kept.entry.machine, kept.path))
                .map_err(|error| error.to_string())
        };
        assert_eq!(choose("core", &[], &[]).unwrap(), "ds2.x /var/core");
        assert_eq!(choose("report.xml", &["ds2"], &["copy-run"]).unwrap(), "ds2.x /tmp/report.xml");
        assert_eq!(choose("/tmp/report.xml", &["ds1.x"], &[]).unwrap(), "ds1.x /tmp/report.xml");
        let trace = "ds2.x /crash/backtrace.xrootd.77.txt";
        assert_eq!(choose("backtrace.xrootd.77.txt", &[], &[]).unwrap(), trace);
        assert_eq!(choose("x.log", &["ds2"], &[]).unwrap(), "ds2.x /var/log/x.log");
        let several = choose("x.log", &[], &[]).unwrap_err();
        assert!(several.starts_with("several logs are called `x.log`"), "{several}");
        let several = choose("report.xml", &[], &[]).unwrap_err();
        assert!(several.contains("--machine ds1 --stage 03-copy-run"), "{several}");
        let none = choose("ore", &[], &[]).unwrap_err();
        assert!(none.contains("no such artifact `ore`") && none.contains("/var/core"), "{none}");
        let near = choose("BackTrace", &[], &[]).unwrap_err();
        assert!(near.contains("backtrace.xrootd.77.txt --machine ds2") && !near.contains("/var/"), "{near}");
        let far = choose("nothing", &[], &[]).unwrap_err();
        assert!(far.contains("/var/core") && far.contains("/tmp/report.xml"), "{far}");
    }
}
