//! The people of one conversation: who sits, who is away, and who gives up a seat for another.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use snug_client::Session;

use super::seat::{Memory, Place, Seat};
use super::world::World;

/// How many may sit in a conversation only to write.
const WRITERS_MAX: usize = 6;

/// The people of one conversation.
pub(super) struct Cast {
    world: Arc<World>,
    place: Arc<Place>,
    sitting: HashMap<String, Seat>,
    away: HashMap<String, Memory>,
    /// Who sits only to write; the one who wrote least lately first.
    writers: VecDeque<String>,
}

impl Cast {
    pub(super) fn new(world: &Arc<World>, place: &Arc<Place>) -> Self {
        Self {
            world: Arc::clone(world),
            place: Arc::clone(place),
            sitting: HashMap::new(),
            away: HashMap::new(),
            writers: VecDeque::new(),
        }
    }

    /// Has `user` read from now on, if it does not yet.
    pub(super) fn read(&mut self, user: &str) -> Result<()> {
        self.writers.retain(|writer| writer != user);
        self.sit(user).map(drop)
    }

    /// Cuts the connection of `user`, if it has one.
    pub(super) async fn cut(&mut self, user: &str) -> Result<()> {
        self.writers.retain(|writer| writer != user);
        if let Some(seat) = self.sitting.remove(user) {
            self.world.tally.drops.add(1);
            self.away.insert(user.to_owned(), seat.leave().await?);
        }
        Ok(())
    }

    /// A connection by which `user` writes. Who is not reading takes a seat for it, if need be another writer's.
    ///
    /// # Errors
    /// Those of the seat, where it ended.
    pub(super) async fn session(&mut self, user: &str) -> Result<Session> {
        if let Some(at) = self.writers.iter().position(|writer| writer == user) {
            self.writers.remove(at);
            self.writers.push_back(user.to_owned());
        } else if !self.sitting.contains_key(user) {
            if self.writers.len() >= WRITERS_MAX
                && let Some(oldest) = self.writers.front().cloned()
            {
                self.cut(&oldest).await?;
            }
            self.writers.push_back(user.to_owned());
        }
        if let Some(session) = self.sit(user)?.session().await {
            return Ok(session);
        }
        let seat = self.sitting.remove(user).context("a reader's seat is gone")?;
        seat.leave().await?;
        anyhow::bail!("reader {user:?} went away by itself")
    }

    /// Waits until `user` has everything up to `rev`, or went away by itself, which leaving tells.
    pub(super) async fn reached(&mut self, user: &str, rev: u64) -> Result<()> {
        self.sit(user)?.reached(rev).await;
        Ok(())
    }

    /// Ends everything, and answers what each kept.
    ///
    /// # Errors
    /// What went wrong while somebody sat there.
    pub(super) async fn dismiss(self) -> Result<HashMap<String, Memory>> {
        let mut all = self.away;
        for (user, seat) in self.sitting {
            all.insert(user, seat.leave().await?);
        }
        Ok(all)
    }

    fn sit(&mut self, user: &str) -> Result<&Seat> {
        if !self.sitting.contains_key(user) {
            let memory = match self.away.remove(user) {
                Some(memory) => memory,
                None => Memory::new(&self.place, user)?,
            };
            self.sitting.insert(user.to_owned(), Seat::take(&self.world, &self.place, memory));
        }
        self.sitting.get(user).context("nobody sits there")
    }
}
