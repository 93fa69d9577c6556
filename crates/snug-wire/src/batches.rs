//! Batches: users or messages by the hundred, each with a result of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::Error};
use snug_model::{Invalid, limits, users as model};
use utoipa::ToSchema;

use crate::{
    attributes::Attributes,
    ids::UserId,
    json::{Source, at_most, from_source},
    messages::{Message, MessageDraft},
    problem::Problem,
    text::{ImageUrl, Name, RoleName},
    users::User,
};

/// What a batch is made of: each item is read by itself, so that what is wrong with one does not concern the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items<T>(pub Vec<Result<T, Invalid>>);

impl<T> Items<T> {
    /// The items; what is wrong with one names its place in the list `name`.
    pub fn named(self, name: &str) -> Vec<Result<T, Invalid>> {
        let items = self.0.into_iter().enumerate();
        items.map(|(place, item)| item.map_err(|invalid| within(name, place, invalid))).collect()
    }
}

/// What is wrong with an item, seen from the whole.
pub fn within(name: &str, place: usize, invalid: Invalid) -> Invalid {
    let dot = if invalid.field.is_empty() { "" } else { "." };
    Invalid { field: format!("{name}[{place}]{dot}{}", invalid.field), ..invalid }
}

impl<T> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items.into_iter().map(Ok).collect())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: Vec<serde_json::Value> = at_most(deserializer, limits::BATCH_RESULTS_MAX)?;
        Ok(Self(items.into_iter().map(|item| from_source(Source::json(item))).collect()))
    }
}

impl<T: Serialize> Serialize for Items<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items: Result<Vec<&T>, &Invalid> = self.0.iter().map(Result::as_ref).collect();
        items.map_err(S::Error::custom)?.serialize(serializer)
    }
}

// The schemas' number is the one that is checked.
const _: () = assert!(limits::BATCH_RESULTS_MAX == 100);

/// Makes or replaces users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBatch {
    /// The users, none of them twice.
    #[schema(value_type = Vec<BatchedUser>, max_items = 100)]
    pub users: Items<BatchedUser>,
}

/// A user to be made or replaced. What is left out takes the default of a new one, but for the role, which stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchedUser {
    /// The customer's id.
    pub id: UserId,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The address of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<ImageUrl>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Its app role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
}

impl BatchedUser {
    /// The id, and what the user is to be.
    pub fn into_draft(self) -> (snug_model::UserId, model::UserDraft) {
        let Self { id, name, avatar_url, attributes, role } = self;
        (id.into(), crate::users::UserDraft { name, avatar_url, attributes, role }.into())
    }
}

/// Sends messages to one conversation, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBatch {
    /// The messages.
    #[schema(value_type = Vec<MessageDraft>, max_items = 100)]
    pub messages: Items<MessageDraft>,
}

/// What became of the users of a batch, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserResults {
    /// A result for each.
    pub results: Vec<UserResult>,
}

/// What became of a user: it, or the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserResult {
    /// The HTTP status that it would have had alone.
    pub status: u16,
    /// The user, as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = User, required = false)]
    pub user: Option<User>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Problem, required = false)]
    pub problem: Option<Problem>,
}

/// What became of the messages of a batch, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageResults {
    /// A result for each.
    pub results: Vec<MessageResult>,
}

/// What became of a message: it, or the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageResult {
    /// The HTTP status that it would have had alone.
    pub status: u16,
    /// The message, as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Message, required = false)]
    pub message: Option<Message>,
    /// Why it was not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Problem, required = false)]
    pub problem: Option<Problem>,
}
