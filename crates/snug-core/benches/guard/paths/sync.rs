//! Answering a member who missed 50 messages: read, opened, encoded.

use std::hint::black_box;

use snug_core::{Changes, SyncAsk};
use snug_model::{
    Actor, Rev,
    messages::{Author, Draft},
};
use snug_wire::{json, messages};

use crate::{post, stage::Stage};

/// Messages that are there.
const MESSAGES: usize = 100;
/// How many of them the member missed.
const MISSED: i64 = 50;
/// People who wrote them.
const AUTHORS: usize = 8;

pub(crate) async fn path(turns: usize) {
    let stage = Stage::open(AUTHORS).await;
    for number in 0..MESSAGES {
        let author = Author::User(post::user_id(number % AUTHORS));
        let id = post::message_id(number);
        let draft = Draft { id, author, content: post::content(), reply_to: None, silent: false };
        stage.core.send(&stage.system, &post::conversation_id(), &draft).await.expect("a message");
    }
    let reader = Actor::User(stage.clients().await.remove(0));
    let conversation = stage.core.conversation(&reader, &post::conversation_id()).await;
    let (conversation, _) = conversation.expect("the conversation");
    let since = Rev(conversation.rev.0 - MISSED);
    let ask = SyncAsk { conversation: conversation.id, epoch: conversation.epoch, since, limit: MISSED };
    for _ in 0..turns {
        let changes = stage.core.sync(&reader, &ask).await.expect("what changed");
        assert_eq!(changes.messages.len() as i64, MISSED, "each message once");
        black_box(json::print(&shown(changes)).expect("JSON"));
    }
}

fn shown(changes: Changes) -> messages::Changes {
    messages::Changes {
        epoch: changes.epoch.into(),
        to: changes.to.into(),
        head: changes.head.into(),
        more: changes.to < changes.head,
        reset: changes.reset,
        messages: changes.messages.into_iter().map(Into::into).collect(),
        members: changes.members.into_iter().map(Into::into).collect(),
        conversation: changes.conversation.map(Into::into),
        purged_before: None,
        read_seq: changes.read_seq.map(Into::into),
        users: changes.people.iter().map(|(id, person)| (id.clone(), person.clone())).collect(),
    }
}
