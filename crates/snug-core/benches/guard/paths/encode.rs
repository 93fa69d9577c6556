//! Writing what the members hear of a new message: one frame for all of them.

use std::hint::black_box;

use snug_core::hub::frame;
use snug_wire::socket::Push;

use crate::post;

/// Frames of a turn.
const FRAMES: usize = 10;

pub(crate) async fn path(turns: usize) {
    for number in 1..=turns * FRAMES {
        let message = post::message(number);
        let push = Push::Message {
            conversation: message.conversation.clone().into(),
            rev: message.rev.into(),
            message: message.into(),
            users: [post::person()].into_iter().collect(),
        };
        black_box(frame(&push.frame().expect("JSON")));
    }
}
