//! Webhooks: whether their servers can be reached, and what waits for them.

use std::collections::BTreeMap;

use futures::future::join_all;
use xrdtest_model::api::DeliveryInfo;
use xrdtest_report::findings::plural;

use super::Finding;
use super::engine::Running;
use crate::config::Config;
use crate::deliveries::WEBHOOK;

const CHECK: &str = "webhook";

/// What came of the way of each, by name, and what the engine says.
pub(super) struct Facts {
    /// The server, or why it can't be called.
    pub(super) ways: BTreeMap<String, Result<String, String>>,
    pub(super) waiting: Vec<DeliveryInfo>,
}

pub(super) async fn gather(config: &Config, running: &Running) -> Facts {
    // That the configuration is valid was looked at before.
    let webhooks = config.webhooks().unwrap_or_default();
    let ways = webhooks.iter().map(|webhook| async {
        (webhook.name().to_owned(), webhook.probe().await.map_err(|error| error.to_string()))
    });
    let ways = join_all(ways).await.into_iter().collect();
    let waiting = running.answer.as_ref().map(|answer| answer.info.deliveries.clone()).unwrap_or_default();
    Facts { ways, waiting }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, way) in &facts.ways {
        findings.push(match way {
            Ok(way) => Finding::ok(CHECK, name, format!("{way} can be reached")),
            Err(why) => Finding::problem(CHECK, name, "it can't be called").because(why.clone()).next(
                "correct its [[webhooks]], or look at the server; what it is to be told waits for three days meanwhile",
            ),
        });
    }
    for DeliveryInfo { target, waiting, error, .. } in &facts.waiting {
        if let Some(name) = target.strip_prefix(WEBHOOK)
            && *waiting > 0
        {
            let what = format!("not sent yet: {}", plural(*waiting, "message"));
            findings.push(Finding::warning(CHECK, name, what).because(error.clone()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn the_ways_and_what_waits() {
        let facts = Facts {
            ways: BTreeMap::from([
                ("chat".to_owned(), Ok("https://chat.example.org".to_owned())),
                ("ci".to_owned(), Err("https://ci.example.org can't be reached".to_owned())),
            ]),
            waiting: vec![
                DeliveryInfo { target: "webhook/ci".to_owned(), waiting: 3, ..DeliveryInfo::default() },
                DeliveryInfo { target: "webhook/chat".to_owned(), ..DeliveryInfo::default() },
                DeliveryInfo { target: "mail".to_owned(), waiting: 9, ..DeliveryInfo::default() },
            ],
        };
        let found = judge(&facts);
        let grades: Vec<_> = found.iter().map(|finding| finding.grade).collect();
        assert_eq!(grades, [Grade::Ok, Grade::Problem, Grade::Warning], "{found:?}");
    }
}
