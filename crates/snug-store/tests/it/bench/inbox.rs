//! Users' inboxes, asked for by their own clients.

use snug_model::{ConversationKey, Seq, UserKey};
use snug_store::{InboxPlace, InboxQuery, InboxRow, InboxRows, UnreadRows};

use super::{App, Bench, Conversation};

pub(crate) async fn query(app: &App, user: UserKey, query: InboxQuery) -> InboxRows {
    app.store.inbox(&app.client(user).await, user, query).await.expect("an inbox can be read")
}

pub(crate) async fn page(app: &App, user: UserKey, below: Option<InboxPlace>, limit: i64) -> InboxRows {
    query(app, user, InboxQuery::Page { below, unread: false, limit }).await
}

pub(crate) async fn since(app: &App, user: UserKey, version: i64) -> InboxRows {
    query(app, user, InboxQuery::Since { version, limit: 100 }).await
}

pub(crate) fn keys(rows: &[InboxRow]) -> Vec<ConversationKey> {
    rows.iter().map(|row| row.conversation.key).collect()
}

/// Each conversation's newest seq.
pub(crate) fn heads(rows: &[InboxRow]) -> impl Iterator<Item = (ConversationKey, Seq)> {
    rows.iter().map(|row| (row.conversation.key, row.visible_head))
}

pub(crate) async fn listed(app: &App, user: UserKey) -> Vec<ConversationKey> {
    keys(&page(app, user, None, 1_000).await.items)
}

pub(crate) async fn unread(app: &App, user: UserKey, look: i64) -> (i64, bool) {
    let UnreadRows { conversations, capped } =
        app.store.unread(&app.client(user).await, user, look).await.expect("unread can be counted");
    (conversations, capped)
}

pub(crate) async fn place_all(app: &App) {
    while app.store.place_inboxes(100).await.expect("inboxes can be placed") > 0 {}
}

/// A version since which nothing happened: one may be answered that is a little older than the present, while others
/// have not ended.
pub(crate) async fn settled(app: &App, user: UserKey) -> i64 {
    loop {
        let version = page(app, user, None, 1).await.version;
        let rows = since(app, user, version).await;
        if rows.items.is_empty() && rows.gone.is_empty() {
            return version;
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn item(app: &App, user: UserKey, conversation: &Conversation) -> InboxRow {
    let rows = page(app, user, None, 100).await;
    let found = rows.items.into_iter().find(|row| row.conversation.key == conversation.key);
    found.expect("the conversation is in the inbox")
}

/// Ann, Bob, and three conversations of theirs.
pub(crate) async fn three(bench: &Bench) -> (App, UserKey, UserKey, [Conversation; 3]) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversations = [
        app.conversation("a", &[ann, bob]).await,
        app.conversation("b", &[ann, bob]).await,
        app.conversation("c", &[ann, bob]).await,
    ];
    (app, ann, bob, conversations)
}
