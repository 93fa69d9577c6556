//! What every backend does alike: plain functions, a file a noun, each run on each.

/// Makes a test of each function for each backend. One that is not named here is not used, which the compiler says.
macro_rules! on_both {
    ($($test:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::bench::on_sqlite(super::$test).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::bench::on_postgres(super::$test).await;
            })+
        }
    };
}

/// Says that an act is refused with this error.
macro_rules! refused {
    ($act:expr, $error:pat) => {
        match $act.await {
            Err($error) => {}
            other => panic!("expected {}, not {other:?}", stringify!($error)),
        }
    };
}

mod apps;
mod audit;
mod blocks;
mod check;
mod consents;
mod conversations;
mod erasures;
mod events;
mod history;
mod holds;
mod idempotency;
mod inbox;
mod inbox_model;
mod inbox_news;
mod jobs;
mod key_store;
mod keys;
mod log;
mod member_bans;
mod members;
mod messages;
mod model;
mod of_user;
mod retention;
mod roles;
mod sanctions;
mod server;
mod slow_mode;
mod stale;
mod sync;
mod templates;
mod token_keys;
mod usage;
mod users;
mod walk;
