//! Statistics of young tables, by which statements are planned.
//!
//! PostgreSQL gathers them by itself, once a minute at most. In that minute a table that was empty may grow to a hundred
//! thousand rows, while every statement goes on by a plan for none: one index is as good as another then, and one that holds
//! all of an app's rows under a single key was seen to be read for each of them.

use std::time::Duration;

use tokio::{task::JoinSet, time::interval};
use tokio_postgres::{Client, Error};

use super::schema::Address;

/// How often young tables are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What gathers the statistics of each table with more than twice the rows that they know of. One with fewer than a hundred
/// is read as fast by any plan.
const YOUNG: &str = "SELECT format('ANALYZE %I.%I', s.schemaname, s.relname)
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND s.n_live_tup > 2 * greatest(c.reltuples, 50)";

/// Looks after the tables of a database until it is dropped.
pub(super) struct Statistics {
    _task: JoinSet<()>,
}

impl Statistics {
    /// On a connection of its own, which acts need not wait for.
    pub(super) fn start(address: Address) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move {
            let (mut ticks, mut connected) = (interval(LOOK_EVERY), None);
            loop {
                ticks.tick().await;
                if connected.is_none() {
                    connected = address.connect().await.ok();
                }
                // Nothing but speed depends on it: what fails is tried again at the next tick, on another connection.
                if let Some((client, _)) = &connected
                    && gather(client).await.is_err()
                {
                    connected = None;
                }
            }
        });
        Self { _task: task }
    }
}

async fn gather(client: &Client) -> Result<(), Error> {
    for row in client.query(YOUNG, &[]).await? {
        client.batch_execute(row.try_get(0)?).await?;
    }
    Ok(())
}
