//! Pages of lists: a cursor is sealed, and good for one app, actor and query alone.

use snug_model::Actor;
use snug_store::Page;

use crate::{
    Core, Error, Result,
    people::People,
    sealing::{InvalidToken, TokenKind, TokenUse},
};

/// What a caller asks of a list.
#[derive(Debug, Clone, Copy)]
pub struct PageAsk<'a> {
    /// Where to go on, as the page before said.
    pub cursor: Option<&'a str>,
    /// Newest first.
    pub descending: bool,
    /// How many at most.
    pub limit: i64,
    /// The list and what else the query says: the cursor is bound to it.
    pub query: &'a str,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
    /// Whom the items mention.
    pub people: People,
}

impl<T> Listed<T> {
    /// All there is, in one page, which mentions nobody.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, people: People::new() }
    }
}

impl Core {
    /// Where a page begins.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, actor or app.
    pub(crate) async fn open_page(&self, actor: &Actor, ask: &PageAsk<'_>) -> Result<Page> {
        let after = match ask.cursor {
            None => None,
            Some(cursor) => Some(self.open_cursor::<i64>(actor, cursor, ask.query).await?),
        };
        Ok(Page { after, descending: ask.descending, limit: ask.limit })
    }

    /// The cursor behind a page of `rows` rows, of which `last` is the last one's row number. There is none behind a page
    /// that is not full.
    pub(crate) async fn next_page(
        &self,
        actor: &Actor,
        ask: &PageAsk<'_>,
        rows: usize,
        last: Option<i64>,
    ) -> Result<Option<String>> {
        match last {
            Some(last) if rows as i64 == ask.limit => {
                Ok(Some(self.seal_cursor(actor, &last, ask.query).await?))
            }
            _ => Ok(None),
        }
    }

    /// Seals a place in a list into a cursor.
    pub(crate) async fn seal_cursor<T>(&self, actor: &Actor, place: &T, query: &str) -> Result<String>
    where
        T: minicbor::Encode<()> + minicbor::CborLen<()>,
    {
        let used = TokenUse { kind: TokenKind::Cursor, actor, query };
        Ok(self.keyed(actor.app()).await?.tokens.make(used, place)?)
    }

    /// The place that a cursor holds.
    pub(crate) async fn open_cursor<T>(&self, actor: &Actor, cursor: &str, query: &str) -> Result<T>
    where
        T: for<'b> minicbor::Decode<'b, ()>,
    {
        let used = TokenUse { kind: TokenKind::Cursor, actor, query };
        let invalid =
            |error: InvalidToken| Error::Invalid(snug_model::Invalid::new("cursor", error.to_string()));
        self.keyed(actor.app()).await?.tokens.read(used, cursor).map_err(invalid)
    }
}
