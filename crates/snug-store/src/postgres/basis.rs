//! Comparison of the facts that permits rest on.

use std::collections::HashSet;

use snug_model::{AppKey, Permit, Version, policy::Fact};

use super::sql::{Sql, params};
use crate::{StoreError, StoreResult};

/// A fact of an app, at the version at which a permit saw it.
type Seen<'p> = (AppKey, &'p Fact, Version);

/// What of it is so no longer. A fact that has no row is at version 0.
#[derive(Default)]
pub(super) struct Outdated<'p>(HashSet<Seen<'p>>);

impl Outdated<'_> {
    /// Refuses a permit of which a fact has changed.
    pub(super) fn compare(&self, permit: &Permit) -> StoreResult<()> {
        let mut seen = permit.basis().iter().map(|(fact, version)| (permit.app(), fact, *version));
        let outdated = !self.0.is_empty() && seen.any(|seen| self.0.contains(&seen));
        if outdated { Err(StoreError::Stale) } else { Ok(()) }
    }
}

/// Refuses a permit of which a fact has changed.
///
/// An act runs it behind the lock of its app, which whoever narrows a permission holds alone; so nothing that it forbids
/// can come between this and the commit. A read runs it in the snapshot that it reads.
pub(super) async fn compare(sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
    outdated(sql, [permit]).await?.compare(permit)
}

/// Facts of any kind, a column each: which kind, the version that was seen, and what tells the fact from others of its kind.
#[derive(Default)]
pub(super) struct Facts<'p> {
    seen: Vec<Seen<'p>>,
    pub(super) kinds: Vec<i64>,
    pub(super) versions: Vec<i64>,
    pub(super) apps: Vec<i64>,
    /// The numbers of the conversation, or the template, and of the user, and the id of the key: 0 and nothing where the kind has
    /// none.
    pub(super) conversations: Vec<i64>,
    pub(super) users: Vec<i64>,
    pub(super) keys: Vec<&'p str>,
}

impl<'p> Facts<'p> {
    /// All that permits rest on, each once.
    pub(super) fn of(permits: impl IntoIterator<Item = &'p Permit>) -> Self {
        let (mut facts, mut known) = (Self::default(), HashSet::new());
        for permit in permits {
            for (fact, version) in permit.basis() {
                let seen = (permit.app(), fact, *version);
                if known.insert(seen) {
                    facts.add(seen);
                }
            }
        }
        facts
    }

    fn add(&mut self, seen: Seen<'p>) {
        let (app, fact, version) = seen;
        self.seen.push(seen);
        let (kind, conversation, user, key) = match fact {
            Fact::App => (0, 0, 0, ""),
            Fact::Key(id) => (1, 0, 0, id.as_str()),
            Fact::User(user) => (2, 0, user.0, ""),
            Fact::Conversation(conversation) => (3, conversation.0, 0, ""),
            Fact::Member(conversation, user) => (4, conversation.0, user.0, ""),
            Fact::TokenKey(id) => (5, 0, 0, id.as_str()),
            Fact::Template(template) => (6, template.0, 0, ""),
        };
        self.kinds.push(kind);
        self.versions.push(version.0);
        self.apps.push(app.0);
        self.conversations.push(conversation);
        self.users.push(user);
        self.keys.push(key);
    }
}

/// The places, from 1, of the facts among those asked about that are at another version than was seen.
macro_rules! outdated_facts {
    () => {
        "
    SELECT nth FROM (
        SELECT generate_series(1, cardinality($1::bigint[]))::bigint AS nth, unnest($1::bigint[]) AS kind,
            unnest($2::bigint[]) AS version, unnest($3::bigint[]) AS app, unnest($4::bigint[]) AS conversation,
            unnest($5::bigint[]) AS person, unnest($6::text[]) AS key
    ) w
    WHERE version <> coalesce(CASE kind
        WHEN 0 THEN (SELECT t.version FROM apps t WHERE t.app = w.app)
        WHEN 1 THEN (SELECT t.version FROM keys t WHERE t.id = w.key AND t.app = w.app)
        WHEN 2 THEN (SELECT t.version FROM users t WHERE t.user = w.person AND t.app = w.app)
        WHEN 3 THEN (SELECT t.version FROM conversations t WHERE t.conversation = w.conversation AND t.app = w.app)
        WHEN 4 THEN (
            SELECT t.version FROM members t
            WHERE t.app = w.app AND t.conversation = w.conversation AND t.user = w.person)
        WHEN 5 THEN (SELECT t.version FROM token_keys t WHERE t.id = w.key AND t.app = w.app)
        WHEN 6 THEN (SELECT t.version FROM templates t WHERE t.template = w.conversation AND t.app = w.app)
        END, 0)"
    };
}

/// A condition that holds, or has its statement fail as [`StoreError::Stale`]: that of all facts none is outdated. Its first
/// six parameters are theirs.
macro_rules! none_outdated {
    () => {
        concat!(
            "1 / (CASE WHEN EXISTS (",
            $crate::postgres::basis::outdated_facts!(),
            ") THEN 0 ELSE 1 END) = 1"
        )
    };
}

pub(super) use {none_outdated, outdated_facts};

/// The facts among those asked about that have changed.
pub(super) const OUTDATED: &str = outdated_facts!();

/// What has changed of all that permits rest on, in one statement.
pub(super) async fn outdated<'p>(
    sql: &Sql<'_>,
    permits: impl IntoIterator<Item = &'p Permit>,
) -> StoreResult<Outdated<'p>> {
    let facts = Facts::of(permits);
    let found = sql
        .all(
            OUTDATED,
            params![facts.kinds, facts.versions, facts.apps, facts.conversations, facts.users, facts.keys],
            |row| row.int(),
        )
        .await?;
    let outdated =
        found.into_iter().filter_map(|nth| facts.seen.get(usize::try_from(nth - 1).ok()?).copied());
    Ok(Outdated(outdated.collect()))
}
