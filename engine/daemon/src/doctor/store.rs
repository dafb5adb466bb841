//! The store: it opens, its layout is known, it holds together.

use std::io;
use std::path::PathBuf;

use xrdtest_store::sqlite::inspect::{Inspection, inspect};

use super::Finding;
use crate::config::Config;

const CHECK: &str = "store";
/// Larger ones would keep people waiting; an engine looks through smaller ones at each start.
const EXAMINED: u64 = 4 << 30;

/// What is there.
pub(super) struct Facts {
    pub(super) path: PathBuf,
    pub(super) seen: Seen,
}

/// What was seen of it.
pub(super) enum Seen {
    Missing,
    Unseen(String),
    Looked(Result<Inspection, String>),
}

pub(super) async fn gather(config: &Config) -> Facts {
    let path = config.state.join("store.sqlite");
    let seen = match std::fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Missing,
        Err(error) => Seen::Unseen(error.to_string()),
        Ok(_) => Seen::Looked(inspect(&path, EXAMINED).await.map_err(|error| error.to_string())),
    };
    Facts { path, seen }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let place = facts.path.display();
    let finding = match &facts.seen {
        Seen::Missing => Finding::ok(CHECK, place, "there is none yet: the first start makes one"),
        Seen::Unseen(why) => {
            Finding::unseen(CHECK, place, "it can't be looked at").because(why.clone()).next("ask as root")
        }
        Seen::Looked(Err(why)) => Finding::problem(CHECK, place, "it can't be used").because(why.clone()),
        Seen::Looked(Ok(Inspection { layout, newest, examined, .. })) => {
            let whole = if *examined {
                "it holds together"
            } else {
                "it opens; it is too large to be looked through now"
            };
            let layout = match layout < newest {
                true => format!("layout {layout}, which the next start brings to {newest}"),
                false => format!("layout {layout}"),
            };
            Finding::ok(CHECK, place, format!("{whole} ({layout})"))
        }
    };
    vec![finding]
}
