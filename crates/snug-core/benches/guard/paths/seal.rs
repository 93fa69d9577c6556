//! Sealing a message for the store, and the MAC of its draft.

use std::hint::black_box;

use snug_core::sealing::{MessageBody, Place};
use snug_model::{
    AppKey, ConversationKey, UserKey,
    messages::{Author, Draft},
};
use snug_store::SenderRow;

use crate::{post, stage};

/// Messages of a turn.
const MESSAGES: usize = 10;

pub(crate) async fn path(turns: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sealer = stage::sealer(folder.path()).await;
    let (app, conversation) = (AppKey(1), ConversationKey(2));
    sealer.new_app(app).await.expect("an app's secret");
    let user = UserKey(3);
    sealer.seal(&Place::user_id(app, user), &post::user_id(1)).await.expect("a user's secret");
    let sender = SenderRow::User(user);
    let body = MessageBody { text: Some(post::text()), ..MessageBody::default() };
    for number in 0..turns * MESSAGES {
        let id = post::message_id(number);
        let place = Place::message(app, conversation, id, 1, sender, post::NOW);
        black_box(sealer.seal(&place, &body).await.expect("a sealed body"));
        let draft =
            Draft { id, author: Author::Own, content: post::content(), reply_to: None, silent: false };
        black_box(sealer.draft_mac(app, conversation, sender, &draft).await.expect("a MAC"));
    }
}
