//! A whole conversation, as the back end reads it.

use anyhow::Result;
use snug_client::wire::ids::{ConversationId, Seq};
use snug_client::wire::messages::Message;
use snug_client::wire::paging::{HistoryQuery, Limit, Page, PageQuery};
use snug_client::{Backend, Error};

use super::wire;
use super::world::World;
use crate::history::{Held, Sync};

/// The largest page that there is.
const PAGE: Limit = Limit(200);

/// Messages and members as they are now, which stand at `head`, in the form of a sync from the very beginning.
pub(super) async fn read(world: &World, conversation: &ConversationId, head: u64) -> Result<Sync> {
    let backend = &world.backend;
    let messages = world.until_answered(|| history(backend, conversation)).await?;
    let mut members = Vec::new();
    let mut query = PageQuery { limit: PAGE, ..PageQuery::default() };
    loop {
        let page = world.until_answered(|| backend.members(conversation, &query)).await?;
        members.extend(page.items.iter().filter_map(wire::membership));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    let messages = messages.into_iter().map(wire::held).collect::<Result<_>>()?;
    Ok(Sync { since: 0, to: head, head, messages, members })
}

/// All messages of a conversation, oldest first.
pub(crate) async fn messages(backend: &Backend, conversation: &ConversationId) -> Result<Vec<Held>> {
    history(backend, conversation).await?.into_iter().map(wire::held).collect()
}

async fn history(backend: &Backend, conversation: &ConversationId) -> Result<Vec<Message>, Error> {
    let mut all = Vec::new();
    let start = Some(Seq(snug_model::Seq(0)));
    let mut query = HistoryQuery { after: start, limit: PAGE, ..HistoryQuery::default() };
    loop {
        let Page { items, next, .. } = backend.history(conversation, &query).await?;
        all.extend(items);
        query.cursor = next;
        if query.cursor.is_none() {
            return Ok(all);
        }
    }
}
