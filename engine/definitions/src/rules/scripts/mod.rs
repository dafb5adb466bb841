//! Scripts of suites and cases: `XT4`.

pub(super) mod bad_interpreter_line;
pub(super) mod bad_script_reference;
pub(super) mod missing_case_folder;
pub(super) mod missing_run_script;
pub(super) mod missing_script;
pub(super) mod script_not_allowed;
pub(super) mod script_outside;

use xrdtest_model::definition::ScriptRef;

use crate::draft::script::{NoScript, parse_script};
use crate::draft::suite::{Case, Suite};
use crate::evaluate::files::FileProblem;
use crate::findings::Findings;
use crate::place::{Located, Place};
use crate::rules::Context;
use crate::rules::layout::malformed_name::is_name;
use crate::script::{ScriptPolicy, ScriptProblem};

/// Applies all rules for scripts.
pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    let mut check = Check { suite, context, findings };
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
        match self.read(path) {
            Ok(text) => bad_interpreter_line::check(self.findings, &script.place, path, &text),
            Err(ScriptProblem::File(FileProblem::Outside)) => script_outside::check(self.findings, script),
            Err(problem) => {
                let help = matches!(problem, ScriptProblem::File(FileProblem::Missing))
                    .then(|| self.neighbours(path))
                    .flatten();
                let problem = problem.to_string();
                missing_script::check(self.findings, &script.place, path, &problem, help);
            }
        }
    }

    fn read(&self, path: &str) -> Result<String, ScriptProblem> {
        ScriptPolicy::default().read(&ScriptRef::File(path.to_owned()), self.context.files)
    }

    /// A suggestion for a file that does not exist.
    fn neighbours(&self, path: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/')?;
        let names = self.context.files.names(folder);
        let near = crate::suggest::nearest(name, names.iter().map(String::as_str))?;
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
                let known = self.context.files.names(&format!("{}/tc", self.suite.file.folder));
                missing_case_folder::check(self.findings, case, &name.value, &folder, &known);
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
            Ok(text) => bad_interpreter_line::check(self.findings, place, path, &text),
            Err(problem) => {
                missing_script::check(self.findings, place, path, &problem.to_string(), None);
            }
        }
    }
}
