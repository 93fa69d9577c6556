//! What the API promises, at its public boundary.

/// Makes a test of each function for each backend. One that is not named here is not used, which the compiler says.
macro_rules! on_both {
    ($($test:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::harness::Backend::SQLITE).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::harness::Backend::POSTGRES).await;
            })+
        }
    };
}

mod audit;
mod batches;
mod blocks;
mod browsers;
mod consents;
mod corpus;
mod destroyed;
mod documents;
mod door;
mod ends;
mod escalation;
mod events;
#[path = "../harness/mod.rs"]
mod harness;
mod issuers;
mod keys;
mod members;
mod of_user;
mod races;
mod rates;
mod refusals;
mod retention;
mod role_tools;
mod sanctions;
mod shadow_bans;
mod signed;
mod signing;
mod slow;
mod slow_mode;
mod talk;
mod templates;
mod token_keys;
mod tokens;
mod transcripts;
mod usage;
