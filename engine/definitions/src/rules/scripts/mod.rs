//! Scripts of suites and cases: `XT4`.

pub(super) mod bad_interpreter_line;
pub(super) mod bad_script_reference;
pub(super) mod missing_case_folder;
pub(super) mod missing_run_script;
pub(super) mod missing_script;
pub(super) mod script_not_allowed;
pub(super) mod script_outside;
pub(super) mod unlisted_case;

use std::collections::BTreeSet;
use std::sync::Arc;

use xrdtest_model::definition::ScriptRef;

use crate::draft::script::{NoScript, parse_script};
use crate::draft::suite::{Case, Suite};
use crate::evaluate::files::{FileProblem, Files};
use crate::findings::Findings;
use crate::place::{Located, Place};
use crate::rules::Context;
use crate::rules::contents::calls::{self, Argument, Function};
use crate::rules::contents::unknown_role::{self, Roles};
use crate::rules::contents::{Script, is_shell, missing_fetch, unknown_tag};
use crate::rules::layout::malformed_name::is_name;
use crate::script::ScriptProblem;
use crate::suggest::Suggestions;

/// Applies all rules for scripts.
pub(crate) fn check(suite: &Suite, broken: bool, context: &Context<'_>, findings: &mut Findings) {
    let mut check = Check {
        suite,
        context,
        findings,
        cases: context.files.names(&format!("{}/tc", suite.file.folder)),
        suggestions: Suggestions::default(),
        roles: Roles::of(suite, context),
        tags: suite.tags.iter().map(|(name, _)| name.value.as_str()).collect(),
    };
    for script in suite.initialize.iter().chain(&suite.finalize) {
        check.written(script);
    }
    for case in &suite.tests {
        check.case(case);
    }
    // Where something is wrong about the suite it may be the unlisted folders that are meant.
    if !broken && check.findings.errors() == 0 {
        check.unlisted();
    }
}

/// The paths of all scripts in the repository that a suite uses.
pub(crate) fn files_of(suite: &Suite, files: &Files, paths: &mut BTreeSet<String>) {
    let of_cases = suite.tests.iter().flat_map(|case| [&case.initialize, &case.run, &case.finalize]);
    for script in [&suite.initialize, &suite.finalize].into_iter().chain(of_cases).flatten() {
        if let Ok(ScriptRef::File(path)) = parse_script(&script.value, &suite.file.folder) {
            paths.insert(path);
        }
    }
    let names: BTreeSet<_> =
        suite.tests.iter().filter_map(|case| Some(case.name.as_ref()?.value.as_str())).collect();
    for name in names.into_iter().filter(|name| is_name(name)) {
        let of_folder = SCRIPTS.iter().map(|file| suite.case_file(name, file));
        paths.extend(of_folder.filter(|path| files.exists(path)));
    }
}

/// The scripts in the folder of a case.
const SCRIPTS: [&str; 3] = ["init.sh", "run.sh", "finalize.sh"];

struct Check<'a> {
    suite: &'a Suite,
    context: &'a Context<'a>,
    findings: &'a mut Findings,
    /// Folders of cases that there are.
    cases: Vec<String>,
    suggestions: Suggestions,
    /// Names of machines.
    roles: Roles<'a>,
    /// Names of the suite's own tags.
    tags: Vec<&'a str>,
}

impl<'a> Check<'a> {
    /// A script that is written in the definition.
    fn written(&mut self, script: &Located<String>) {
        let folder = &self.suite.file.folder;
        match parse_script(&script.value, folder) {
            Err(NoScript::UnknownForm) => {
                let exists = self.context.files.exists(&format!("{folder}/{}", script.value));
                bad_script_reference::check(self.findings, script, exists);
            }
            Err(NoScript::Outside) => script_outside::check(self.findings, script),
            Ok(ScriptRef::Inline(text)) => {
                bad_interpreter_line::check(self.findings, &script.place, "this script", &text);
                for used in unknown_tag::used(&text) {
                    unknown_tag::check(
                        self.findings,
                        &script.place,
                        &used.name,
                        &self.tags,
                        &mut self.suggestions,
                    );
                }
                if is_shell(text.lines().next().unwrap_or_default()) {
                    for argument in calls::arguments(&text) {
                        self.argument(&script.place, &argument, false);
                    }
                }
            }
            Ok(ScriptRef::File(path)) => self.file(script, &path),
            // What lies outside the repository is read when a run is made, and only then.
            Ok(outside) => {
                if let Err(problem) = self.context.scripts.allows(&outside) {
                    script_not_allowed::check(self.findings, script, &problem);
                }
            }
        }
    }

