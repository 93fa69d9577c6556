//! The decision on a client that sends a message.

use std::hint::black_box;

use snug_model::{Action, Actor, AppKey, ConversationKey, KeyId, UserKey, Version, policy};

use crate::{
    client::{Rows, client},
    post,
};

/// Decisions of a turn.
const DECISIONS: usize = 100;

pub(crate) async fn path(turns: usize) {
    let (app, user, key) = (AppKey(1), UserKey(2), KeyId::from_random("key"));
    let rows = Rows {
        app: (app, Version(1)),
        key: (key.clone(), Version(1)),
        user: (user, Version(1)),
        conversation: (ConversationKey(3), Version(1)),
        member: Version(1),
    };
    let (actor, facts) = (Actor::User(client(app, user, key)), rows.facts());
    for _ in 0..turns * DECISIONS {
        let action = black_box(Action::SendMessage { as_user: false });
        let decided = policy::decide(black_box(&actor), &action, black_box(&facts), post::NOW);
        black_box(decided.expect("a member may send"));
    }
}
