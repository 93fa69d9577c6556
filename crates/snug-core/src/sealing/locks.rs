//! Which secrets a sealed value needs, and the header that says so.

use aws_lc_rs::error::Unspecified;
use snug_model::{AppKey, ConversationKey, UserKey, secret::Secret32};
use snug_store::{Class, SecretName};

use super::{
    derive::{key_of_one, key_of_two},
    error::OpenError,
    wrap::{class_code, class_of},
    xaes::Xaes,
};

/// Whose secret one lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The app's.
    App,
    /// A person's.
    User(UserKey),
    /// A conversation's.
    Conversation(ConversationKey),
}

/// The other lock of what ages from its writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) class: Class,
    /// The retention rule: 0 is the app's own.
    pub(super) rule: i32,
    /// The day, counted from 1970-01-01 UTC.
    pub(super) day: i32,
}

impl Owner {
    /// The name of its secret.
    pub(super) fn name(self, app: AppKey) -> SecretName {
        match self {
            Self::App => SecretName::App(app),
            Self::User(user) => SecretName::User(app, user),
            Self::Conversation(conversation) => SecretName::Conversation(app, conversation),
        }
    }
}

impl Bucket {
    /// The name of its secret.
    pub(super) fn name(self, app: AppKey) -> SecretName {
        let Self { class, rule, day } = self;
        SecretName::Bucket { app, class, rule, day }
    }
}

/// The locks of a sealed value, within its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Locks {
    pub(super) owner: Owner,
    pub(super) bucket: Option<Bucket>,
}

/// The format of what this version seals.
const FORMAT: u8 = 1;
/// Stands in the header's second byte, beside the owner's kind, where a bucket follows.
const WITH_BUCKET: u8 = 0x10;
/// Format, kind, the owner's number, class, rule, day.
pub(super) const HEADER_BYTES_MAX: usize = 1 + 1 + 8 + 1 + 4 + 4;

impl Locks {
    /// The names of the secrets that open them.
    pub(super) fn names(self, app: AppKey) -> (SecretName, Option<SecretName>) {
        let owner = match self.owner {
            Owner::App => SecretName::App(app),
            Owner::User(user) => SecretName::User(app, user),
            Owner::Conversation(conversation) => SecretName::Conversation(app, conversation),
        };
        let bucket =
            self.bucket.map(|Bucket { class, rule, day }| SecretName::Bucket { app, class, rule, day });
        (owner, bucket)
    }

    /// Whether a value with these locks may lie where `place`'s are expected: the same ones, but for the retention rule, which
    /// can change after the value was sealed.
    pub(super) fn fit(self, place: Self) -> bool {
        let ageless = |bucket: Bucket| (bucket.class, bucket.day);
        self.owner == place.owner && self.bucket.map(ageless) == place.bucket.map(ageless)
    }

    /// The key of these locks. It is bound to their names too, so that a secret under another name opens nothing.
    pub(super) fn key(
        self,
        app: AppKey,
        owner: &Secret32,
        bucket: Option<&Secret32>,
    ) -> Result<Xaes, Unspecified> {
        let mut purpose = Vec::with_capacity(16 + 8 + HEADER_BYTES_MAX);
        purpose.extend_from_slice(b"snug.seal.key.1\0");
        purpose.extend_from_slice(&app.0.to_be_bytes());
        self.write(&mut purpose);
        let key = match bucket {
            Some(bucket) => key_of_two(owner, bucket, &purpose)?,
            None => key_of_one(owner, &purpose)?,
        };
        Xaes::new(&key)
    }

    /// Writes the header of a sealed value.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (kind, number) = match self.owner {
            Owner::App => (1, None),
            Owner::User(user) => (2, Some(user.0)),
            Owner::Conversation(conversation) => (3, Some(conversation.0)),
        };
        out.push(FORMAT);
        out.push(if self.bucket.is_some() { kind | WITH_BUCKET } else { kind });
        if let Some(number) = number {
            out.extend_from_slice(&number.to_be_bytes());
        }
        if let Some(bucket) = self.bucket {
            out.push(class_code(bucket.class));
            out.extend_from_slice(&bucket.rule.to_be_bytes());
            out.extend_from_slice(&bucket.day.to_be_bytes());
        }
    }

    /// Reads the header of a sealed value; answers the locks, the header, and what follows it.
    pub(super) fn read(sealed: &[u8]) -> Result<(Self, &[u8], &[u8]), OpenError> {
        let (format, rest) = sealed.split_first().ok_or(OpenError::Tampered)?;
        if *format != FORMAT {
            return Err(OpenError::Unknown);
        }
        let (locks, rest) = Self::read_locks(rest).ok_or(OpenError::Tampered)?;
        let (header, rest) = sealed.split_at(sealed.len() - rest.len());
        Ok((locks, header, rest))
    }

    fn read_locks(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        let (owner, rest) = match kind & !WITH_BUCKET {
            1 => (Owner::App, rest),
            2 => read_i64(rest).map(|(user, rest)| (Owner::User(UserKey(user)), rest))?,
            3 => read_i64(rest).map(|(number, rest)| (Owner::Conversation(ConversationKey(number)), rest))?,
            _ => return None,
        };
        if kind & WITH_BUCKET == 0 {
            return Some((Self { owner, bucket: None }, rest));
        }
        let (class, rest) = rest.split_first()?;
        let (rule, rest) = rest.split_first_chunk()?;
        let (day, rest) = rest.split_first_chunk()?;
        let bucket = Bucket {
            class: class_of(*class)?,
            rule: i32::from_be_bytes(*rule),
            day: i32::from_be_bytes(*day),
        };
        Some((Self { owner, bucket: Some(bucket) }, rest))
    }
}

fn read_i64(bytes: &[u8]) -> Option<(i64, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (i64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Vec<Locks> {
        let bucket = Some(Bucket { class: Class::Messages, rule: -3, day: 20_413 });
        [Owner::App, Owner::User(UserKey(i64::MAX)), Owner::Conversation(ConversationKey(77))]
            .into_iter()
            .flat_map(|owner| [Locks { owner, bucket: None }, Locks { owner, bucket }])
            .collect()
    }

    #[test]
    fn a_header_says_its_locks_and_where_it_ends() {
        for locks in headers() {
            let mut bytes = Vec::new();
            locks.write(&mut bytes);
            let length = bytes.len();
            assert!(length <= HEADER_BYTES_MAX);
            bytes.extend_from_slice(b"rest");
            let (read, header, rest) = Locks::read(&bytes).unwrap();
            assert_eq!((read, header.len(), rest), (locks, length, b"rest".as_slice()));
            for cut in 0..length {
                assert!(Locks::read(&bytes[..cut]).is_err(), "{locks:?} cut to {cut}");
            }
        }
    }

    #[test]
    fn a_later_format_is_told_from_a_changed_one() {
        assert_eq!(Locks::read(&[2, 1]).err(), Some(OpenError::Unknown));
        assert_eq!(Locks::read(&[1, 9]).err(), Some(OpenError::Tampered));
        assert_eq!(Locks::read(&[]).err(), Some(OpenError::Tampered));
    }
}
