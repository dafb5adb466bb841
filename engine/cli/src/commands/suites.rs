//! `xrdtest suites`

use serde_json::Value;
use xrdtest_model::Timestamp;
use xrdtest_model::api::{PauseRequest, SchedulesInfo, SuiteInfo};

use super::ask::{Ask, block_on, or_none};
use crate::args::{PauseArgs, SuitesArgs, SuitesCommand};
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn suites(args: &SuitesArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.which.remote);
    block_on(async {
        match &args.command {
            Some(SuitesCommand::Schedule) => return ask.show("/schedule", schedules).await,
            Some(SuitesCommand::Pause(which)) => return pause(&ask, which, true).await,
            Some(SuitesCommand::Resume(which)) => return pause(&ask, which, false).await,
            None => {}
        }
        match &args.which.name {
            Some(name) => ask.show(&format!("/suites/{}", part(name)), show::suite).await,
            None => {
                ask.show("/suites", |now, all: &Vec<SuiteInfo>| {
                    or_none(
                        show::suites(now, all),
                        "there are no suites; `xrdtest-engine reload` reads definitions again",
                    )
                })
                .await
            }
        }
    })
}

async fn pause(ask: &Ask, which: &PauseArgs, paused: bool) -> anyhow::Result<Exit> {
    let path = match &which.name {
        Some(name) => format!("/suites/{}/schedule", part(name)),
        None => "/schedule".to_owned(),
    };
    let answer: Value = ask.client.put(&path, &PauseRequest { paused }).await?;
    let name = which.name.clone();
    ask.print(answer, |now, all: &SchedulesInfo| {
        let mut told = all.clone();
        told.suites.retain(|suite| name.as_ref().is_none_or(|name| suite.suite == *name));
        schedules(now, &told)
    })
}

/// What holds for all, and a line for each suite.
fn schedules(_: Timestamp, all: &SchedulesInfo) -> String {
    let mut text = String::new();
    if !all.enabled {
        text += "schedules are off: `enabled` of [schedule] in the engine's configuration\n";
    }
    if let Some(by) = &all.paused {
        text += &format!("all schedules are paused by {by}\n");
    }
    text += &show::schedules(&all.suites);
    or_none(text, "no suite has a schedule")
}