    fn file(&mut self, script: &Located<String>, path: &str) {
        match self.read(path) {
            Ok(read) => self.contents(&script.place, path, read),
            Err(ScriptProblem::File(FileProblem::Outside)) => script_outside::check(self.findings, script),
            Err(problem) => {
                let is_missing = matches!(problem, ScriptProblem::File(FileProblem::Missing));
                let help = if is_missing { self.neighbour(path) } else { None };
                missing_script::check(self.findings, &script.place, path, &problem.to_string(), help);
            }
        }
    }

    /// A script in the repository; all of them were read before.
    fn read(&self, path: &str) -> Result<&'a Script, &'a ScriptProblem> {
        const MISSING: &ScriptProblem = &ScriptProblem::File(FileProblem::Missing);
        self.context.library.get(path).map_or(Err(MISSING), Result::as_ref)
    }

    fn contents(&mut self, place: &Place, path: &str, script: &Script) {
        let contents = &script.contents;
        bad_interpreter_line::check(self.findings, place, path, &contents.head);
        for used in &contents.tags {
            let place = Place { file: Arc::clone(&contents.file), span: used.span };
            unknown_tag::check(self.findings, &place, &used.name, &self.tags, &mut self.suggestions);
        }
        let of_suite = path.strip_prefix(&self.suite.file.folder).is_some_and(|rest| rest.starts_with('/'));
        for argument in &contents.calls {
            let place = Place { file: Arc::clone(&contents.file), span: argument.span };
            self.argument(&place, argument, !of_suite);
        }
    }

    /// What a script gives to `role` or `fetch`.
    fn argument(&mut self, place: &Place, argument: &Argument, is_shared: bool) {
        let (context, suggestions) = (self.context, &mut self.suggestions);
        match argument.function {
            Function::Role => unknown_role::check(
                self.findings,
                place,
                &argument.text,
                &self.roles,
                is_shared,
                context,
                suggestions,
            ),
            Function::Fetch => missing_fetch::check(self.findings, place, &argument.text, context.files),
        }
    }

    /// Folders that no case is called by.
    fn unlisted(&mut self) {
        let tests = &self.suite.tests;
        let named: BTreeSet<_> =
            tests.iter().filter_map(|case| Some(case.name.as_ref()?.value.as_str())).collect();
        if tests.iter().any(|case| case.name.is_none()) {
            return;
        }
        let place = self.suite.place_of("tests");
        for name in std::mem::take(&mut self.cases) {
            let is_listed = named.contains(name.as_str());
            if !is_listed
                && is_name(&name)
                && self.context.files.exists(&self.suite.case_file(&name, "run.sh"))
            {
                unlisted_case::check(self.findings, &place, &self.suite.case_folder(&name), &name);
            }
        }
    }

    /// A suggestion for a file that does not exist.
    fn neighbour(&mut self, path: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/')?;
        let names = self.context.files.names(folder);
        let near = self.suggestions.nearest(name, names.iter().map(String::as_str))?;
        Some(format!("did you mean `{near}`?"))
    }

    /// The scripts of a case: those written, then those of its folder.
    fn case(&mut self, case: &Case) {
        for script in [&case.initialize, &case.run, &case.finalize].into_iter().flatten() {
            self.written(script);
        }
        // A name that is no name has been reported, and must not be looked for.
        let Some(name) = case.name.as_ref().filter(|name| is_name(&name.value)) else {
            return;
        };
        let folder = self.suite.case_folder(&name.value);
        if !self.context.files.is_folder(&folder) {
            if !case.has_run {
                let near = self.suggestions.nearest(&name.value, self.cases.iter().map(String::as_str));
                missing_case_folder::check(self.findings, case, &name.value, &folder, near);
            }
            return;
        }
        let run = self.suite.case_file(&name.value, "run.sh");
        if !case.has_run && !self.context.files.exists(&run) {
            missing_run_script::check(self.findings, case, &name.value, &run);
        }
        for (file, written) in [
            ("init.sh", case.initialize.is_some()),
            ("run.sh", case.has_run),
            ("finalize.sh", case.finalize.is_some()),
        ] {
            let path = self.suite.case_file(&name.value, file);
            if !written && self.context.files.exists(&path) {
                self.file_of_case(&name.place, &path);
            }
        }
    }

    fn file_of_case(&mut self, place: &Place, path: &str) {
        match self.read(path) {
            Ok(read) => self.contents(place, path, read),
            Err(problem) => {
                missing_script::check(self.findings, place, path, &problem.to_string(), None);
            }
        }
    }
}
