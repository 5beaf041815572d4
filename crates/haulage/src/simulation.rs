//! Runs simulations in virtual time, each from a seed, which reproduces it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a simulation for each seed below `seeds`, or for the one in `HAULAGE_SEED`. The clock of
/// each is virtual: it stands still while there is something to do. Says which seed has failed.
pub(crate) fn for_each_seed<F: Future<Output = ()>>(seeds: u64, simulate: impl Fn(u64) -> F) {
    let seed = std::env::var("HAULAGE_SEED").ok();
    let seeds = match seed {
        Some(seed) => {
            let seed: u64 = seed.parse().unwrap();
            seed..seed + 1
        }
        None => 0..seeds,
    };
    for seed in seeds {
        // What the engine draws is the same each time, too.
        fastrand::seed(seed);
        let result = catch_unwind(AssertUnwindSafe(|| in_virtual_time(simulate(seed))));
        assert!(result.is_ok(), "HAULAGE_SEED={seed}");
    }
}

/// Runs a future to its end on this thread, in virtual time.
pub(crate) fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(future)
}
