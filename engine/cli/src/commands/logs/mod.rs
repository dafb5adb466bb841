//! `xrdtest logs`

mod artifact;
mod choice;
mod printer;

use std::io::{self, Write};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use xrdtest_model::api::OutputEntry;
use xrdtest_model::{Event, EventBody, RunId, RunPlan};

use self::choice::{Choice, Stage};
use self::printer::Printer;
use super::ask::{Ask, block_on};
use super::output::Output;
use crate::args::{LogsArgs, RunFormat};
use crate::client::{Told, follow, part, resolve};
use crate::exit::{Exit, say};

/// Pieces of output that may wait to be printed.
const BUFFER: usize = 64;
/// Events that are asked for at once.
const PAGE: usize = 1000;

pub(crate) fn logs(args: &LogsArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    let result = block_on(async {
        let run = resolve(&ask.client, &args.run).await?;
        if let Some(host) = &args.console {
            return console(&ask, &run, host).await;
        }
        if let Some(path) = &args.artifact {
            return artifact::artifact(&ask, &run, args, path).await;
        }
        if args.remote.format == RunFormat::Json {
            let path = format!("/runs/{}/outputs", part(run.as_str()));
            return ask.show(&path, |_, _: &Vec<OutputEntry>| String::new()).await;
        }
        let mut logs = Logs { ask, run, args, plan: None, printer: None };
        if args.follow { logs.follow().await } else { logs.all().await }
    });
    // A reader that has gone (`xrdtest logs … | head`) is no error.
    match result {
        Err(error) if is_broken_pipe(&error) => Ok(Exit::Good),
        other => other,
    }
}

/// As it is: whoever looks at a console has a terminal.
async fn console(ask: &Ask, run: &RunId, host: &str) -> anyhow::Result<Exit> {
    let of_run = format!("/runs/{}", part(run.as_str()));
    let plan: RunPlan = ask.client.get(&format!("{of_run}/plan")).await?;
    let machines = Choice::new(&plan, &[host.to_owned()], &[])?.machines;
    let [machine] = machines.as_slice() else {
        bail!("`{host}` is more than one machine: {}; give a full name", machines.join(", "));
    };
    let path = format!("{of_run}/consoles/{}", part(machine));
    let mut body = ask.client.stream(&path, "text/plain").await?;
    let mut out = io::stdout().lock();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.context("the console broke off")?.into_data() {
            out.write_all(&piece)?;
        }
    }
    Ok(Exit::Good)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

struct Logs<'a> {
    ask: Ask,
    run: RunId,
    args: &'a LogsArgs,
    plan: Option<(Box<RunPlan>, Choice)>,
    printer: Option<Printer>,
}

impl Logs<'_> {
    /// What there is now.
    async fn all(&mut self) -> anyhow::Result<Exit> {
        let mut after = 0;
        loop {
            let path = format!("/runs/{}/events?after={after}&limit={PAGE}", part(self.run.as_str()));
            let events: Vec<Event> = self.ask.client.get(&path).await?;
            for event in &events {
                self.take(event, false).await?;
            }
            match events.last() {
                Some(last) if events.len() == PAGE => after = last.number,
                _ => return Ok(Exit::Good),
            }
        }
    }

    /// What comes, until the run has its verdict.
    async fn follow(&mut self) -> anyhow::Result<Exit> {
        let mut events = follow(&self.ask.client, &self.run);
        while let Some(told) = events.recv().await {
            match told {
                Told::Event(event) => {
                    self.take(&event, true).await?;
                    if let EventBody::RunFinished { verdict, .. } = &event.body {
                        say(&format!("{} {verdict}", self.run));
                        break;
                    }
                }
                Told::Away(why) => say(&format!("no contact to the engine ({why}); asking again")),
                Told::Back => say("the engine answers again"),
                Told::Failed(error) => return Err(error.into()),
                Told::End => break,
            }
        }
        Ok(Exit::Good)
    }

    async fn take(&mut self, event: &Event, follow: bool) -> anyhow::Result<()> {
        if let EventBody::RunQueued { plan, .. } = &event.body {
            let choice = Choice::new(plan, &self.args.machines, &self.args.stages)?;
            self.printer = Some(Printer::new(&choice.machines, choice.several_stages));
            self.plan = Some((plan.clone(), choice));
        }
        let (Some((plan, choice)), Some(printer)) = (&self.plan, &mut self.printer) else { return Ok(()) };
        let Some(stage) = choice.begun(plan, event) else { return Ok(()) };
        printer.stage(&stage.title)?;
        if follow { self.together(&stage).await } else { self.one_by_one(&stage).await }
    }

    fn output(&self, stage: &Stage, machine: &str, attempt: u32) -> Output {
        let (run, stage, machine) = (self.run.clone(), stage.folder.clone(), machine.to_owned());
        Output { run, stage, machine, attempt }
    }

    /// Machine by machine, in the order of the definition.
    async fn one_by_one(&mut self, stage: &Stage) -> anyhow::Result<()> {
        for (machine, attempt) in &stage.machines {
            let single = Stage { machines: vec![(machine.clone(), *attempt)], ..stage.clone() };
            self.print(&single, false).await?;
        }
        Ok(())
    }

    /// Line by line as they come from all machines.
    async fn together(&mut self, stage: &Stage) -> anyhow::Result<()> {
        self.print(stage, true).await
    }

    async fn print(&mut self, stage: &Stage, follow: bool) -> anyhow::Result<()> {
        let (sender, mut pieces) = mpsc::channel::<(String, Bytes)>(BUFFER);
        let mut readers = JoinSet::new();
        for (machine, attempt) in &stage.machines {
            let output = self.output(stage, machine, *attempt);
            let (client, sender) = (self.ask.client.clone(), sender.clone());
            readers.spawn(async move {
                let pass_on = |piece| {
                    let (sender, machine) = (sender.clone(), output.machine.clone());
                    async move { drop(sender.send((machine, piece)).await) }
                };
                output.read(&client, follow, pass_on).await
            });
        }
        drop(sender);
        let Some(printer) = &mut self.printer else { return Ok(()) };
        while let Some((machine, piece)) = pieces.recv().await {
            printer.piece(&machine, &piece)?;
        }
        printer.end_of_stage()?;
        while let Some(ended) = readers.join_next().await {
            ended??;
        }
        Ok(())
    }
}
