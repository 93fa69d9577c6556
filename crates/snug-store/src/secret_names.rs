//! The names of secrets as both backends write them.

use snug_model::{AppKey, ConversationKey, UserKey};

use crate::{Class, SecretName, StoreError, StoreResult};

/// The cells that name a secret: app, kind, owner, rule, day.
pub(crate) type NameCells = (i64, i64, i64, i64, i64);

/// The kind of a bucket's secret.
pub(crate) const BUCKET: i64 = 4;

/// The cells of a name.
pub(crate) fn cells(name: SecretName) -> NameCells {
    match name {
        SecretName::Wrapping(app) => (app.0, 5, 0, 0, 0),
        SecretName::WrappingBefore(app) => (app.0, 6, 0, 0, 0),
        SecretName::App(app) => (app.0, 1, 0, 0, 0),
        SecretName::User(app, user) => (app.0, 2, user.0, 0, 0),
        SecretName::Conversation(app, conversation) => (app.0, 3, conversation.0, 0, 0),
        SecretName::Bucket { app, class, rule, day } => {
            (app.0, BUCKET, class.cell(), rule.into(), day.into())
        }
    }
}

/// The name that is in these cells.
pub(crate) fn name((app, kind, owner, rule, day): NameCells) -> StoreResult<SecretName> {
    let app = AppKey(app);
    let corrupt = || StoreError::Corrupt("a secret whose name is none".to_owned());
    let small = |int: i64| i32::try_from(int).map_err(|_| corrupt());
    match kind {
        5 => Ok(SecretName::Wrapping(app)),
        6 => Ok(SecretName::WrappingBefore(app)),
        1 => Ok(SecretName::App(app)),
        2 => Ok(SecretName::User(app, UserKey(owner))),
        3 => Ok(SecretName::Conversation(app, ConversationKey(owner))),
        BUCKET => {
            let class = Class::from_cell(owner).ok_or_else(corrupt)?;
            Ok(SecretName::Bucket { app, class, rule: small(rule)?, day: small(day)? })
        }
        _ => Err(corrupt()),
    }
}
