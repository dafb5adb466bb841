//! The limits of evaluation in people's words: which one is exceeded, and what to do about it.

use rhai::EvalAltResult;

use xrdtest_model::size::human_bytes;
use xrdtest_model::time::human;

use super::bounds::Bounds;

/// What to do about a file that can't even be compiled within the limits.
pub(crate) const WHILE_COMPILING: &str = "shorten this file: what repeats can be a loop, a part can be imported \
                                          (an engine's bounds are set by its keys definitions.time and definitions.memory)";

/// A limit that is exceeded. It travels through Rhai as the reason of an error that a definition can't catch.
#[derive(Clone, Debug)]
pub(crate) enum Limit {
    Operations,
    Time,
    Memory,
    CallDepth,
    ImportDepth,
    Variables,
    Modules,
    String,
    Array,
    Map,
    /// Anything else that is too large, as Rhai names it.
    Other(String),
}

impl Limit {
    /// The limit that an error says is exceeded.
    pub(crate) fn of(error: &EvalAltResult) -> Option<Self> {
        use EvalAltResult as E;
        match error {
            E::ErrorTerminated(reason, _) => {
                Some(reason.clone().try_cast().unwrap_or_else(|| Self::Other(reason.to_string())))
            }
            E::ErrorStackOverflow(_) => Some(Self::CallDepth),
            E::ErrorTooManyOperations(_) => Some(Self::Operations),
            E::ErrorTooManyVariables(_) => Some(Self::Variables),
            E::ErrorTooManyModules(_) => Some(Self::Modules),
            E::ErrorDataTooLarge(what, _) => Some(Self::of_size(what)),
            _ => None,
        }
    }

    fn of_size(what: &str) -> Self {
        let lower = what.to_lowercase();
        if lower.contains("string") {
            Self::String
        } else if lower.contains("array") || lower.contains("blob") {
            Self::Array
        } else if lower.contains("map") {
            Self::Map
        } else {
            Self::Other(format!("{what} is too large"))
        }
    }

    /// What is wrong.
    pub(crate) fn problem(&self, bounds: &Bounds) -> String {
        let Bounds { operations, time, memory, string, elements, .. } = bounds;
        match self {
            Self::Operations => format!("it takes more than {operations} operations"),
            Self::Time => format!("it takes more than {} of processor time", human(*time)),
            Self::Memory => format!("it takes more than {} of memory", human_bytes(*memory)),
            Self::CallDepth => "its functions call each other too deeply".to_owned(),
            Self::ImportDepth => "its files import each other too deeply".to_owned(),
            Self::Variables => "it has too many variables".to_owned(),
            Self::Modules => "it imports too many modules".to_owned(),
            Self::String => format!("a string of more than {} is too large", human_bytes(*string as u64)),
            Self::Array => format!("an array of more than {elements} elements is too large"),
            Self::Map => format!("an object map of more than {elements} entries is too large"),
            Self::Other(problem) => problem.clone(),
        }
    }

    /// The key of an engine's configuration that changes it; `None` where there is none.
    fn key(&self) -> Option<&'static str> {
        match self {
            Self::Operations => Some("operations"),
            Self::Time => Some("time"),
            Self::Memory => Some("memory"),
            Self::String => Some("string"),
            Self::Array | Self::Map => Some("elements"),
            Self::CallDepth | Self::ImportDepth | Self::Variables | Self::Modules | Self::Other(_) => None,
        }
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> String {
        let advice = self.advice();
        match self.key() {
            Some(key) => format!("{advice} (an engine's bound is set by its key definitions.{key})"),
            None => advice.to_owned(),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Operations | Self::Time => "look for a loop or a recursion that does not end",
            Self::CallDepth => "look for a recursion that does not end",
            Self::Memory => "look for what grows without end, and keep less at a time",
            Self::ImportDepth => "import the files that are needed directly, not one through the other",
            Self::Variables => "keep values in arrays and object maps, or move parts into functions",
            Self::Modules => "put helpers that belong together into one file",
            Self::String => "keep strings short: a long script can be a file, named by `file://`",
            Self::Array | Self::Map | Self::Other(_) => "look for what makes it this large, or split it",
        }
    }
}
