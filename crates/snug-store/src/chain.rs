//! The chain of an app's audit: each entry's hash covers the one before it, so that none can be changed, removed or put in
//! between without every later hash being another.

use std::{fmt, ops::RangeInclusive};

use aws_lc_rs::digest::{Context, SHA256};
use snug_model::{
    Timestamp,
    audit::{self, Entry},
    policy::By,
};

use crate::AuditEnd;

/// An entry's hash, or before the first one 32 zeros.
pub type Hash = [u8; 32];

/// What an entry's hash covers beside the hash before it. All but the last can be shown; the last stands for what is hidden.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Its place: 1, 2, 3 …
    pub n: i64,
    /// When.
    pub at: Timestamp,
    /// Which kind of actor.
    pub actor: &'a str,
    /// Its key, where it is one.
    pub key: Option<&'a str>,
    /// What was done.
    pub act: &'a str,
    /// To which kind of thing.
    pub target: &'a str,
    /// Its id, if it is one that says nothing of a person.
    pub target_id: Option<&'a str>,
    /// How it ended.
    pub outcome: &'a str,
    /// How many it stands for.
    pub count: i64,
    /// The digest of row numbers and sealed bytes: see [`hidden`].
    pub hidden: Hash,
}

impl Link<'_> {
    /// The hash of this entry behind one with the hash `before`.
    pub fn hash(&self, before: &Hash) -> Hash {
        let fields = Fields::new("snug.audit.entry.1").bytes(before).int(self.n).int(self.at.0);
        let fields = fields.text(self.actor).optional(self.key).text(self.act).text(self.target);
        let fields = fields.optional(self.target_id).text(self.outcome).int(self.count);
        fields.bytes(&self.hidden).digest()
    }
}

/// The digest of what an entry does not show: its row numbers, and what is sealed.
pub fn hidden(entry: &Entry) -> Hash {
    let actor = match entry.by {
        By::User(user) => user.0,
        By::Key(_) | By::System => 0,
    };
    // No row has the number 0.
    let conversation = entry.target.conversation().map_or(0, |conversation| conversation.0);
    let user = entry.target.user().map_or(0, |user| user.0);
    let fields = Fields::new("snug.audit.hidden.1").bytes(&entry.id).int(actor).int(conversation).int(user);
    fields.optional(entry.origin.as_deref()).bytes(&entry.note).digest()
}

/// The hash of an entry at a place, behind one with the hash `before`.
pub(crate) fn hash(n: i64, entry: &Entry, before: &Hash) -> Hash {
    let target_id = entry.target.id();
    let key = match &entry.by {
        By::Key(key) => Some(key.as_str()),
        By::User(_) | By::System => None,
    };
    let link = Link {
        n,
        at: entry.at,
        actor: audit::actor_kind(&entry.by),
        key,
        act: entry.act.name(),
        target: entry.target.kind(),
        target_id: target_id.as_deref(),
        outcome: entry.outcome.name(),
        count: entry.count,
        hidden: hidden(entry),
    };
    link.hash(before)
}

/// What a chain shows of having been altered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The entry is not the one that was entered there, or not behind this one.
    Broken(i64),
    /// The entry does not belong where it lies.
    Inserted(i64),
    /// These are gone.
    Removed(RangeInclusive<i64>),
    /// Among these at least one is not what it was when the head was taken, and all behind it were made anew.
    Rewritten(RangeInclusive<i64>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |range: &RangeInclusive<i64>| match (range.start(), range.end()) {
            (start, end) if start == end => format!("entry {start}"),
            (start, end) => format!("entries {start} to {end}"),
        };
        match self {
            Self::Broken(n) => {
                write!(f, "entry {n} was changed, or another one was put in its place")
            }
            Self::Inserted(n) => write!(f, "entry {n} was inserted: it does not belong where it lies"),
            Self::Removed(range) => write!(f, "removed: {}", some(range)),
            Self::Rewritten(range) => {
                write!(f, "rewritten since the head was taken: one or more of {}", some(range))
            }
        }
    }
}

/// Follows a chain from its beginning, entry by entry in the order in which they lie.
#[derive(Debug, Default)]
pub struct Follower {
    n: i64,
    hash: Hash,
}

impl Follower {
    /// The place of the last entry that belonged where it lay, and its hash.
    pub fn at(&self) -> (i64, Hash) {
        (self.n, self.hash)
    }

    /// Takes the next entry, with the hash that it is said to have. What is wrong is told of this entry alone: what follows is
    /// compared with the hash that it bears.
    pub fn take(&mut self, link: &Link<'_>, hash: Hash) -> Option<Fault> {
        self.step(link.n, hash, |before| link.hash(before) == hash)
    }

