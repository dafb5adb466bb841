//! `xrdtest audit`

use xrdtest_model::api::AuditEntry;

use super::ask::{Ask, block_on, or_none};
use crate::args::AuditArgs;
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn audit(args: &AuditArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    let who = args.who.as_ref().map(|who| format!("&who={}", part(who))).unwrap_or_default();
    let before = args.before.map(|before| format!("&before={before}")).unwrap_or_default();
    block_on(async {
        let render =
            |now, all: &Vec<AuditEntry>| or_none(show::audit(now, all), "nothing of that kind is recorded");
        ask.show(&format!("/audit?limit={}{who}{before}", args.limit), render).await
    })
}
