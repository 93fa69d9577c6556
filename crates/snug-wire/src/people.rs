//! Name and picture of the people whom an answer mentions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use snug_model::{self as model, users};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, Ref, RefOr, Schema},
};

use crate::{
    ids::UserId,
    text::{ImageUrl, Name},
};

/// What others see of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// What people call it.
    #[schema(required = true)]
    pub name: Option<Name>,
    /// The address of its picture.
    #[schema(required = true)]
    pub avatar_url: Option<ImageUrl>,
}

/// A person in the answer to a look-up by ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundPerson {
    /// The customer's id.
    pub id: UserId,
    /// What people call it.
    #[schema(required = true)]
    pub name: Option<Name>,
    /// The address of its picture.
    #[schema(required = true)]
    pub avatar_url: Option<ImageUrl>,
}

/// The people whom an answer mentions, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct People(pub BTreeMap<UserId, Person>);

impl From<users::Person> for Person {
    fn from(person: users::Person) -> Self {
        Self { name: person.name.map(Into::into), avatar_url: person.avatar_url.map(Into::into) }
    }
}

impl From<(model::UserId, users::Person)> for FoundPerson {
    fn from((id, person): (model::UserId, users::Person)) -> Self {
        let Person { name, avatar_url } = person.into();
        Self { id: id.into(), name, avatar_url }
    }
}

impl FromIterator<(model::UserId, users::Person)> for People {
    fn from_iter<I: IntoIterator<Item = (model::UserId, users::Person)>>(people: I) -> Self {
        Self(people.into_iter().map(|(id, person)| (id.into(), person.into())).collect())
    }
}

impl PartialSchema for People {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .additional_properties(Some(Ref::from_schema_name(Person::name())))
            .description(Some("Name and picture of the people whom the answer mentions, by id."))
            .into()
    }
}

impl ToSchema for People {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Person::name().into_owned(), Person::schema()));
        Person::schemas(schemas);
    }
}
