//! Comparison of the facts that permits rest on.

use std::collections::HashMap;

use snug_model::{AppKey, Permit, Version, policy::Fact};

use super::sql::{Sql, params};
use crate::{StoreError, StoreResult};

/// The versions of facts now; one that is not in it has no row, and version 0.
pub(super) struct Versions(HashMap<(AppKey, Fact), Version>);

impl Versions {
    /// Refuses a permit of which a fact has changed.
    pub(super) fn compare(&self, permit: &Permit) -> StoreResult<()> {
        let holds = permit.basis().iter().all(|(fact, seen)| {
            let now = self.0.get(&(permit.app(), fact.clone())).copied().unwrap_or(Version(0));
            now == *seen
        });
        if holds { Ok(()) } else { Err(StoreError::Stale) }
    }
}

/// Refuses a permit of which a fact has changed.
///
/// An act runs it behind the lock of its app, which whoever narrows a permission holds alone; so nothing that it forbids
/// can come between this and the commit. A read runs it in the snapshot that it reads.
pub(super) async fn compare(sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
    versions(sql, [permit]).await?.compare(permit)
}

/// The facts of permits, a kind each, as arrays.
#[derive(Default)]
struct Facts<'p> {
    apps: Vec<i64>,
    key_apps: Vec<i64>,
    keys: Vec<&'p str>,
    user_apps: Vec<i64>,
    users: Vec<i64>,
    conversation_apps: Vec<i64>,
    conversations: Vec<i64>,
    member_apps: Vec<i64>,
    member_conversations: Vec<i64>,
    members: Vec<i64>,
}

impl<'p> Facts<'p> {
    fn add(&mut self, app: AppKey, fact: &'p Fact) {
        match fact {
            Fact::App => self.apps.push(app.0),
            Fact::Key(id) => {
                self.key_apps.push(app.0);
                self.keys.push(id.as_str());
            }
            Fact::User(user) => {
                self.user_apps.push(app.0);
                self.users.push(user.0);
            }
            Fact::Conversation(conversation) => {
                self.conversation_apps.push(app.0);
                self.conversations.push(conversation.0);
            }
            Fact::Member(conversation, user) => {
                self.member_apps.push(app.0);
                self.member_conversations.push(conversation.0);
                self.members.push(user.0);
            }
        }
    }
}

/// The versions of all facts that permits rest on, in one statement. A fact is told by its place among those asked for.
pub(super) async fn versions(
    sql: &Sql<'_>,
    permits: impl IntoIterator<Item = &Permit>,
) -> StoreResult<Versions> {
    let mut asked: [Vec<(AppKey, &Fact)>; 5] = Default::default();
    let mut facts = Facts::default();
    let mut seen = std::collections::HashSet::new();
    for permit in permits {
        for (fact, _) in permit.basis() {
            if seen.insert((permit.app(), fact)) {
                facts.add(permit.app(), fact);
                asked[kind(fact)].push((permit.app(), fact));
            }
        }
    }
    let found = sql
        .all(
            "SELECT 0::bigint, w.nth, a.version
                 FROM unnest($1::bigint[]) WITH ORDINALITY w (app, nth) JOIN apps a ON a.app = w.app
             UNION ALL SELECT 1, w.nth, k.version
                 FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY w (app, id, nth)
                 JOIN keys k ON k.id = w.id AND k.app = w.app
             UNION ALL SELECT 2, w.nth, u.version
                 FROM unnest($4::bigint[], $5::bigint[]) WITH ORDINALITY w (app, person, nth)
                 JOIN users u ON u.user = w.person AND u.app = w.app
             UNION ALL SELECT 3, w.nth, c.version
                 FROM unnest($6::bigint[], $7::bigint[]) WITH ORDINALITY w (app, conversation, nth)
                 JOIN conversations c ON c.conversation = w.conversation AND c.app = w.app
             UNION ALL SELECT 4, w.nth, m.version
                 FROM unnest($8::bigint[], $9::bigint[], $10::bigint[])
                     WITH ORDINALITY w (app, conversation, person, nth)
                 JOIN members m ON m.app = w.app AND m.conversation = w.conversation AND m.user = w.person",
            params![
                facts.apps,
                facts.key_apps,
                facts.keys,
                facts.user_apps,
                facts.users,
                facts.conversation_apps,
                facts.conversations,
                facts.member_apps,
                facts.member_conversations,
                facts.members
            ],
            |row| Ok((row.int()?, row.int()?, Version(row.int()?))),
        )
        .await?;
    let versions = found.into_iter().filter_map(|(kind, nth, version)| {
        let kind = asked.get(usize::try_from(kind).ok()?)?;
        let (app, fact) = kind.get(usize::try_from(nth - 1).ok()?)?;
        Some(((*app, (*fact).clone()), version))
    });
    Ok(Versions(versions.collect()))
}

/// The place of a kind of facts in the statement of [`versions`].
fn kind(fact: &Fact) -> usize {
    match fact {
        Fact::App => 0,
        Fact::Key(_) => 1,
        Fact::User(_) => 2,
        Fact::Conversation(_) => 3,
        Fact::Member(..) => 4,
    }
}
