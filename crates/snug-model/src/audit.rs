//! The audit: what operators and keys did, and what clients did to others, an entry each.

use std::fmt;

use crate::{
    ids::{AppId, AppKey, ConversationId, ConversationKey, KeyId, MessageId, UserId, UserKey},
    policy::By,
    sanctions::SanctionedBy,
    time::Timestamp,
};

macro_rules! acts {
    ($($variant:ident = $name:literal, $sentence:literal;)+) => {
        /// An act that is entered.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Act {
            $(#[doc = $sentence] $variant,)+
        }

        impl Act {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name: what is stored, shown, and bound into the chain. A name is never given a second meaning.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

acts! {
    CreateApp = "app.create", "An app was made.";
    EditApp = "app.edit", "An app's name or settings were changed.";
    DeleteApp = "app.delete", "The deletion of an app was begun.";
    Purge = "retention.purge", "A purge, or its dry run, was begun.";
    HoldConversation = "conversation.hold", "A legal hold was put on a conversation.";
    UnholdConversation = "conversation.unhold", "A conversation's legal hold was lifted.";
    HoldUser = "user.hold", "A legal hold was put on a user.";
    UnholdUser = "user.unhold", "A user's legal hold was lifted.";
    EditRetention = "conversation.retention", "How long a conversation's messages live was changed.";
    ReadHeld = "conversation.read_held", "What is kept of a conversation past its time was read.";
    CreateKey = "key.create", "An API key was made.";
    RevokeKey = "key.revoke", "An API key was revoked.";
    RotateKeys = "keys.rotate", "The replacement of the master key, or of what wraps an app's secrets, was begun.";
    BackUp = "backup.make", "A backup was begun.";
    Restore = "backup.restore", "The data was restored from a backup.";
    CreateTokenKey = "token_key.create", "A public key was registered.";
    DeleteTokenKey = "token_key.delete", "A registered public key was deleted.";
    PutRole = "role.put", "A role was made, or given other permissions.";
    DeleteRole = "role.delete", "A role was deleted.";
    PutTemplate = "template.put", "A template was made or replaced.";
    DeleteTemplate = "template.delete", "A template was deleted.";
    RevokeTokens = "tokens.revoke", "Tokens were ended: one, a key's, or the app's.";
    SetUserRole = "user.set_role", "A user was given an app role.";
    EditUser = "user.edit", "A client changed another user.";
    EraseUser = "user.erase", "The erasure of a user was begun.";
    BanUser = "user.ban", "A user was banned from the app.";
    UnbanUser = "user.unban", "A user's ban from the app was lifted.";
    MuteUser = "user.mute", "A user was muted in the app.";
    UnmuteUser = "user.unmute", "A user's mute in the app was lifted.";
    ShadowBanUser = "user.shadow_ban", "A user was shadow-banned.";
    ShadowUnbanUser = "user.shadow_unban", "A user's shadow ban was lifted.";
    BlockUser = "user.block", "A back end had a user block another one.";
    UnblockUser = "user.unblock", "A back end had a user lift a block.";
    AcceptConsent = "user.accept_consent", "A back end accepted a text for a user.";
    RevokeUserTokens = "user.revoke_tokens", "A user's tokens were ended.";
    AllowProofs = "user.allow_proofs", "Undated proofs of a user were believed again.";
    EditConversation = "conversation.edit", "A conversation was frozen, archived, opened again, or configured.";
    DeleteConversation = "conversation.delete", "A conversation was deleted.";
    AddMember = "member.add", "Somebody was added to a conversation, or set as its member.";
    EditMember = "member.edit", "A member was changed.";
    RemoveMember = "member.remove", "A member was removed.";
    BanMember = "member.ban", "A person was banned from a conversation.";
    UnbanMember = "member.unban", "A person's ban from a conversation was lifted.";
    MuteMember = "member.mute", "A member was muted.";
    UnmuteMember = "member.unmute", "A member's mute was lifted.";
    EditMessage = "message.edit", "Another's message was edited.";
    DeleteMessage = "message.delete", "Another's message was deleted.";
    ExportUser = "user.export", "What a user wrote and is was exported.";
    ExportConversation = "conversation.export", "A conversation was exported.";
    ExportConsents = "consents.export", "Who has accepted which texts was exported.";
    ExportAudit = "audit.export", "The audit was exported.";
    ManyRefusals = "refusals", "More was refused within a minute than is entered one by one.";
}

impl Act {
    /// The act of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.name() == name)
    }

    /// Whether what is noted of it outlives the conversation that it was done to: of a deletion it is what tells which one is gone.
    pub fn outlives_conversation(self) -> bool {
        self == Self::DeleteConversation
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an act was done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An app: that of the chain, or in the installation's chain, this one.
    App(Option<AppId>),
    /// An API key.
    Key(KeyId),
    /// A registered public key.
    TokenKey(KeyId),
    /// A role; its name is in the note.
    Role,
    /// A template; its id is in the note.
    Template,
    /// A user.
    User(UserKey),
    /// A conversation.
    Conversation(ConversationKey),
    /// Somebody in a conversation.
    Member(ConversationKey, UserKey),
    /// A message.
    Message(ConversationKey, MessageId),
}

impl Target {
    /// Its kind, as it is stored, shown, and bound into the chain.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Key(_) => "key",
            Self::TokenKey(_) => "token_key",
            Self::Role => "role",
            Self::Template => "template",
            Self::User(_) => "user",
            Self::Conversation(_) => "conversation",
            Self::Member(..) => "member",
            Self::Message(..) => "message",
        }
    }

    /// Its id, where Snug or chance made that, so that it says nothing of a person.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::App(id) => id.as_ref().map(|id| id.as_str().to_owned()),
            Self::Key(id) | Self::TokenKey(id) => Some(id.as_str().to_owned()),
            Self::Message(_, id) => Some(id.to_string()),
            Self::Role | Self::Template | Self::User(_) | Self::Conversation(_) | Self::Member(..) => None,
        }
    }

    /// The person.
    pub fn user(&self) -> Option<UserKey> {
        match self {
            Self::User(user) | Self::Member(_, user) => Some(*user),
            _ => None,
        }
    }

    /// The conversation.
    pub fn conversation(&self) -> Option<ConversationKey> {
        match self {
            Self::Conversation(conversation)
            | Self::Member(conversation, _)
            | Self::Message(conversation, _) => Some(*conversation),
            _ => None,
        }
    }

    /// The target of that kind, from its parts; none where they are not those of its kind.
    pub fn from_parts(
        kind: &str,
        id: Option<&str>,
        conversation: Option<ConversationKey>,
        user: Option<UserKey>,
    ) -> Option<Self> {
        Some(match (kind, id, conversation, user) {
            ("app", None, None, None) => Self::App(None),
            ("app", Some(id), None, None) => Self::App(Some(AppId::parse(id).ok()?)),
            ("key", Some(id), None, None) => Self::Key(KeyId::parse(id).ok()?),
            ("token_key", Some(id), None, None) => Self::TokenKey(KeyId::parse(id).ok()?),
            ("role", None, None, None) => Self::Role,
            ("template", None, None, None) => Self::Template,
            ("user", None, None, Some(user)) => Self::User(user),
            ("conversation", None, Some(conversation), None) => Self::Conversation(conversation),
            ("member", None, Some(conversation), Some(user)) => Self::Member(conversation, user),
            ("message", Some(id), Some(conversation), None) => {
                Self::Message(conversation, MessageId::parse(id).ok()?)
            }
            _ => return None,
        })
    }
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done, in the commit of its entry.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// Its name, as it is stored, shown, and bound into the chain.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|outcome| outcome.name() == name)
    }
}

