//! What the evaluation of one definition may take. Rhai's own limits bound depth and sizes. Its count of operations
//! starts anew in every callback (`sort`, `map`, closures), so operations, processor time and memory are metered here.
//!
//! Bounds that an engine's configuration may change are in [`Bounds`]. Depths are not among them: they keep the stack of
//! the process from overflowing.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rhai::{Dynamic, Engine, LexError, ParseErrorType, Token};

use super::limit::Limit;

/// Stack of the evaluating thread, in bytes, with the default bounds. Only what is used takes memory.
pub(crate) const STACK_BYTES: usize = 256 << 20;
/// Expressions inside expressions.
pub(crate) const EXPRESSION_DEPTH: usize = 256;
/// Imports inside imports.
pub(crate) const IMPORT_DEPTH: usize = 16;

/// What the evaluation of one definition may take, as far as an engine's configuration may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Operations.
    pub operations: u64,
    /// Processor time.
    pub time: Duration,
    /// Bytes of memory: growth of the whole process, as there is no way to tell whose memory it is.
    pub memory: u64,
    /// Bytes of a string.
    pub string: usize,
    /// Elements of an array, entries of an object map.
    pub elements: usize,
    /// Bytes of a file that is read as a definition or a helper.
    pub file: u64,
}

impl Bounds {
    /// Less is not sensible: a definition of some hosts would not pass.
    pub const LEAST: Self = Self {
        operations: 1_000,
        time: Duration::from_millis(10),
        memory: 16 << 20,
        string: 4 << 10,
        elements: 100,
        file: 4 << 10,
    };
    /// More would endanger the process: values may be nested about as deep as there are operations, and between two looks
    /// at clock and memory 64 operations work on the largest values.
    pub const MOST: Self = Self {
        operations: 4_000_000,
        time: Duration::from_secs(10),
        memory: 1 << 30,
        string: 1 << 20,
        elements: 100_000,
        file: 1 << 20,
    };

    /// Stack of the evaluating thread, in bytes. Values may be nested about as deep as there are operations, and are
    /// dropped by recursion.
    pub(crate) fn stack_bytes(&self) -> usize {
        let times = self.operations.div_ceil(Self::default().operations).max(1);
        usize::try_from(times).map_or(usize::MAX, |times| STACK_BYTES.saturating_mul(times))
    }
}

/// A definition of a thousand hosts takes a tenth of the time.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            operations: 500_000,
            time: Duration::from_millis(500),
            memory: 64 << 20,
            string: 256 << 10,
            elements: 10_000,
            file: 256 << 10,
        }
    }
}

/// Between two looks at clock and memory. One operation may take a millisecond or a megabyte.
const OPERATIONS_PER_LOOK: u64 = 64;

/// Counts what one definition takes.
#[derive(Debug)]
pub(crate) struct Meter {
    bounds: Bounds,
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
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            operations: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            cpu_start: AtomicU64::new(0),
            memory_start: AtomicU64::new(0),
            out_of_memory: AtomicBool::new(false),
            memory_file: File::open("/proc/self/statm").ok(),
        }
    }

    /// What it may take.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Begins a definition. To be called on the evaluating thread.
    pub(crate) fn begin(&self) {
        self.operations.store(0, Ordering::Relaxed);
        self.out_of_memory.store(false, Ordering::Relaxed);
        self.cpu_start.store(cpu_nanoseconds(), Ordering::Relaxed);
        self.memory_start.store(self.memory_bytes(), Ordering::Relaxed);
    }

    /// Counts one token of a file that is being compiled; says which limit is exceeded, if one is.
    fn count_token(&self) -> Option<Limit> {
        let tokens = self.tokens.fetch_add(1, Ordering::Relaxed) + 1;
        if tokens.is_multiple_of(OPERATIONS_PER_LOOK) {
            return self.look();
        }
        None
    }

    /// Counts one operation; says which limit is exceeded, if one is.
    fn count(&self) -> Option<Limit> {
        let operations = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        if operations > self.bounds.operations {
            return Some(Limit::Operations);
        }
        if operations.is_multiple_of(OPERATIONS_PER_LOOK) {
            return self.look();
        }
        None
    }

    /// Says which limit of time or memory is exceeded, if one is.
    pub(crate) fn look(&self) -> Option<Limit> {
        let cpu = cpu_nanoseconds().saturating_sub(self.cpu_start.load(Ordering::Relaxed));
        if u128::from(cpu) > self.bounds.time.as_nanos() {
            return Some(Limit::Time);
        }
        let memory = self.memory_bytes().saturating_sub(self.memory_start.load(Ordering::Relaxed));
        if memory > self.bounds.memory {
            self.out_of_memory.store(true, Ordering::Relaxed);
            return Some(Limit::Memory);
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
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_string_size(meter.bounds.string)
        .set_max_array_size(meter.bounds.elements)
        .set_max_map_size(meter.bounds.elements)
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
        Some(limit) => Token::LexError(Box::new(LexError::Runtime(limit.problem(&counting.bounds)))),
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
