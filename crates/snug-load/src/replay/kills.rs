//! Kills the server at chosen moments, and starts it again.

use std::sync::Arc;

use anyhow::{Context, Result};
use rand::Rng;
use tokio::sync::watch;

use super::world::World;
use crate::ids;
use crate::target::{Spawned, Victim};

/// When to kill, in sends begun: `kills` of them, chosen by the seed among
/// `sends` but the last ones, in order: a kill needs a send to find.
pub(super) fn moments(seed: u64, kills: u64, sends: u64) -> Vec<u64> {
    let mut random = ids::random(seed, "kills", "");
    let mut moments: Vec<u64> =
        (0..kills).map(|_| random.random_range(1..=(sends - sends / 20).max(1))).collect();
    moments.sort_unstable();
    moments
}

/// Kills at each moment, once a send is unanswered then; where there is a database, that one every other time. `up` tells
/// everybody whether to try.
///
/// # Errors
/// That something did not die, or did not start again.
pub(super) async fn kill_at(
    world: Arc<World>,
    mut spawned: Spawned,
    up: watch::Sender<bool>,
    moments: Vec<u64>,
) -> Result<Spawned> {
    let mut begun = world.begun.subscribe();
    for (number, moment) in moments.into_iter().enumerate() {
        // A send that begins later than the moment is unanswered too.
        begun.wait_for(|begun| *begun >= moment && world.tally.unanswered.now() > 0).await?;
        let victim =
            if spawned.has_database() && number % 2 == 1 { Victim::Database } else { Victim::Server };
        world.tally.broken.take();
        world.kills_begun.add(1);
        if victim == Victim::Server {
            up.send_replace(false);
        }
        spawned = tokio::task::spawn_blocking(move || {
            spawned.kill(victim)?;
            spawned.restart(victim)?;
            anyhow::Ok(spawned)
        })
        .await
        .context("killing panicked")??;
        up.send_replace(true);
        world.tally.kills.add(1);
        if world.tally.broken.take() > 0 {
            world.tally.kills_with_unanswered.add(1);
        }
    }
    Ok(spawned)
}
