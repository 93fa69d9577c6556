//! The export of a user.

use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use snug_core::{Lines, OfUser, OfUserPlace};
use snug_model::{Actor, UserId};
use snug_wire::{exports::MEDIA_TYPE, of_user as wire, paging::NoQuery};

use super::exports::{Chunks, last_line, line, streamed};
use crate::{
    call::{Answered, Call, Failure, Node},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/users/{user}/export",
            "exportUser",
            "Exports what a user wrote and is: a line for each thing, and a last one with their number.",
            Takes::back_end("export"),
            export,
        )
        .exports::<wire::OfUser>(),
    ]
}

async fn export(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (node, user) = (Arc::clone(&call.node), call.user()?);
    call.core().enter_export_of(&actor, &user).await?;
    let next = Next::Part(OfUserPlace::default());
    streamed(MEDIA_TYPE, Export { node, actor, user, lines: Lines::default(), next }).await
}

enum Next {
    /// With what is there.
    Part(OfUserPlace),
    /// With its last line.
    End,
    /// Nowhere.
    Done,
}

struct Export {
    node: Arc<Node>,
    actor: Actor,
    user: UserId,
    lines: Lines,
    next: Next,
}

impl Chunks for Export {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut chunk = Vec::new();
        // A part may have nothing in it.
        while chunk.is_empty() {
            match std::mem::replace(&mut self.next, Next::Done) {
                Next::Done => return Ok(None),
                Next::Part(place) => {
                    self.node.core.memory().check()?;
                    // Whether the actor may is decided for each part again.
                    let (items, next) = self.node.core.of_user(&self.actor, &self.user, place).await?;
                    for item in items {
                        let line = line(&shown(item))?;
                        self.lines.add(&line);
                        chunk.extend(line);
                    }
                    self.next = next.map_or(Next::End, Next::Part);
                }
                Next::End => chunk = last_line(&mut self.lines)?,
            }
        }
        Ok(Some(chunk.into()))
    }
}

fn shown(item: OfUser) -> wire::OfUser {
    match item {
        OfUser::User(user) => wire::OfUser::User(user.into()),
        OfUser::Consent(record) => wire::OfUser::Consent(record.into()),
        OfUser::Block(block) => wire::OfUser::Block(block.into()),
        OfUser::Membership(member) => wire::OfUser::Membership(member.into()),
        OfUser::Message(message) => wire::OfUser::Message(message.into()),
        OfUser::Version { conversation, message, version } => wire::OfUser::Version(wire::VersionOfUser {
            conversation: conversation.into(),
            message: message.into(),
            version: version.into(),
        }),
        OfUser::Reaction { conversation, message, emoji, at } => {
            wire::OfUser::Reaction(wire::ReactionOfUser {
                conversation: conversation.into(),
                message: message.into(),
                emoji: emoji.into(),
                at: at.into(),
            })
        }
    }
}
