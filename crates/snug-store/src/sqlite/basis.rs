//! Comparison of the facts that a permit rests on.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use rusqlite::params;
use snug_model::{AppKey, Permit, Version, policy::Fact};

use super::sql::Sql;
use crate::{StoreError, StoreResult};

/// Facts that are remembered at most, before that begins anew.
const SEEN_FACTS_MAX: usize = 100_000;

/// The versions of facts as they were last seen. Those that the writer has seen hold until an act of its own changes one, for
/// there is one writer, or another process has written; those of a read as long as its snapshot.
#[derive(Default)]
pub(super) struct Seen {
    versions: RefCell<HashMap<AppKey, HashMap<Fact, Version>>>,
    count: Cell<usize>,
}

impl Seen {
    fn get(&self, app: AppKey, fact: &Fact) -> Option<Version> {
        self.versions.borrow().get(&app)?.get(fact).copied()
    }

    fn put(&self, app: AppKey, fact: &Fact, version: Version) {
        if self.count.get() == SEEN_FACTS_MAX {
            self.forget();
        }
        self.count.set(self.count.get() + 1);
        self.versions.borrow_mut().entry(app).or_default().insert(fact.clone(), version);
    }

    /// Forgets everything: something may have changed.
    pub(super) fn forget(&self) {
        self.versions.borrow_mut().clear();
        self.count.set(0);
    }
}

/// Refuses a permit of which a fact has changed. It runs in the transaction of the act: nothing can come between, since
/// there is one writer, and a read sees one snapshot.
pub(super) fn compare(sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
    for (fact, seen) in permit.basis() {
        if version(sql, permit.app(), fact)? != *seen {
            return Err(StoreError::Stale);
        }
    }
    Ok(())
}

/// The version of a fact now; 0 where there is no such row.
fn version(sql: &Sql<'_>, app: AppKey, fact: &Fact) -> StoreResult<Version> {
    if let Some(version) = sql.seen.get(app, fact) {
        return Ok(version);
    }
    let version = look_up(sql, app, fact)?;
    sql.seen.put(app, fact, version);
    Ok(version)
}

fn look_up(sql: &Sql<'_>, app: AppKey, fact: &Fact) -> StoreResult<Version> {
    let app = app.0;
    let found = match fact {
        Fact::App => sql.maybe("SELECT version FROM apps WHERE app = ?1", params![app], |row| row.int()),
        Fact::Key(id) => sql.maybe(
            "SELECT version FROM keys WHERE id = ?1 AND app = ?2",
            params![id.as_str(), app],
            |row| row.int(),
        ),
        Fact::TokenKey(id) => sql.maybe(
            "SELECT version FROM token_keys WHERE id = ?1 AND app = ?2",
            params![id.as_str(), app],
            |row| row.int(),
        ),
        Fact::User(user) => {
            sql.maybe("SELECT version FROM users WHERE user = ?1 AND app = ?2", params![user.0, app], |row| {
                row.int()
            })
        }
        Fact::Conversation(conversation) => sql.maybe(
            "SELECT version FROM conversations WHERE conversation = ?1 AND app = ?2",
            params![conversation.0, app],
            |row| row.int(),
        ),
        Fact::Member(conversation, user) => sql.maybe(
            "SELECT version FROM members WHERE app = ?1 AND conversation = ?2 AND user = ?3",
            params![app, conversation.0, user.0],
            |row| row.int(),
        ),
        Fact::Template(template) => sql.maybe(
            "SELECT version FROM templates WHERE template = ?1 AND app = ?2",
            params![template.0, app],
            |row| row.int(),
        ),
    };
    Ok(Version(found?.unwrap_or(0)))
}