/// What is to be entered together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// The app in whose chain they belong; [`AppKey::INSTALLATION`] has one too.
    pub chain: AppKey,
    /// In the order in which they are entered.
    pub list: Vec<Entry>,
}

/// An entry, before it has its place in a chain. What is sealed is bytes here.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its own, random: what is sealed is bound to it.
    pub id: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
    /// What.
    pub act: Act,
    /// To what.
    pub target: Target,
    /// How it ended.
    pub outcome: Outcome,
    /// How many it stands for: 1, or of refusals more.
    pub count: i64,
    /// From where, sealed by the lock of who acted; none of the server's own commands.
    pub origin: Option<Box<[u8]>>,
    /// What else is to be known of it, sealed by the target's lock.
    pub note: Box<[u8]>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, by, act, target, outcome, count, .. } = self;
        write!(f, "Entry({}, {by:?}, {act}, {target:?}, {outcome:?}, {count})", at.0)
    }
}

/// The kind of who acted, as it is stored, shown, and bound into the chain.
pub fn actor_kind(by: &By) -> &'static str {
    match by {
        By::Key(_) => "key",
        By::User(_) => "user",
        By::System => "system",
    }
}

/// An entry as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Its place in its chain.
    pub n: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: SanctionedBy,
    /// From where; none of the server's own commands, and of who was erased.
    pub address: Option<String>,
    /// What.
    pub act: Act,
    /// To what.
    pub target: ShownTarget,
    /// How it ended.
    pub outcome: Outcome,
    /// How many it stands for.
    pub count: i64,
    /// What else is to be known; none where it was erased.
    pub details: Option<Vec<(String, String)>>,
    /// The digest of what is not shown.
    pub hidden: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
}

/// What an act was done to, as it is shown. What tells of a person is gone once that is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTarget {
    /// Its kind.
    pub kind: &'static str,
    /// Its id, where Snug or chance made that.
    pub id: Option<String>,
    /// The user's id.
    pub user: Option<String>,
    /// The conversation's id.
    pub conversation: Option<String>,
    /// What else it is called.
    pub name: Option<String>,
}

/// Which entries are wanted: those that fit all that is said.
#[derive(Debug, Clone, Default)]
pub struct AuditAsk {
    /// Of this act.
    pub act: Option<Act>,
    /// By this key.
    pub by_key: Option<KeyId>,
    /// By this user.
    pub by_user: Option<UserId>,
    /// About this user.
    pub user: Option<UserId>,
    /// In this conversation, or about it.
    pub conversation: Option<ConversationId>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// Where a chain ended at some time, signed: kept elsewhere it shows later whether what was entered by then still is what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whose chain; none is the installation's.
    pub app: Option<AppId>,
    /// The place of its last entry; 0 where there is none.
    pub n: i64,
    /// That entry's hash.
    pub hash: [u8; 32],
    /// When that was so.
    pub at: Timestamp,
    /// The public key, of Ed25519.
    pub key: [u8; 32],
    /// Its signature.
    pub signature: [u8; 64],
}

/// The actor of that kind, from its parts; none where they are not those of its kind.
pub fn actor(kind: &str, key: Option<&str>, user: Option<UserKey>) -> Option<By> {
    match (kind, key, user) {
        ("key", Some(key), None) => KeyId::parse(key).ok().map(By::Key),
        ("user", None, Some(user)) => Some(By::User(user)),
        ("system", None, None) => Some(By::System),
        _ => None,
    }
}
