//! Mail about runs: the way out, without a mail, and what waits.

use xrdtest_model::api::MailInfo;
use xrdtest_report::findings::plural;

use super::engine::Running;
use super::{Finding, hidden};
use crate::config::Config;

const CHECK: &str = "mail";

/// What came of the way, and what the engine says.
pub(super) struct Facts {
    /// The way, or why it can't be gone; `None`: no mail is sent.
    pub(super) way: Option<Result<String, String>>,
    /// Why this user can't go it.
    pub(super) hidden: Option<String>,
    pub(super) waiting: Option<MailInfo>,
}

pub(super) async fn gather(config: &Config, running: &Running) -> Facts {
    let secrets = [&config.mail.password_file, &config.mail.ca];
    let hidden = secrets.into_iter().flatten().find_map(|path| hidden(path));
    let way = match config.mail() {
        Ok(Some(_)) if hidden.is_some() => None,
        Ok(Some(settings)) => Some(settings.probe().await.map_err(|error| error.to_string())),
        Ok(None) => None,
        Err(why) => Some(Err(why)),
    };
    Facts { way, hidden, waiting: running.answer.as_ref().ok().and_then(|answer| answer.info.mail.clone()) }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![match (&facts.way, &facts.hidden) {
        (_, Some(why)) => Finding::unseen(CHECK, "[mail]", "this user can't try it")
            .because(why.clone())
            .next("ask as root"),
        (None, None) => Finding::ok(CHECK, "[mail]", "none is sent: it is not configured"),
        (Some(Ok(way)), None) => Finding::ok(CHECK, way, "it can be reached, and lets the engine in"),
        (Some(Err(why)), None) => Finding::problem(CHECK, "[mail]", "mail can't be sent")
            .because(why.clone())
            .next("correct [mail], or look at the server; mails wait for three days meanwhile"),
    }];
    if let Some(MailInfo { waiting, error }) = &facts.waiting
        && *waiting > 0
    {
        findings.push(
            Finding::warning(CHECK, "queue", format!("not sent yet: {}", plural(*waiting, "mail")))
                .because(error.clone()),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn the_way_and_what_waits() {
        let facts = |way, hidden| Facts { way, hidden, waiting: None };
        let waiting = Some(MailInfo { waiting: 2, error: "refused".to_owned() });
        let cases = [
            (facts(None, None), vec![Grade::Ok]),
            (facts(Some(Ok("a server".to_owned())), None), vec![Grade::Ok]),
            (facts(Some(Err("no".to_owned())), None), vec![Grade::Problem]),
            (facts(None, Some("denied".to_owned())), vec![Grade::Unseen]),
            (Facts { waiting, ..facts(None, None) }, vec![Grade::Ok, Grade::Warning]),
        ];
        for (facts, grades) in cases {
            let found = judge(&facts);
            assert_eq!(found.iter().map(|finding| finding.grade).collect::<Vec<_>>(), grades, "{found:?}");
        }
    }
}
