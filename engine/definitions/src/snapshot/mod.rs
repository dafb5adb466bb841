//! A run's own copy of everything it uses.

mod cluster;
mod error;
pub(crate) mod network;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use xrdtest_model::definition::{
    CaseDefinition, Catalogue, ClusterDefinition, ScriptRef, SuiteDefinition, short_name,
};
use xrdtest_model::plan::{Alerts, CasePlan, ClusterPlan, RunPlan, Script};
use xrdtest_model::{Diagnostic, Limits};

pub use self::cluster::snapshot_cluster;
pub use self::error::SnapshotError;
use self::network::{hexadecimal, plan_cluster};
use crate::draft::script::describe_script;
use crate::evaluate::files::Files;
use crate::known;
use crate::rules::evaluation::import_failed;
use crate::script::{SCRIPT_BYTES, ScriptPolicy};

/// Which part of a suite to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of cases; empty: all. The suite's order and repeats are kept.
    pub cases: Vec<String>,
    /// Other values for the suite's own tags.
    pub tags: BTreeMap<String, String>,
}

/// How to make a plan.
#[derive(Clone, Debug)]
pub struct SnapshotOptions {
    /// Limits where the suite names none.
    pub limits: Limits,
    /// Which scripts from outside the repository may be used.
    pub scripts: ScriptPolicy,
    /// Bytes of the largest script that is fetched by http(s). Where scripts themselves may not be as large, that counts.
    pub fetched_file: u64,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), scripts: ScriptPolicy::default(), fetched_file: SCRIPT_BYTES }
    }
}

/// Makes the plan of one run: machines as FQDNs, scripts with their text and digest, addresses, limits. Reads the
/// scripts from the repository; nothing else of it is read.
///
/// # Errors
/// [`SnapshotError`] where the suite or a selected case does not exist, where the suite's definition or one of its
/// clusters has errors, or where a script can't be used. Errors of other definitions do not matter.
pub fn snapshot(
    catalogue: &Catalogue,
    suite: &str,
    selection: &Selection,
    options: &SnapshotOptions,
) -> Result<RunPlan, SnapshotError> {
    let suite = find_suite(catalogue, suite)?;
    let clusters = find_clusters(catalogue, suite)?;
    let snapshot = Snapshot {
        suite,
        files: Files::new(PathBuf::from(&suite.source.repository)),
        options,
        taken: RefCell::default(),
    };
    let plans = clusters
        .iter()
        .map(|cluster| plan_cluster(cluster).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| snapshot.inconsistent(problem))?;
    let machines = snapshot.machines(&plans)?;
    let cases = snapshot.cases(selection, &machines)?;
    let tags = snapshot.tags(selection)?;
    let initialize = snapshot.script(suite.initialize.as_ref())?;
    Ok(RunPlan {
        suite: suite.name.clone(),
        repository: suite.source.repository.clone(),
        clusters: plans,
        machines,
        initialize: initialize
            .ok_or_else(|| snapshot.inconsistent("it has no initialize script".to_owned()))?,
        finalize: snapshot.script(suite.finalize.as_ref())?,
        cases,
        logs: suite.logs.clone(),
        tags,
        limits: Limits {
            stage_ms: suite.stage_timeout_ms.unwrap_or(options.limits.stage_ms),
            run_ms: suite.timeout_ms.unwrap_or(options.limits.run_ms),
            ..options.limits
        },
        alerts: Alerts {
            emails: suite.alert_emails.clone(),
            success: suite.alert_success,
            failure: suite.alert_failure,
        },
        overridden: selection.tags.keys().cloned().collect(),
        keep_on_failure: false,
        core_dumps: suite.core_dumps,
        origin: None,
    })
}

