//! A wrong verdict on purpose, one at a time, so that the matrix of who may do what can show that it would notice.

#[cfg(not(debug_assertions))]
compile_error!("the feature `controls` is for tests: a release build decides nothing wrongly on purpose");

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use snug_model::{Actor, Denied, Facts, Permission, Permit, UserActor, policy::controls::permit_anyway};

use crate::{Core, Result};

/// What is wrong with every verdict, until it is put right.
#[derive(Debug, Clone)]
pub enum Flip {
    /// Whatever credential somebody has, it is taken for this actor.
    TakesFor(Actor),
    /// Whatever somebody wants is permitted.
    Permits,
    /// Whatever somebody wants is denied.
    Denies,
}

/// What is wrong with a core, and whether it denied what it decided last.
#[derive(Default)]
pub(crate) struct Controls {
    flip: Mutex<Option<Flip>>,
    denied: AtomicBool,
}

impl Core {
    /// Decides wrongly from now on, or rightly again.
    pub fn flip(&self, flip: Option<Flip>) {
        *self.controls.flip.lock() = flip;
    }

    /// Whether what the policy decided last was a denial; nothing is decided yet where this was asked before.
    pub fn has_denied(&self) -> bool {
        self.controls.denied.swap(false, Ordering::SeqCst)
    }
}

impl Controls {
    fn now(&self) -> Option<Flip> {
        self.flip.lock().clone()
    }

    /// Whether everything is permitted.
    pub(crate) fn permits(&self) -> bool {
        matches!(self.now(), Some(Flip::Permits))
    }

    /// The verdict in the place of what was decided.
    pub(crate) fn decided(
        &self,
        actor: &Actor,
        facts: &Facts,
        decided: std::result::Result<Permit, Denied>,
    ) -> std::result::Result<Permit, Denied> {
        self.denied.store(decided.is_err(), Ordering::SeqCst);
        match (self.now(), actor) {
            // What the server does itself goes on.
            (_, Actor::System(_)) => decided,
            (Some(Flip::Permits), _) => Ok(permit_anyway(actor, facts)),
            (Some(Flip::Denies), _) => Err(Denied::Forbidden(Permission::MessageSend)),
            (Some(Flip::TakesFor(_)) | None, _) => decided,
        }
    }

    /// Who acts, in the place of who was authenticated.
    pub(crate) fn taken(&self, actor: Result<Actor>) -> Result<Actor> {
        match self.now() {
            Some(Flip::TakesFor(other)) => Ok(other),
            _ => actor,
        }
    }

    /// The same of a client, if it is to be taken for one.
    pub(crate) fn taken_client(&self, actor: Result<UserActor>) -> Result<UserActor> {
        match self.now() {
            Some(Flip::TakesFor(Actor::User(other))) => Ok(other),
            _ => actor,
        }
    }
}
