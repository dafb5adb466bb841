//! What the evaluation of one definition may take. Rhai's own limits bound depth and sizes. Its count of operations
//! starts anew in every callback (`sort`, `map`, closures), so operations, processor time and memory are metered here.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::time::{ClockId, clock_gettime};
use rhai::{Dynamic, Engine, LexError, ParseErrorType, Token};

/// Stack of the evaluating thread, in bytes. Only what is used takes memory. Values may be nested about as deep as
/// there are operations, and are dropped by recursion.
pub(crate) const STACK_BYTES: usize = 256 << 20;
/// Largest file that is read as a definition or a helper.
pub(crate) const FILE_BYTES: u64 = 256 << 10;
/// Imports inside imports.
pub(crate) const IMPORT_DEPTH: usize = 16;

const OPERATIONS: u64 = 500_000;
/// A definition of a thousand hosts takes a tenth of it.
const CPU_NANOSECONDS: u64 = 500_000_000;
/// Growth of the whole process: there is no way to tell whose memory it is.
const MEMORY_BYTES: u64 = 64 << 20;
const STRING_BYTES: usize = 256 << 10;
const ELEMENTS: usize = 10_000;
/// Between two looks at clock and memory. One operation may take a millisecond or a megabyte.
const OPERATIONS_PER_LOOK: u64 = 64;

/// Counts what one definition takes.
#[derive(Debug)]
pub(crate) struct Meter {
    operations: AtomicU64,
    tokens: AtomicU64,
    /// Of the evaluating thread, at the start.
    cpu_start: AtomicU64,
    /// Of the process, at the start.
    memory_start: AtomicU64,
    out_of_memory: AtomicBool,
    /// `/proc/self/statm`, where there is one.
    memory_file: Option<File>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            operations: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            cpu_start: AtomicU64::new(0),
            memory_start: AtomicU64::new(0),
            out_of_memory: AtomicBool::new(false),
            memory_file: File::open("/proc/self/statm").ok(),
        }
    }

    /// Begins a definition. To be called on the evaluating thread.
    pub(crate) fn begin(&self) {
        self.operations.store(0, Ordering::Relaxed);
        self.out_of_memory.store(false, Ordering::Relaxed);
        self.cpu_start.store(cpu_nanoseconds(), Ordering::Relaxed);
        self.memory_start.store(self.memory_bytes(), Ordering::Relaxed);
    }

    /// Counts one token of a file that is being compiled; says which limit is exceeded, if one is.
    fn count_token(&self) -> Option<String> {
        let tokens = self.tokens.fetch_add(1, Ordering::Relaxed) + 1;
        if tokens.is_multiple_of(OPERATIONS_PER_LOOK) {
            return self.look();
        }
        None
    }

    /// Counts one operation; says which limit is exceeded, if one is.
    fn count(&self) -> Option<String> {
        let operations = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        if operations > OPERATIONS {
            return Some(format!("it takes more than {OPERATIONS} operations"));
        }
        if operations.is_multiple_of(OPERATIONS_PER_LOOK) {
            return self.look();
        }
        None
    }

    /// Says which limit of time or memory is exceeded, if one is.
    pub(crate) fn look(&self) -> Option<String> {
        let cpu = cpu_nanoseconds().saturating_sub(self.cpu_start.load(Ordering::Relaxed));
        if cpu > CPU_NANOSECONDS {
            let milliseconds = CPU_NANOSECONDS / 1_000_000;
            return Some(format!("it takes more than {milliseconds} ms of processor time"));
        }
        let memory = self.memory_bytes().saturating_sub(self.memory_start.load(Ordering::Relaxed));
        if memory > MEMORY_BYTES {
            self.out_of_memory.store(true, Ordering::Relaxed);
            return Some(format!("it takes more than {} MiB of memory", MEMORY_BYTES >> 20));
        }
        None
    }

    /// Whether the current definition was stopped because of memory.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.out_of_memory.load(Ordering::Relaxed)
    }

    /// Resident memory of this process; 0 where that can't be told.
    fn memory_bytes(&self) -> u64 {
        const PAGE_BYTES: u64 = 4096;
        let mut buffer = [0; 64];
        let Some(length) = self.memory_file.as_ref().and_then(|file| file.read_at(&mut buffer, 0).ok())
        else {
            return 0;
        };
        std::str::from_utf8(&buffer[..length])
            .ok()
            .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
            .map_or(0, |pages| pages * PAGE_BYTES)
    }
}

fn cpu_nanoseconds() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
    })
}

/// Sets all limits of an engine. All of them are set: Rhai's defaults differ between debug and release builds.
pub(crate) fn apply(engine: &mut Engine, meter: &Arc<Meter>) {
    engine
        .set_max_operations(0)
        .set_max_call_levels(64)
        .set_max_expr_depths(256, 256)
        .set_max_string_size(STRING_BYTES)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ELEMENTS)
        .set_max_variables(500)
        .set_max_functions(500)
        .set_max_modules(64)
        .set_strict_variables(true)
        .set_optimization_level(rhai::OptimizationLevel::None);
    let counting = Arc::clone(meter);
    engine.on_progress(move |_| counting.count().map(Dynamic::from));
    // The parser takes quadratic time on some texts, such as thousands of variables, and has no limit for that.
    let counting = Arc::clone(meter);
    #[expect(deprecated, reason = "marked so because it may change, not because it is going away")]
    engine.on_parse_token(move |token, _, _| match counting.count_token() {
        Some(problem) => Token::LexError(Box::new(LexError::Runtime(problem))),
        None => token,
    });
}

/// Whether a file could not be compiled because of a limit, and which. Nothing else makes this kind of error.
pub(crate) fn exceeded_by_parser(error: &ParseErrorType) -> Option<&str> {
    match error {
        ParseErrorType::BadInput(LexError::Runtime(problem)) => Some(problem),
        _ => None,
    }
}

/// Whether an error is one of Rhai's limits, and which.
pub(crate) fn exceeded(error: &rhai::EvalAltResult) -> Option<String> {
    use rhai::EvalAltResult as E;
    match error {
        E::ErrorTerminated(reason, _) => Some(reason.to_string()),
        E::ErrorStackOverflow(_) => Some("its functions call each other too deeply".to_owned()),
        E::ErrorTooManyOperations(_) => Some("it takes too many operations".to_owned()),
        E::ErrorTooManyVariables(_) => Some("it has too many variables".to_owned()),
        E::ErrorTooManyModules(_) => Some("it imports too many modules".to_owned()),
        E::ErrorDataTooLarge(what, _) => Some(format!("{} too large", describe_size(what))),
        _ => None,
    }
}

fn describe_size(what: &str) -> String {
    let lower = what.to_lowercase();
    if lower.contains("string") {
        format!("a string of more than {} KiB is", STRING_BYTES >> 10)
    } else if lower.contains("array") || lower.contains("blob") {
        format!("an array of more than {ELEMENTS} elements is")
    } else if lower.contains("map") {
        format!("an object map of more than {ELEMENTS} entries is")
    } else {
        format!("{what} is")
    }
}