    /// Takes the next entry as it is stored; none where no entry can be what is stored.
    pub(crate) fn follow(&mut self, n: i64, entry: Option<&Entry>, hash: Hash) -> Option<Fault> {
        self.step(n, hash, |before| entry.is_some_and(|entry| self::hash(n, entry, before) == hash))
    }

    fn step(&mut self, n: i64, hash: Hash, follows: impl FnOnce(&Hash) -> bool) -> Option<Fault> {
        let expected = self.n + 1;
        if n < expected {
            return Some(Fault::Inserted(n));
        }
        let follows = follows(&self.hash);
        (self.n, self.hash) = (n, hash);
        match n {
            n if n > expected => Some(Fault::Removed(expected..=n - 1)),
            n => (!follows).then_some(Fault::Broken(n)),
        }
    }

    /// Compares the end of the chain with where it is said to be.
    pub fn end(&self, end: AuditEnd) -> Option<Fault> {
        match end.n {
            n if n > self.n => Some(Fault::Removed(self.n + 1..=n)),
            n if n < self.n => Some(Fault::Inserted(n + 1)),
            n => (end.hash != self.hash).then_some(Fault::Broken(n)),
        }
    }
}

/// Values one after another: integers of fixed width, and strings behind their length, so that no two lists of values are the same
/// bytes.
struct Fields(Context);

impl Fields {
    /// Begins with the purpose, so that what was made for one purpose is worth nothing for another.
    fn new(purpose: &str) -> Self {
        Self(Context::new(&SHA256)).text(purpose)
    }

    fn int(mut self, int: i64) -> Self {
        self.0.update(&int.to_be_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// What may be absent, which is not the same as empty.
    fn optional(mut self, value: Option<impl AsRef<[u8]>>) -> Self {
        self.0.update(&[u8::from(value.is_some())]);
        match value {
            Some(value) => self.bytes(value.as_ref()),
            None => self,
        }
    }

    fn digest(self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(n: i64, act: &str) -> Link<'_> {
        Link {
            n,
            at: Timestamp(1_000 + n),
            actor: "key",
            key: Some("key_a"),
            act,
            target: "app",
            target_id: None,
            outcome: "done",
            count: 1,
            hidden: [7; 32],
        }
    }

    fn chain(acts: &[&'static str]) -> Vec<(Link<'static>, Hash)> {
        let mut before = Hash::default();
        let entry = |(n, act): (i64, &&'static str)| {
            let link = link(n, act);
            before = link.hash(&before);
            (link, before)
        };
        (1..).zip(acts).map(entry).collect()
    }

    fn faults(chain: &[(Link<'_>, Hash)], (n, hash): (i64, Hash)) -> Vec<Fault> {
        let mut follower = Follower::default();
        let mut faults: Vec<_> = chain.iter().filter_map(|(link, hash)| follower.take(link, *hash)).collect();
        faults.extend(follower.end(AuditEnd { n, hash }));
        faults
    }

    #[test]
    fn each_alteration_is_named_alone() {
        let whole = chain(&["a", "b", "c", "d", "e"]);
        let end = (5, whole[4].1);
        assert_eq!(faults(&whole, end), []);

        let mut changed = whole.clone();
        changed[2].0.act = "x";
        assert_eq!(faults(&changed, end), [Fault::Broken(3)]);

        let mut removed = whole.clone();
        removed.drain(1..3);
        assert_eq!(faults(&removed, end), [Fault::Removed(2..=3)]);
        assert_eq!(faults(&whole[..3], end), [Fault::Removed(4..=5)]);

        let mut inserted = whole.clone();
        let forged = link(3, "x");
        inserted.insert(3, (forged, forged.hash(&whole[1].1)));
        assert_eq!(faults(&inserted, end), [Fault::Inserted(3)]);

        let mut longer = whole.clone();
        let forged = link(6, "x");
        longer.push((forged, forged.hash(&end.1)));
        assert_eq!(faults(&longer, end), [Fault::Inserted(6)]);
    }

    #[test]
    fn every_field_is_covered() {
        let first = link(1, "a");
        let of = |link: Link<'_>| link.hash(&Hash::default());
        let others = [
            Link { n: 2, ..first },
            Link { at: Timestamp(2), ..first },
            Link { actor: "user", ..first },
            Link { key: None, ..first },
            Link { key: Some(""), ..first },
            Link { act: "b", ..first },
            Link { target: "user", ..first },
            Link { target_id: Some("x"), ..first },
            Link { outcome: "refused", ..first },
            Link { count: 2, ..first },
            Link { hidden: [8; 32], ..first },
        ];
        for (place, other) in others.into_iter().enumerate() {
            assert_ne!(of(other), of(first), "field {place}");
        }
        assert_ne!(first.hash(&[1; 32]), of(first), "the hash before");
    }
}
