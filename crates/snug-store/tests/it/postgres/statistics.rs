//! Statistics of young tables.

use std::time::Duration;

use tokio::time::{interval, timeout};

use super::Session;
use crate::bench::on_postgres;

/// Longer than it takes, and than it takes a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Without them every statement goes on by the plan of an empty table.
#[tokio::test]
async fn a_table_that_grows_is_soon_known_to_have_grown() {
    on_postgres(async |bench| {
        let watcher = Session::start(bench.postgres_url()).await;
        watcher.run("ALTER TABLE users SET (autovacuum_enabled = off)").await;
        let app = bench.app("one").await;
        for person in 0..150 {
            app.user(&format!("person {person}")).await;
        }
        let known = async {
            let mut looks = interval(Duration::from_millis(100));
            while watcher.number("SELECT reltuples::bigint FROM pg_class WHERE relname = 'users'").await < 100
            {
                looks.tick().await;
            }
        };
        timeout(LIMIT, known).await.expect("statistics are gathered");
    })
    .await;
}
