//! What a role can grant: a closed list, a sentence each.

use std::fmt;

/// Where a permission can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// By app roles alone.
    App,
    /// By conversation roles, and by app roles for every conversation that one is a member of.
    Conversation,
}

impl Scope {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Conversation => "conversation",
        }
    }
}

macro_rules! permissions {
    ($($variant:ident = $name:literal, $scope:ident, $sentence:literal;)+) => {
        /// One thing that a user may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $sentence] $variant,)+
        }

        impl Permission {
            /// All of them, in the order of their bits. New ones go to the end: the bits are stored.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it allows, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }

            /// Where it can be granted.
            pub fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope,)+ }
            }
        }
    };
}

permissions! {
    ConversationCreate = "conversation.create", App, "Create a conversation.";
    ConversationJoin = "conversation.join", App, "Join a conversation whose id one knows.";
    ConversationEdit = "conversation.edit", Conversation, "Change the conversation's name, image and attributes.";
    ConversationFreeze = "conversation.freeze", Conversation, "Freeze and unfreeze the conversation, and write while it is frozen.";
    ConversationArchive = "conversation.archive", Conversation, "Archive and reopen the conversation.";
    ConversationDelete = "conversation.delete", Conversation, "Delete the conversation with all it holds.";
    ConversationLeave = "conversation.leave", Conversation, "Leave the conversation.";
    MemberAdd = "member.add", Conversation, "Add members.";
    MemberInvite = "member.invite", Conversation, "Invite people, who then decide themselves.";
    MemberEdit = "member.edit", Conversation, "Change other members' role, access, label and attributes.";
    MemberRemove = "member.remove", Conversation, "Remove members.";
    MemberBan = "member.ban", Conversation, "Ban people from the conversation and lift bans.";
    MessageSend = "message.send", Conversation, "Send messages.";
    MessageSendAttachment = "message.send_attachment", Conversation, "Send messages with attachments.";
    MessageReact = "message.react", Conversation, "React to messages.";
    MessageEditOwn = "message.edit_own", Conversation, "Edit one's own messages.";
    MessageEditAny = "message.edit_any", Conversation, "Edit anybody's messages.";
    MessageDeleteOwn = "message.delete_own", Conversation, "Delete one's own messages.";
    MessageDeleteAny = "message.delete_any", Conversation, "Delete anybody's messages.";
    MessageReadVersions = "message.read_versions", Conversation, "Read what edited and deleted messages said before.";
    MessagePin = "message.pin", Conversation, "Pin messages.";
    ReadMark = "read.mark", Conversation, "Move one's own read mark.";
    ReadSee = "read.see", Conversation, "See how far others have read.";
    TypingSend = "typing.send", Conversation, "Show others that one is typing.";
    PresenceSee = "presence.see", Conversation, "See who is online.";
    UserEditOwn = "user.edit_own", App, "Change one's own name, avatar and attributes.";
    UserEraseOwn = "user.erase_own", App, "Have oneself erased.";
    UserEditAny = "user.edit_any", App, "Change anybody's name, avatar and attributes.";
    UserBan = "user.ban", App, "Ban people from the app and lift bans.";
    UserList = "user.list", App, "List the people of the app.";
    MemberMute = "member.mute", Conversation, "Mute people in the conversation and lift mutes.";
    UserMute = "user.mute", App, "Mute people in the whole app and lift mutes.";
}

impl Permission {
    /// The permission of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    fn mask(self) -> u64 {
        1 << (self as u8)
    }

    /// The number of its bit, from 0, by which it is stored.
    pub fn bit(self) -> i64 {
        i64::from(self as u8)
    }

    /// The permission of that bit; none where this version does not know it.
    pub fn from_bit(bit: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(bit).ok()?).copied()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// The set without a permission.
    pub const EMPTY: Self = Self(0);

    /// Every permission.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Every permission that a conversation role can grant.
    pub fn all_of_conversation() -> Self {
        Permission::ALL
            .iter()
            .copied()
            .filter(|permission| permission.scope() == Scope::Conversation)
            .collect()
    }

    /// The set as it is stored, a bit each.
    pub fn bits(self) -> i64 {
        self.0 as i64
    }

    /// The set of stored bits; bits that this version does not know grant nothing.
    pub fn from_bits(bits: i64) -> Self {
        Self(bits as u64 & Self::all().0)
    }

    /// Whether `permission` is in it.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & permission.mask() != 0
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The first permission of `other` that it lacks.
    pub fn first_lacking(self, other: Self) -> Option<Permission> {
        Self(other.0 & !self.0).iter().next()
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in it and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let permission = Permission::ALL.get(rest.trailing_zeros() as usize).copied();
            rest &= rest.wrapping_sub(1);
            permission
        })
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.mask()))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::name)).finish()
    }
}
