//! Permissions and scopes, as lists of names.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{self as model, keys, limits::NAMES_PER_LIST_MAX};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema, Type},
};

use crate::{json::at_most, strings::Checked};

/// A permission's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission(pub model::Permission);

/// A scope's name: `users`, or `users:read` for reading alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(keys::ScopeSet);

/// A set of permissions, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(pub model::PermissionSet);

/// What an API key may be used for, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(pub keys::ScopeSet);

impl Checked for Permission {
    fn check(text: &str) -> Result<Self, String> {
        model::Permission::from_name(text).map(Self).ok_or_else(|| "must be a permission".to_owned())
    }
}

impl Checked for Scope {
    fn check(text: &str) -> Result<Self, String> {
        keys::ScopeSet::EMPTY.with_name(text).map(Self).ok_or_else(|| "must be a scope".to_owned())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(model::Permission::name))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Vec<Permission> = at_most(deserializer, NAMES_PER_LIST_MAX)?;
        Ok(Self(names.into_iter().map(|name| name.0).collect()))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Vec<Scope> = at_most(deserializer, NAMES_PER_LIST_MAX)?;
        Ok(Self(names.into_iter().fold(keys::ScopeSet::EMPTY, |set, scope| set.union(scope.0))))
    }
}

impl From<model::PermissionSet> for Permissions {
    fn from(permissions: model::PermissionSet) -> Self {
        Self(permissions)
    }
}

impl From<keys::ScopeSet> for Scopes {
    fn from(scopes: keys::ScopeSet) -> Self {
        Self(scopes)
    }
}

/// For answers: names that a newer server has and this program does not know are passed over.
pub(crate) fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Permissions, D::Error> {
    let names = Vec::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(Permissions(names.iter().filter_map(|name| model::Permission::from_name(name)).collect()))
}

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        let table = model::Permission::ALL
            .iter()
            .map(|permission| format!("\n- `{permission}`: {}", permission.sentence()))
            .collect::<String>();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(model::Permission::ALL.iter().map(|permission| permission.name())))
            .description(Some(format!("One thing that a user may be allowed to do.\n{table}")))
            .into()
    }
}

impl ToSchema for Permission {}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let names = keys::Scope::ALL.iter().flat_map(|scope| [scope.name(), scope.read_name()]);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names))
            .description(Some("What an API key may be used for; with `:read`, for reading alone."))
            .into()
    }
}

impl ToSchema for Scope {}

macro_rules! set_schema {
    ($name:ident of $item:ident, $description:literal) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ArrayBuilder::new()
                    .items(Ref::from_schema_name($item::name()))
                    .max_items(Some(NAMES_PER_LIST_MAX as usize))
                    .description(Some($description))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push(($item::name().into_owned(), $item::schema()));
            }
        }
    };
}

set_schema!(Permissions of Permission, "A set of permissions.");
set_schema!(Scopes of Scope, "What an API key may be used for.");
