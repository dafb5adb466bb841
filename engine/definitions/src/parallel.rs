//! Work that is spread over all processors, with results in the order of the work.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this gain nothing.
const MOST_THREADS: usize = 8;
/// A thread more is worth its while for so many pieces of work.
const PIECES_PER_THREAD: usize = 8;

/// What threads have done.
pub(crate) struct Done<S, R> {
    /// One for each piece of work, in their order; `None` where the work panicked.
    pub(crate) results: Vec<Option<R>>,
    /// What each thread had of its own.
    pub(crate) states: Vec<S>,
}

/// Does `work` for each of the items. Every thread begins with a state of its own and has a stack of so many bytes;
/// the calling thread works too, so its stack should be as large.
pub(crate) fn each<I, S, R>(
    items: &[I],
    stack_bytes: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &I) -> R + Sync,
) -> Done<S, R>
where
    I: Sync,
    S: Send,
    R: Send,
{
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = begin();
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            // One piece must not keep the others from being done.
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut state, item)));
            results.push((index, result.ok()));
        }
        (state, results)
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MOST_THREADS).min(items.len().div_ceil(PIECES_PER_THREAD));
    let of_threads = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().stack_size(stack_bytes).spawn_scoped(scope, run).ok();
        let others: Vec<_> = (1..threads).filter_map(spawn).collect();
        let mut all = vec![run()];
        all.extend(others.into_iter().filter_map(|other| other.join().ok()));
        all
    });
    let mut done = Done { results: Vec::new(), states: Vec::new() };
    done.results.resize_with(items.len(), || None);
    for (state, results) in of_threads {
        done.states.push(state);
        for (index, result) in results {
            done.results[index] = result;
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_work() {
        let items: Vec<u32> = (0..1000).collect();
        let done = each(
            &items,
            1 << 20,
            || 0_usize,
            |count, item| {
                *count += 1;
                assert_ne!(*item, 500, "one that panics");
                item * 2
            },
        );
        assert_eq!(done.states.iter().sum::<usize>(), 1000);
        let expect = items.iter().map(|item| (*item != 500).then_some(item * 2));
        assert!(done.results.into_iter().eq(expect));
        assert!(each(&[] as &[u32], 1 << 20, || (), |(), _| ()).results.is_empty());
    }
}
