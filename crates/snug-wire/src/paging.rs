//! Lists, page by page.

#![expect(unused_qualifications, reason = "the derive of a generic schema writes some")]

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{Invalid, limits, messages::Window};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    conversations::State,
    exports::TranscriptFormat,
    ids::{ConversationId, Epoch, Rev, Seq, UserId, integer, integer_schema},
    json::{is_off, lists},
    people::People,
    time::Time,
};

lists! {
    /// The ids of a look-up.
    LookUpIds(UserId) up to LOOKUP_IDS_MAX;
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items. There may be fewer than asked for while `next` is not null.
    pub items: Vec<T>,
    /// The cursor of the next page; null where there is none.
    #[schema(required = true)]
    pub next: Option<String>,
    /// Name and picture of the people in it, in lists that mention people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = People, required = false)]
    pub users: Option<People>,
}

/// How many items a page has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub i64);

impl Default for Limit {
    fn default() -> Self {
        Self(limits::PAGE_ITEMS_DEFAULT as i64)
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, 1, limits::PAGE_ITEMS_MAX as i64).map(Self)
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        integer_schema(1, limits::PAGE_ITEMS_MAX as i64)
            .default(Some(limits::PAGE_ITEMS_DEFAULT.into()))
            .description(Some("How many items a page has at most."))
            .into()
    }
}

impl ToSchema for Limit {}

/// In which order a list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

/// The query of a list that can be paged and turned around.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    pub order: Order,
}

/// The query of a list that goes one way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeldQuery {
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The query of the list of users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsersQuery {
    /// Only these; the parameter is repeated for each.
    #[serde(default, skip_serializing_if = "LookUpIds::is_empty")]
    pub ids: LookUpIds,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    pub order: Order,
}

/// The query of the list of an app's conversations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConversationsQuery {
    /// In use, or archived; both where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// With this user as a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<UserId>,
    /// That changed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_after: Option<Time>,
    /// That were made later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Time>,
    /// With this alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<ConversationId>,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    pub order: Order,
}

/// The query of an inbox, on the socket too. At most one of `cursor` and `since`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// Only conversations with something unread. A page looks at 200 conversations, and may be short while there is more.
    #[serde(default, skip_serializing_if = "is_off")]
    pub unread: bool,
    /// A `sync_token`: only what changed since it was given out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl InboxQuery {
    /// Refuses what excludes each other.
    ///
    /// # Errors
    /// `Invalid` of `since` where it stands beside `cursor` or `unread`.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.since.is_some() && (self.cursor.is_some() || self.unread) {
            return Err(Invalid::new("since", "must stand neither with `cursor` nor with `unread`"));
        }
        Ok(())
    }
}

/// The query of a conversation's messages: the newest, or those around a seq. Always ascending by seq.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Those just below this seq.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Those just above this seq.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// Those on both sides of this seq, itself included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<Seq>,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl HistoryQuery {
    /// Which messages are asked for.
    ///
    /// # Errors
    /// `Invalid` of the second one where more than one of `before`, `after` and `around` is given.
    pub fn window(&self) -> Result<Window, Invalid> {
        window(self.before, self.after, self.around)
    }
}

/// At most one of the three ways to say which messages are asked for; the newest where it is none.
pub(crate) fn window(
    before: Option<Seq>,
    after: Option<Seq>,
    around: Option<Seq>,
) -> Result<Window, Invalid> {
    match (before, after, around) {
        (None, None, None) => Ok(Window::Newest),
        (Some(seq), None, None) => Ok(Window::Before(seq.0)),
        (None, Some(seq), None) => Ok(Window::After(seq.0)),
        (None, None, Some(seq)) => Ok(Window::Around(seq.0)),
        (_, _, Some(_)) => Err(Invalid::new("around", "must stand neither with `before` nor with `after`")),
        (Some(_), Some(_), None) => Err(Invalid::new("after", "must not stand with `before`")),
    }
}

/// The query of a conversation's export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TranscriptQuery {
    /// As what.
    #[serde(default)]
    pub format: TranscriptFormat,
    /// Up to which seq the caller has the lines of an export that was cut: it goes on above. The last line speaks of all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
}

/// The query of what changed in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SyncQuery {
    /// The epoch that one knows.
    pub epoch: Epoch,
    /// The rev up to which one knows everything.
    pub since: Rev,
    /// How many changes at most.
    #[serde(default)]
    pub limit: Limit,
}

/// The query of what a back end does in a user's name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsQuery {
    /// The user; back ends with the scope `messages.as_user` only.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// The query of a member's removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Whether to drop its view and its inbox item too.
    #[serde(default, skip_serializing_if = "is_off")]
    pub forget: bool,
}

/// The query of what takes no parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// The body of what needs none; it may be left out, or be `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
