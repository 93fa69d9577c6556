//! What the hot paths cost in instructions. `cargo xtask guard` counts them here and compares them with `guard.toml`.
//!
//! A path is a function that gets ready, and then takes so many turns. A turn costs what a process that takes 100 of them
//! executes beyond one that takes 50, by 50: so getting ready is not counted, nor what only the first turn costs, and all
//! that a turn has other threads do is. Processes of 102 and 103 turns stand for a build in which every path executes 4 and
//! 6 percent more: the guard must let pass the one and find the other.

#![expect(missing_docs, reason = "the harness makes modules of its own")]

mod client;
mod paths;
mod post;
mod stage;

use std::time::Duration;

use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
use snug_core::sealing::Random;
use tokio::runtime::Builder;

/// Fetches the first random bytes. The cryptographic library times the machine for them, for as long as chance has it: it
/// does so here, where nothing is counted.
fn seeded(turns: usize) -> usize {
    Random.bytes::<32>().expect("random bytes");
    turns
}

/// The C library's allocator searches free lists, which look different each time, where those of a thread are full. Longer
/// ones are never full: then the same work takes the same instructions within a part in a thousand.
const TUNABLES: &str = "glibc.malloc.tcache_count=60000";

/// Longer than any path takes.
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs a path on this thread, with one more that reads, so that the same threads do the same each time.
fn block_on(path: impl Future<Output = ()>) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).thread_keep_alive(HOUR).build();
    runtime.expect("a runtime").block_on(path);
}

macro_rules! benches {
    ($($path:ident),+) => {
        $(
            #[library_benchmark]
            #[bench::turns_50(args = (50), setup = seeded)]
            #[bench::turns_100(args = (100), setup = seeded)]
            #[bench::turns_102(args = (102), setup = seeded)]
            #[bench::turns_103(args = (103), setup = seeded)]
            fn $path(turns: usize) {
                block_on(paths::$path::path(turns));
            }
        )+

        library_benchmark_group!(name = guard, benchmarks = [$($path),+]);
    };
}

benches!(decide, seal, encode, append, deliver, sync);

gungraun::main!(
    config = LibraryBenchmarkConfig::default()
        .env("GLIBC_TUNABLES", TUNABLES)
        .tool(Callgrind::with_args(["--cache-sim=no", "--toggle-collect=*thread_start*"]));
    library_benchmark_groups = guard
);