fn find_suite<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a SuiteDefinition, SnapshotError> {
    if let Some(suite) = catalogue.suites.get(name) {
        return Ok(suite);
    }
    let known = known::suites(catalogue);
    // It may be there, but so broken that nothing could be read.
    if let Some(file) = known.get(name) {
        return Err(broken(catalogue, name, vec![file.to_string()]));
    }
    if known::clusters(catalogue).contains_key(name) {
        let users =
            catalogue.suites.iter().filter(|(_, suite)| suite.clusters.iter().any(|used| used == name));
        return Err(SnapshotError::Cluster {
            name: name.to_owned(),
            suites: users.map(|(suite, _)| suite.clone()).collect(),
        });
    }
    Err(SnapshotError::UnknownSuite { name: name.to_owned(), known: known.into_keys().collect() })
}

fn broken(catalogue: &Catalogue, suite: &str, definitions: Vec<String>) -> SnapshotError {
    SnapshotError::Broken {
        suite: suite.to_owned(),
        diagnostics: errors_about(catalogue, &definitions),
        definitions,
    }
}

/// The clusters that a suite needs, each once; an error where it or one of them is broken.
fn find_clusters<'a>(
    catalogue: &'a Catalogue,
    suite: &SuiteDefinition,
) -> Result<Vec<&'a ClusterDefinition>, SnapshotError> {
    let mut clusters: Vec<&ClusterDefinition> = Vec::new();
    let mut faulty = Vec::new();
    if suite.source.broken {
        faulty.push(suite.source.file.to_string());
    }
    let known = known::clusters(catalogue);
    for name in suite.clusters.iter().collect::<BTreeSet<_>>() {
        if catalogue.clusters.get(name).is_none_or(|cluster| cluster.source.broken) {
            faulty.extend(known.get(name).map(ToString::to_string));
        }
    }
    if !faulty.is_empty() {
        return Err(broken(catalogue, &suite.name, faulty));
    }
    for name in &suite.clusters {
        let cluster = catalogue.clusters.get(name).ok_or_else(|| SnapshotError::Inconsistent {
            suite: suite.name.clone(),
            problem: format!("there is no cluster `{name}`"),
        })?;
        if !clusters.iter().any(|known| known.name == cluster.name) {
            clusters.push(cluster);
        }
    }
    Ok(clusters)
}

/// Errors in these definitions, in other files of their folders, and in files that findings about imports name.
fn errors_about(catalogue: &Catalogue, definitions: &[String]) -> Vec<Diagnostic> {
    findings_about(catalogue, definitions).into_iter().filter(Diagnostic::is_error).collect()
}

