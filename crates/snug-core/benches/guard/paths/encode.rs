//! Writing what the members and the sender hear of a new message: one frame for all members, and the answer.

use std::hint::black_box;

use snug_core::hub::frame;
use snug_wire::socket::MessageJson;

use crate::post;

/// Messages of a turn.
const MESSAGES: usize = 10;

pub(crate) async fn path(turns: usize) {
    for number in 1..=turns * MESSAGES {
        let message = post::message(number);
        let (conversation, rev) = (message.conversation.clone().into(), message.rev.into());
        let people = [post::person()].into_iter().collect();
        let json = MessageJson::new(&message.into()).expect("JSON");
        black_box(frame(&json.push(&conversation, rev, &people).expect("JSON")));
        black_box(frame(&json.answer(number as u64).expect("JSON")));
    }
}
