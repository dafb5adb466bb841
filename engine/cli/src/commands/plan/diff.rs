//! `xrdtest plan --diff REV`

use xrdtest_definitions::plan::{Compared, diff as compare};
use xrdtest_definitions::{LoadOptions, Loaded, load_as_written};
use xrdtest_report::plan as report;

use super::revision::Revision;
use super::{Wanted, unknown};
use crate::args::{PlanArgs, RunFormat};
use crate::commands::run::width;
use crate::exit::{Exit, print};
use crate::repository::name_files;

/// What differs between a revision and the files as they are now. Bad news are errors in what there is now.
pub(super) fn diff(
    args: &PlanArgs,
    wanted: &Wanted,
    revision: &str,
    now: &Loaded,
    options: &LoadOptions,
) -> anyhow::Result<Exit> {
    let taken = Revision::take(&wanted.root, revision)?;
    let root = taken.root();
    let before = load_as_written(&root, options);
    let only = match wanted.find_in([now, &before]) {
        None => None,
        Some(Ok(subject)) => Some(subject),
        Some(Err(problem)) => return Ok(unknown(&problem)),
    };
    let sides = [Compared { loaded: &before, root: &root }, Compared { loaded: now, root: &wanted.root }];
    let [before, now] = sides;
    let mut diff = compare(before, now, only.as_ref());
    diff.revision = revision.to_owned();
    diff.commit = taken.commit.clone();
    name_files(&wanted.root, &mut diff.introduced)?;
    name_files(&wanted.root, &mut diff.fixed)?;
    print(&match args.format {
        RunFormat::Json => report::diff_json(&diff),
        RunFormat::Text => report::diff(&diff, width()),
    })?;
    Ok(if diff.errors > 0 { Exit::BadNews } else { Exit::Good })
}
