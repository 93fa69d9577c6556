//! What wraps an app's secrets: the chain from the master key down to them.
//!
//! ```text
//! never replaced           replaced, and while that lasts
//!
//! master key               master key
//!  └─ app's own             └─ wrapping ──┬─ app's own
//!      └─ all others                      ├─ all others
//!                                         └─ wrapping before (gone when nothing needs it)
//! ```
//!
//! The app's own secret seals and compares; those values lie everywhere, so it stays. What it wraps others by is
//! replaced by a secret that does nothing else.

use std::sync::Arc;

use snug_model::{AppKey, secret::Secret32};
use snug_store::{Kept, SecretName, Under, Wrapped};

use super::{
    error::{OpenError, SealingError},
    master::MasterKeys,
    secrets::Got,
    wrap::{KeyPrint, UnwrapError, WrappingKey},
};

/// What the key store has above an app's secrets.
pub(super) struct Rows {
    pub(super) wrapping: Kept,
    pub(super) before: Kept,
    pub(super) own: Kept,
}

/// What wraps the secrets of an app.
pub(super) struct Wrappers {
    /// The current one first, then the one before, while something may be under it still.
    keys: Result<Vec<WrappingKey>, OpenError>,
    /// Where the current one lies.
    top: Option<Under>,
    /// The app's own secret.
    pub(super) own: Got,
}

impl Rows {
    /// The row that the master key wraps, if there is any.
    pub(super) fn top(&self) -> Option<&Wrapped> {
        match (&self.wrapping, &self.own) {
            (Kept::Secret(top), _) | (_, Kept::Secret(top)) => Some(top),
            _ => None,
        }
    }

    /// Opens them.
    ///
    /// # Errors
    /// [`SealingError::WrongMasterKey`]: that is no fault of a row, for nothing will open.
    pub(super) fn open(self, app: AppKey, master: &MasterKeys) -> Result<Wrappers, SealingError> {
        if let Kept::Secret(top) = self.wrapping {
            let name = SecretName::Wrapping(app);
            let current = match by_master(master, name, &top)? {
                Ok(secret) => WrappingKey::of(&secret)?,
                Err(error) => return Ok(Wrappers { keys: Err(error), top: None, own: Err(error) }),
            };
            let mut keys = vec![current];
            // Where it does not open, nor does what it wraps, which is told there.
            if let Kept::Secret(before) = self.before
                && let Ok(secret) = keys[0].unwrap(SecretName::WrappingBefore(app), &before)
            {
                keys.push(WrappingKey::of(&secret)?);
            }
            let own = match self.own {
                Kept::Secret(own) => unwrap(&keys, SecretName::App(app), &own).map(Arc::new),
                none => Err(why_none(&none)),
            };
            return Ok(Wrappers { keys: Ok(keys), top: Some(Under { name, wrapped: top }), own });
        }
        match self.own {
            Kept::Secret(own) => {
                let name = SecretName::App(app);
                let secret = by_master(master, name, &own)?;
                let keys = match &secret {
                    Ok(secret) => Ok(vec![WrappingKey::of(secret)?]),
                    Err(error) => Err(*error),
                };
                Ok(Wrappers { keys, top: Some(Under { name, wrapped: own }), own: secret.map(Arc::new) })
            }
            none => Ok(Wrappers { keys: Err(why_none(&none)), top: None, own: Err(why_none(&none)) }),
        }
    }
}

impl Wrappers {
    /// Unwraps a secret of the app.
    pub(super) fn unwrap(&self, name: SecretName, wrapped: &Wrapped) -> Result<Secret32, OpenError> {
        unwrap(self.keys.as_ref().map_err(|error| *error)?, name, wrapped)
    }

    /// Whether one of these wraps a secret; else it was wrapped anew since they were read, or another hand put it there.
    pub(super) fn wrap(&self, wrapped: &Wrapped) -> bool {
        let keys = self.keys.as_deref().unwrap_or_default();
        keys.iter().any(|key| KeyPrint::of(wrapped) == Some(key.print()))
    }

    /// What a new secret of the app is wrapped by, and under which row it is kept: where that was replaced meanwhile, it is not.
    pub(super) fn current(&self) -> Result<(&WrappingKey, Option<Under>), OpenError> {
        let keys = self.keys.as_ref().map_err(|error| *error)?;
        Ok((keys.first().ok_or(OpenError::Unreadable)?, self.top.clone()))
    }
}

/// Unwraps by the key that the row names. Nobody but these wraps it: under another one, another hand put it there.
fn unwrap(keys: &[WrappingKey], name: SecretName, wrapped: &Wrapped) -> Result<Secret32, OpenError> {
    let print = KeyPrint::of(wrapped).ok_or(OpenError::Tampered)?;
    let key = keys.iter().find(|key| key.print() == print).ok_or(OpenError::Tampered)?;
    key.unwrap(name, wrapped).map_err(|error| match error {
        UnwrapError::Open(error) => error,
        UnwrapError::OtherKey => OpenError::Tampered,
    })
}

/// Unwraps what a master key wraps.
///
/// # Errors
/// [`SealingError::WrongMasterKey`] where it is none of these.
pub(super) fn by_master(
    master: &MasterKeys,
    name: SecretName,
    wrapped: &Wrapped,
) -> Result<Result<Secret32, OpenError>, SealingError> {
    let Some(print) = KeyPrint::of(wrapped) else { return Ok(Err(OpenError::Tampered)) };
    let Some(key) = master.find(print) else {
        return Err(SealingError::WrongMasterKey { needed: print, given: master.current().print() });
    };
    match key.unwrap(name, wrapped) {
        Ok(secret) => Ok(Ok(secret)),
        Err(UnwrapError::Open(error)) => Ok(Err(error)),
        Err(UnwrapError::OtherKey) => Ok(Err(OpenError::Tampered)),
    }
}

/// Why there is no secret.
pub(super) fn why_none(kept: &Kept) -> OpenError {
    match kept {
        Kept::Destroyed => OpenError::Destroyed,
        Kept::Nothing | Kept::Secret(_) => OpenError::Unreadable,
    }
}
