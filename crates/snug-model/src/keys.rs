//! API keys: a trusted back end's credentials, and what each may be used for.

use std::fmt;

use crate::{
    ids::KeyId,
    text::{Name, RoleName},
    time::Timestamp,
};

macro_rules! scopes {
    ($($variant:ident = $name:literal, $sentence:literal;)+) => {
        /// What an API key may be used for. Each has a variant for reading alone, `<scope>:read`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Scope {
            $(#[doc = $sentence] $variant,)+
        }

        impl Scope {
            /// All of them, in the order of their bits. New ones go to the end: the bits are stored.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The name of the variant for reading alone.
            pub fn read_name(self) -> &'static str {
                match self { $(Self::$variant => concat!($name, ":read"),)+ }
            }
        }
    };
}

scopes! {
    Installation = "installation", "Create and list apps; sees no content.";
    App = "app", "The app itself: its settings, and its deletion.";
    Keys = "keys", "API keys.";
    Roles = "roles", "Roles.";
    Tokens = "tokens", "Mint, sign and revoke access tokens.";
    Users = "users", "Users, and bans from the app.";
    Conversations = "conversations", "Conversations and their members.";
    Messages = "messages", "Messages, by the system and by bots.";
    MessagesAsUser = "messages.as_user", "Messages, reactions, read marks and typing in a user's name.";
    Import = "import", "Import with original times.";
    Export = "export", "Export of whole conversations.";
    Audit = "audit", "The audit log.";
    Events = "events", "The stream of everything that happens.";
    BotMessages = "bot_messages", "Sign messages that an untrusted page carries.";
}

/// A set of scopes, each whole or for reading alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(u64);

impl ScopeSet {
    /// The set without a scope.
    pub const EMPTY: Self = Self(0);

    /// Every scope of an app's key, whole: all but `installation`.
    pub fn all_of_app() -> Self {
        Scope::ALL
            .iter()
            .filter(|scope| **scope != Scope::Installation)
            .fold(Self::EMPTY, |set, scope| set.with(*scope))
    }

    /// The set with `scope` too, reading included.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << (scope as u8)).with_read(scope)
    }

    /// The set with reading of `scope` too.
    #[must_use]
    pub fn with_read(self, scope: Scope) -> Self {
        Self(self.0 | 1 << (scope as u8 + 32))
    }

    /// The set with the scope of that name too: `users` or `users:read`.
    pub fn with_name(self, name: &str) -> Option<Self> {
        let find = |name: &str| Scope::ALL.iter().copied().find(|scope| scope.name() == name);
        match name.strip_suffix(":read") {
            Some(base) => find(base).map(|scope| self.with_read(scope)),
            None => find(name).map(|scope| self.with(scope)),
        }
    }

    /// What either allows.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it allows everything under `scope`.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << (scope as u8) != 0
    }

    /// Whether it allows reading under `scope`.
    pub fn has_read(self, scope: Scope) -> bool {
        self.0 & 1 << (scope as u8 + 32) != 0
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The names, whole scopes once.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Scope::ALL.iter().filter_map(move |scope| match (self.has(*scope), self.has_read(*scope)) {
            (true, _) => Some(scope.name()),
            (false, true) => Some(scope.read_name()),
            (false, false) => None,
        })
    }

    /// The set as it is stored.
    pub fn bits(self) -> i64 {
        self.0 as i64
    }

    /// The set of stored bits; bits that this version does not know allow nothing.
    pub fn from_bits(bits: i64) -> Self {
        let known = Scope::ALL.iter().fold(Self::EMPTY, |set, scope| set.with(*scope));
        Self(bits as u64 & known.0)
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// An API key as its owner sees it; the secret is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// What it may be used for; fixed at creation.
    pub scopes: ScopeSet,
    /// The widest app role whose permissions its tokens can carry; none where it makes no tokens.
    pub may_mint: Option<RoleName>,
    /// CIDR blocks from which it may be used; empty is everywhere.
    pub allowed_addresses: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An API key that is to be made.
#[derive(Debug, Clone)]
pub struct KeyDraft {
    /// What people call it.
    pub name: Name,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// The widest app role that it can give; the app's default role where nothing is said.
    pub may_mint: Option<RoleName>,
    /// CIDR blocks from which it may be used; empty is everywhere.
    pub allowed_addresses: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}
