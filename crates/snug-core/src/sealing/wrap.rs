//! Secrets at rest: each encrypted by another, the master key above all.
//!
//! A wrapped secret is one format byte, the print of the key that wrapped it, and the secret sealed by XAES-256-GCM
//! ([`super::xaes`]). AES-KWP, the usual way to wrap a key, would save the nonce and has no associated data: whoever may write to the
//! key store could then give one person's secret another's name. Here the name is authenticated with it. The print says
//! by which key, so that a wrong master key is told from a damaged row, and a master key can be replaced row by row.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use snug_model::secret::Secret32;
use snug_store::{Class, SecretName, Wrapped};

use super::{derive::key_of_one, error::OpenError, fields::Fields, random::Random, xaes};

/// Names a wrapping key without giving it away: 64 bits derived from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPrint([u8; 8]);

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl KeyPrint {
    /// By which key a secret is wrapped, as it says itself; none where it says nothing that this version knows.
    pub(super) fn of(wrapped: &Wrapped) -> Option<Self> {
        let (head, _) = wrapped.0.split_first_chunk::<HEAD_BYTES>()?;
        let [FORMAT, print @ ..] = *head else { return None };
        Some(Self(print))
    }
}

/// The format of what this version wraps.
const FORMAT: u8 = 1;
/// Format and print.
const HEAD_BYTES: usize = 9;

/// A key that wraps secrets: a master key's, or one of an app.
pub(super) struct WrappingKey {
    print: KeyPrint,
    key: xaes::Xaes,
}

impl WrappingKey {
    /// The wrapping key of a secret.
    pub(super) fn of(secret: &Secret32) -> Result<Self, Unspecified> {
        let print = key_of_one(secret, b"snug.wrap.print.1")?;
        let (print, _) = print.0.split_first_chunk::<8>().ok_or(Unspecified)?;
        let key = xaes::Xaes::new(&key_of_one(secret, b"snug.wrap.key.1")?)?;
        Ok(Self { print: KeyPrint(*print), key })
    }

    /// Which key this is.
    pub(super) fn print(&self) -> KeyPrint {
        self.print
    }

    /// Wraps the secret of that name.
    pub(super) fn wrap(
        &self,
        random: Random,
        name: SecretName,
        secret: &Secret32,
    ) -> Result<Wrapped, Unspecified> {
        let mut buffer = Vec::with_capacity(HEAD_BYTES + xaes::NONCE_BYTES + 32 + xaes::TAG_BYTES);
        buffer.push(FORMAT);
        buffer.extend_from_slice(&self.print.0);
        buffer.resize(HEAD_BYTES + xaes::NONCE_BYTES, 0);
        buffer.extend_from_slice(&secret.0);
        self.key.seal(random, bound_to(self.print, name), &mut buffer, HEAD_BYTES)?;
        Ok(Wrapped(buffer.into()))
    }

    /// Unwraps the secret of that name.
    ///
    /// # Errors
    /// [`UnwrapError::OtherKey`] where another key wrapped it.
    pub(super) fn unwrap(&self, name: SecretName, wrapped: &Wrapped) -> Result<Secret32, UnwrapError> {
        let (head, sealed) = wrapped.0.split_first_chunk::<HEAD_BYTES>().ok_or(OpenError::Tampered)?;
        let [FORMAT, print @ ..] = *head else { return Err(OpenError::Unknown.into()) };
        if print != self.print.0 {
            return Err(UnwrapError::OtherKey);
        }
        let plain = self.key.open(bound_to(self.print, name), sealed).map_err(|_| OpenError::Tampered)?;
        let bytes = plain.as_slice().try_into().map_err(|_| OpenError::Tampered)?;
        Ok(Secret32(bytes))
    }
}

/// Why a wrapped secret does not unwrap.
#[derive(Debug)]
pub(super) enum UnwrapError {
    /// Another key wrapped it.
    OtherKey,
    /// It was changed, or belongs to another name, or a later version wrote it.
    Open(OpenError),
}

impl From<OpenError> for UnwrapError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// What is authenticated with a wrapped secret: the wrapping key and the name.
fn bound_to(print: KeyPrint, name: SecretName) -> Fields {
    let fields = Fields::new("snug.wrap.1").bytes(&print.0);
    match name {
        SecretName::Wrapping(app) => fields.byte(5).int(app.0),
        SecretName::WrappingBefore(app) => fields.byte(6).int(app.0),
        SecretName::App(app) => fields.byte(1).int(app.0),
        SecretName::User(app, user) => fields.byte(2).int(app.0).int(user.0),
        SecretName::Conversation(app, conversation) => fields.byte(3).int(app.0).int(conversation.0),
        SecretName::Bucket { app, class, rule, day } => {
            fields.byte(4).int(app.0).byte(class_code(class)).int(rule.into()).int(day.into())
        }
    }
}

/// The stored code of a class.
pub(super) fn class_code(class: Class) -> u8 {
    match class {
        Class::Messages => 1,
        Class::Attachments => 2,
        Class::WebhookDeliveries => 3,
        Class::Monitoring => 4,
    }
}

/// The class of a stored code.
pub(super) fn class_of(code: u8) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class_code(*class) == code)
}

#[cfg(test)]
mod tests {
    use snug_model::{AppKey, ConversationKey, UserKey};

    use super::*;

    fn names() -> [SecretName; 7] {
        let bucket =
            |app, rule, day| SecretName::Bucket { app: AppKey(app), class: Class::Messages, rule, day };
        [
            SecretName::App(AppKey(1)),
            SecretName::User(AppKey(1), UserKey(2)),
            SecretName::User(AppKey(2), UserKey(1)),
            SecretName::Conversation(AppKey(1), ConversationKey(2)),
            bucket(1, 0, 2),
            bucket(1, 2, 0),
            bucket(2, 0, 2),
        ]
    }

    #[test]
    fn a_secret_unwraps_under_its_name_alone() {
        let key = WrappingKey::of(&Secret32([1; 32])).unwrap();
        for name in names() {
            let wrapped = key.wrap(Random, name, &Secret32([5; 32])).unwrap();
            assert_eq!(wrapped.0.len(), 81);
            for other in names() {
                assert_eq!(key.unwrap(other, &wrapped).is_ok(), other == name, "{name:?} as {other:?}");
            }
        }
    }

    #[test]
    fn every_bit_of_a_wrapped_secret_counts() {
        let key = WrappingKey::of(&Secret32([1; 32])).unwrap();
        let name = names()[1];
        let wrapped = key.wrap(Random, name, &Secret32([5; 32])).unwrap();
        assert!(key.unwrap(name, &wrapped).unwrap().0 == [5; 32]);
        for bit in 0..wrapped.0.len() * 8 {
            let mut changed = wrapped.clone();
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert!(key.unwrap(name, &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_key_is_named() {
        let (ours, theirs) =
            (WrappingKey::of(&Secret32([1; 32])).unwrap(), WrappingKey::of(&Secret32([2; 32])).unwrap());
        let wrapped = theirs.wrap(Random, names()[0], &Secret32([5; 32])).unwrap();
        assert!(matches!(ours.unwrap(names()[0], &wrapped).err(), Some(UnwrapError::OtherKey)));
        assert!(KeyPrint::of(&wrapped) == Some(theirs.print()));
    }
}
