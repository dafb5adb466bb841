//! Scripts of suites and cases: `XT4`.

pub(super) mod bad_interpreter_line;
pub(super) mod bad_script_reference;
pub(super) mod missing_case_folder;
pub(super) mod missing_run_script;
pub(super) mod missing_script;
pub(super) mod script_not_allowed;
pub(super) mod script_outside;

use std::collections::HashMap;
use std::rc::Rc;

use xrdtest_model::definition::ScriptRef;

use crate::draft::script::{NoScript, parse_script};
use crate::draft::suite::{Case, Suite};
use crate::evaluate::files::FileProblem;
use crate::findings::Findings;
use crate::place::{Located, Place};
use crate::reuse::Stamp;
use crate::rules::Context;
use crate::rules::layout::malformed_name::is_name;
use crate::script::{SCRIPT_BYTES, ScriptPolicy, ScriptProblem};
use crate::suggest::Suggestions;

/// Applies all rules for scripts.
pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    let mut check = Check {
        suite,
        context,
        findings,
        cases: context.files.names(&format!("{}/tc", suite.file.folder)),
        suggestions: Suggestions::default(),
        heads: HashMap::new(),
    };
    for script in suite.initialize.iter().chain(&suite.finalize) {
        check.written(script);
    }
    for case in &suite.tests {
        check.case(case);
    }
}

struct Check<'a> {
    suite: &'a Suite,
    context: &'a Context<'a>,
    findings: &'a mut Findings,
    /// Folders of cases that there are.
    cases: Vec<String>,
    suggestions: Suggestions,
    /// First lines of the files read so far: a case may be repeated hundreds of times.
    heads: HashMap<String, Rc<Result<String, ScriptProblem>>>,
}

impl Check<'_> {
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
        match &*self.head(path) {
            Ok(head) => bad_interpreter_line::check(self.findings, &script.place, path, head),
            Err(ScriptProblem::File(FileProblem::Outside)) => script_outside::check(self.findings, script),
            Err(problem) => {
                let is_missing = matches!(problem, ScriptProblem::File(FileProblem::Missing));
                let help = if is_missing { self.neighbour(path) } else { None };
                missing_script::check(self.findings, &script.place, path, &problem.to_string(), help);
            }
        }
    }

    /// The first line of a script in the repository.
    fn head(&mut self, path: &str) -> Rc<Result<String, ScriptProblem>> {
        if let Some(head) = self.heads.get(path) {
            return Rc::clone(head);
        }
        let reuse = self.context.reuse.and_then(|reuse| Some((reuse, Stamp::of(self.context.files, path)?)));
        let known = reuse.and_then(|(reuse, stamp)| reuse.head(path, stamp));
        let head = known.map_or_else(|| self.read_head(path), Ok);
        if let (Some((reuse, stamp)), Ok(head)) = (reuse, &head) {
            reuse.keep_head(path, stamp, head);
        }
        let head = Rc::new(head);
        self.heads.insert(path.to_owned(), Rc::clone(&head));
        head
    }

    fn read_head(&self, path: &str) -> Result<String, ScriptProblem> {
        let script = ScriptRef::File(path.to_owned());
        let text = ScriptPolicy::default().read(&script, self.context.files, SCRIPT_BYTES)?;
        Ok(text.split('\n').next().unwrap_or_default().to_owned())
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
        match &*self.head(path) {
            Ok(head) => bad_interpreter_line::check(self.findings, place, path, head),
            Err(problem) => {
                missing_script::check(self.findings, place, path, &problem.to_string(), None);
            }
        }
    }
}
