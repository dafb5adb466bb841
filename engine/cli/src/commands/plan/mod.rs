//! `xrdtest plan`

mod diff;
mod place;
mod revision;

use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use anyhow::{Context, bail};
use xrdtest_definitions::plan::{PlanError, PlanOptions, Subject, find, plan as plan_of};
use xrdtest_definitions::{LoadOptions, Loaded, ScriptPolicy, SnapshotOptions, find_root, load_as_written};
use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan_document::PlanDocument;
use xrdtest_report::{findings, plan as report};

use super::ask::now;
use super::run::{path_of, width};
use crate::args::{PlanArgs, RunFormat};
use crate::exit::{Exit, print, say};
use crate::repository::{name_files, source};

pub(crate) fn plan(args: &PlanArgs) -> anyhow::Result<Exit> {
    let wanted = Wanted::of(args)?;
    let options = options(args);
    let load = LoadOptions { scripts: options.snapshot.scripts.clone(), ..LoadOptions::default() };
    let loaded = load_as_written(&wanted.root, &load);
    if let Some(revision) = &args.diff {
        return diff::diff(args, &wanted, revision, &loaded, &load);
    }
    let subject = match wanted.find(&loaded.catalogue) {
        None => bail!("name a suite or a cluster"),
        Some(Ok(subject)) => subject,
        Some(Err(problem)) => return Ok(unknown(&problem)),
    };
    let mut document = plan_of(&loaded, &wanted.root, &subject, &options);
    document.effective.placement = place::ask(&args.socket, &document, &loaded.catalogue)?;
    name_files(&wanted.root, &mut document.diagnostics)?;
    show(args, &document)?;
    Ok(if document.runnable { Exit::Good } else { Exit::BadNews })
}

fn show(args: &PlanArgs, document: &PlanDocument) -> anyhow::Result<()> {
    if args.format == RunFormat::Json {
        return print(&report::json(document));
    }
    let mut text = report::text(document, width());
    if !document.diagnostics.is_empty() {
        let color = anstream::stdout().current_choice() != ColorChoice::Never;
        text.push('\n');
        text.push_str(&findings::full(&document.diagnostics, source, color));
    }
    print(&text)
}

/// What is not there can't be told of.
fn unknown(problem: &PlanError) -> Exit {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    say(&format!("{style}error{style:#}: {problem}"));
    say(&format!("  help: {}", problem.help));
    Exit::CouldNot
}

fn options(args: &PlanArgs) -> PlanOptions {
    let scripts = ScriptPolicy { roots: args.script_roots.clone(), hosts: args.script_hosts.clone() };
    PlanOptions { snapshot: SnapshotOptions { scripts, ..SnapshotOptions::default() }, now: now() }
}

/// Which repository, and what of it.
struct Wanted {
    root: PathBuf,
    /// The name, and the folder below the root that a path leads into.
    name: Option<(String, Option<String>)>,
}

impl Wanted {
    fn of(args: &PlanArgs) -> anyhow::Result<Self> {
        let folder = args.definitions.clone().unwrap_or_else(|| PathBuf::from("."));
        let path = args.name.as_deref().and_then(path_of);
        let Some((path, name)) = path else {
            let name = args.name.clone().map(|name| (name, None));
            return Ok(Self { root: root_of(&folder)?, name });
        };
        // A path may be meant from the repository that was named.
        let path = match (&args.definitions, path.exists()) {
            (Some(definitions), false) => definitions.join(path),
            _ => path.to_owned(),
        };
        let root = root_of(&path)?;
        if let Some(named) = &args.definitions
            && root_of(named)? != root
        {
            bail!("{} is not in the repository {}", path.display(), named.display());
        }
        let absolute = path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
        let below = absolute.strip_prefix(&root).ok().and_then(|path| path.components().next());
        let within = below.map(|first| first.as_os_str().to_string_lossy().into_owned());
        let within = within.filter(|first| first == "suites" || first == "clusters");
        Ok(Self { root, name: Some((name, within)) })
    }

    /// `None` where everything is meant.
    fn find(&self, catalogue: &Catalogue) -> Option<Result<Subject, PlanError>> {
        let (name, within) = self.name.as_ref()?;
        Some(find(catalogue, name, within.as_deref()))
    }

    /// The one that is meant, in whichever of two versions it is.
    fn find_in(&self, versions: [&Loaded; 2]) -> Option<Result<Subject, PlanError>> {
        let [now, before] = versions.map(|loaded| self.find(&loaded.catalogue));
        match (now, before) {
            (Some(Err(_)), Some(Ok(gone))) => Some(Ok(gone)),
            (now, _) => now,
        }
    }
}

fn root_of(path: &Path) -> anyhow::Result<PathBuf> {
    find_root(path).context("name the repository with `--definitions DIR`, or go there")
}
