//! A wrong decision on purpose, so that what compares decisions with the contract can show that it would notice.

#[cfg(not(debug_assertions))]
compile_error!("the feature `controls` is for tests: a release build decides nothing wrongly on purpose");

use super::{By, Permit, View};
use crate::{actor::Actor, facts::Facts};

/// A permit that nothing was decided for: whoever `actor` is, and whatever it wants.
pub fn permit_anyway(actor: &Actor, facts: &Facts) -> Permit {
    let by = match actor {
        Actor::Key(key) => By::Key(key.key.clone()),
        Actor::User(user) => By::User(user.user),
        Actor::System(_) => By::System,
    };
    Permit::of_app(actor.app(), by, facts).within(facts.conversation.as_ref(), View::EVERYTHING)
}