/// Errors and warnings of the same places.
pub(crate) fn findings_about(catalogue: &Catalogue, definitions: &[String]) -> Vec<Diagnostic> {
    let concerns = |finding: &&Diagnostic| {
        definitions.iter().any(|definition| {
            let folder = definition.trim_end_matches(".rhai");
            let folder = match folder.rsplit_once('/') {
                Some((above, name)) if above.ends_with(&format!("/{name}")) => above,
                _ => folder,
            };
            *finding.file == **definition
                || finding.file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let all = catalogue.diagnostics.iter();
    let is_import = |finding: &&Diagnostic| finding.code == import_failed::RULE.code;
    let imports: Vec<_> = all.clone().filter(concerns).filter(is_import).collect();
    let is_imported =
        |file: &str| file.ends_with(".rhai") && imports.iter().any(|import| import.message.contains(file));
    all.filter(|finding| concerns(finding) || is_imported(&finding.file)).cloned().collect()
}

/// The hosts that the names as written mean, in the order of `all`; all where none is written.
pub(crate) fn select(written: &[String], all: &[&str]) -> Result<Vec<String>, String> {
    let mut chosen = BTreeSet::new();
    for name in written {
        let exact = all.contains(&name.as_str());
        let mut found = all.iter().filter(|host| **host == name || !exact && short_name(host) == name);
        match (found.next(), found.next()) {
            (Some(host), None) => chosen.insert(*host),
            (Some(_), Some(_)) => return Err(format!("there are several machines `{name}`")),
            (None, _) => return Err(format!("there is no machine `{name}`")),
        };
    }
    let wanted = all.iter().filter(|host| written.is_empty() || chosen.contains(**host));
    Ok(wanted.map(|host| (*host).to_owned()).collect())
}

struct Snapshot<'a> {
    suite: &'a SuiteDefinition,
    files: Files,
    options: &'a SnapshotOptions,
    /// Scripts by origin: a case may stand in a suite several times, and its scripts are copied once.
    taken: RefCell<BTreeMap<String, Arc<Script>>>,
}

impl Snapshot<'_> {
    fn inconsistent(&self, problem: String) -> SnapshotError {
        SnapshotError::Inconsistent { suite: self.suite.name.clone(), problem }
    }

    /// The hosts that run scripts, in the order of the clusters' hosts.
    fn machines(&self, clusters: &[Arc<ClusterPlan>]) -> Result<Vec<String>, SnapshotError> {
        let all: Vec<&str> =
            clusters.iter().flat_map(|cluster| cluster.hosts.iter().map(|host| host.name.as_str())).collect();
        self.select(&self.suite.machines, &all)
    }

    fn select(&self, written: &[String], all: &[&str]) -> Result<Vec<String>, SnapshotError> {
        select(written, all).map_err(|problem| self.inconsistent(problem))
    }

    fn cases(&self, selection: &Selection, machines: &[String]) -> Result<Vec<CasePlan>, SnapshotError> {
        if let Some(name) =
            selection.cases.iter().find(|name| !self.suite.tests.iter().any(|case| case.name == **name))
        {
            let mut known: Vec<String> = Vec::new();
            for case in &self.suite.tests {
                if !known.contains(&case.name) {
                    known.push(case.name.clone());
                }
            }
            return Err(SnapshotError::UnknownCase {
                suite: self.suite.name.clone(),
                name: name.clone(),
                known,
            });
        }
        let machines: Vec<&str> = machines.iter().map(String::as_str).collect();
        self.suite
            .tests
            .iter()
            .filter(|case| selection.cases.is_empty() || selection.cases.contains(&case.name))
            .map(|case| self.case(case, &machines))
            .collect()
    }

    /// The suite's tags. Only what it has can be overridden: another name would be a slip that nothing shows.
    fn tags(&self, selection: &Selection) -> Result<BTreeMap<String, String>, SnapshotError> {
        let mut tags = self.suite.tags.clone();
        for (name, value) in &selection.tags {
            let Some(known) = tags.get_mut(name) else {
                return Err(SnapshotError::UnknownTag {
                    suite: self.suite.name.clone(),
                    name: name.clone(),
                    known: self.suite.tags.keys().cloned().collect(),
                });
            };
            known.clone_from(value);
        }
        Ok(tags)
    }

    fn case(&self, case: &CaseDefinition, machines: &[&str]) -> Result<CasePlan, SnapshotError> {
        Ok(CasePlan {
            name: case.name.clone(),
            machines: self.select(&case.machines, machines)?,
            initialize: self.script(case.initialize.as_ref())?,
            run: self
                .script(case.run.as_ref())?
                .ok_or_else(|| self.inconsistent(format!("case `{}` has no run script", case.name)))?,
            finalize: self.script(case.finalize.as_ref())?,
        })
    }

    fn script(&self, script: Option<&ScriptRef>) -> Result<Option<Arc<Script>>, SnapshotError> {
        let Some(script) = script else {
            return Ok(None);
        };
        let origin = describe_script(script).to_owned();
        let is_inline = matches!(script, ScriptRef::Inline(_));
        if let Some(known) = self.taken.borrow().get(&origin).filter(|_| !is_inline) {
            return Ok(Some(Arc::clone(known)));
        }
        let SnapshotOptions { scripts, fetched_file, .. } = self.options;
        let text =
            scripts.read(script, &self.files, *fetched_file).map_err(|problem| SnapshotError::Script {
                suite: self.suite.name.clone(),
                origin: origin.clone(),
                problem: problem.to_string(),
            })?;
        let script = Arc::new(Script { origin: origin.clone(), digest: hexadecimal(&text), text });
        self.taken.borrow_mut().insert(origin, Arc::clone(&script));
        Ok(Some(script))
    }
}
