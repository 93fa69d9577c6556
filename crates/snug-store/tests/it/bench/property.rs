//! Property tests whose cases talk to a store.

use std::env;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::{runtime::Handle, task};

/// How many cases are tried where `PROPTEST_CASES` does not say it: each takes a while.
const CASES: u32 = 16;

/// Tries `case` with values of the strategy, and fails with the smallest one that it fails with.
pub(crate) fn holds<S: Strategy>(strategy: &S, case: impl AsyncFn(S::Value)) {
    let default = Config::default();
    let cases = if env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let config = Config { cases, max_shrink_iters: 300, failure_persistence: None, ..default };
    let outcome = task::block_in_place(|| {
        TestRunner::new(config).run(strategy, |value| {
            Handle::current().block_on(case(value));
            Ok::<(), TestCaseError>(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
