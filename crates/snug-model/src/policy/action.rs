//! What can be done, with what of it decides.

use crate::{
    keys::ScopeSet,
    permissions::PermissionSet,
    sanctions::{InApp, InConversation},
    time::Timestamp,
};

/// An act, with what of it decides. `own` says that a client acts on itself, or on what is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make an app.
    CreateApp,
    /// List the apps of the installation.
    ListApps,
    /// See the app and its settings.
    ReadApp,
    /// Change the app's name and settings.
    EditApp,
    /// Delete the app with all it holds.
    DeleteApp,
    /// Have what has lived as long as it may removed now, or only counted.
    Purge,
    /// See how long a conversation's messages live by its own rule.
    ReadRetention,
    /// Change that.
    EditRetention,
    /// Put a legal hold on a conversation, or lift it.
    HoldConversation,
    /// Put a legal hold on a user, or lift it.
    HoldUser,
    /// See the app's legal holds.
    ListHolds,
    /// Read what is kept past its time because it is held.
    ReadHeld,
    /// See how far a job is.
    ReadJob,
    /// Read what was committed in the app.
    ReadEvents,
    /// Read what was entered in the app's audit, or in the installation's.
    ReadAudit,
    /// List the app's keys.
    ListKeys,
    /// Make a key: with which scopes, what its tokens can carry, and until when.
    CreateKey {
        /// Its scopes.
        scopes: ScopeSet,
        /// What tokens that it signs can carry.
        may_mint: PermissionSet,
        /// When it ends by itself.
        expires_at: Option<Timestamp>,
    },
    /// End a key.
    RevokeKey,
    /// List the app's roles.
    ListRoles,
    /// Make, change or delete a role.
    EditRole,
    /// See who holds a permission, what a change of roles would change, or which roles are wider than they need be.
    ExamineRoles,
    /// List the app's templates.
    ListTemplates,
    /// Make, change or delete a template.
    EditTemplate,
    /// Make an access token for a user whose app role grants this.
    MintToken {
        /// What the user's app role grants.
        grants: PermissionSet,
    },
    /// End tokens.
    RevokeTokens,

    /// Make a user that a token names and nobody knows.
    AdmitUser,
    /// Come in by the door, with a proof of that date, or of none.
    Enter {
        /// When the proof was made.
        proven_at: Option<Timestamp>,
    },
    /// Open a session: what `hello` does.
    Connect,
    /// Accept the text that the app demands: the one thing that makes whoever lacks consent have it.
    AcceptConsent {
        /// Whether for oneself.
        own: bool,
    },
    /// See which texts a user has accepted, and when.
    ListConsents {
        /// Whether it is oneself.
        own: bool,
    },
    /// See who in the app has accepted which texts.
    ListAllConsents,
    /// Make or replace a user, or set its role.
    WriteUser,
    /// Change a user's name, avatar and attributes.
    EditUser {
        /// Whether it is oneself.
        own: bool,
    },
    /// See a user.
    ReadUser {
        /// Whether it is oneself.
        own: bool,
    },
    /// List the app's users.
    ListUsers,
    /// See name and avatar of people with whom one shares a conversation.
    LookUpUsers,
    /// Erase a user.
    EraseUser {
        /// Whether it is oneself.
        own: bool,
    },
    /// Ban a user from the app, or lift that; the user is the target.
    BanUser,
    /// Mute a user in the app, or lift that; the user is the target.
    MuteUser,
    /// Shadow-ban a user, or lift that; the user is the target.
    ShadowBanUser,
    /// See who is under a sanction of the app, since when, why and by whom.
    ListUserSanctions(InApp),
    /// Block somebody for a user, or lift that.
    BlockUser {
        /// Whether for oneself.
        own: bool,
    },
    /// See whom a user has blocked.
    ListBlocks {
        /// Whether it is oneself.
        own: bool,
    },
    /// End a user's tokens.
    RevokeUserTokens,
    /// Believe proofs of a user again that say nothing of when they were made.
    AllowProofs,
    /// See a user's inbox.
    ReadInbox {
        /// Whether it is one's own.
        own: bool,
    },
    /// See whether a user is online.
    ReadPresence,
    /// Take away a copy of what a user wrote and is.
    ExportUser,

    /// List the app's conversations.
    ListConversations,
    /// Make a conversation.
    CreateConversation {
        /// Whether the caller chose its id or an alias.
        with_id: bool,
        /// Whether others than the creator are to be members.
        with_others: bool,
        /// What the roles of the members to be grant, together.
        grants: PermissionSet,
    },
    /// Have one's support conversation, which is made for what a back end has a bot say there.
    OpenSupport,
    /// See a conversation.
    ReadConversation,
    /// See it as an item of a user's inbox.
    ReadInboxItem,
    /// Change name, image and attributes.
    EditConversation,
    /// Change the alias, or how far back members read.
    ConfigureConversation,
    /// Freeze or unfreeze.
    FreezeConversation,
    /// Archive or reopen.
    ArchiveConversation,
    /// Delete a conversation with all it holds.
    DeleteConversation,
    /// Take away a copy of all messages of a conversation.
    ExportConversation,

    /// List the members.
    ListMembers,
    /// Add others as members, whose roles grant this, together; they are the targets, members already or not.
    AddMembers {
        /// What their roles grant.
        grants: PermissionSet,
    },
    /// Become a member oneself.
    Join,
    /// Change another member; the target is the member.
    EditMember {
        /// What its new role grants, if it gets one.
        grants: PermissionSet,
    },
    /// Change one's own membership in what is one's own to change: `notify`.
    EditOwnMember,
    /// Change one's own membership in anything else, which nobody may.
    PromoteSelf,
    /// Remove another member; the target is the member.
    RemoveMember,
    /// Remove oneself.
    Leave,
    /// Ban a person from the conversation, or lift that; the target is the person.
    BanMember,
    /// Mute a member in the conversation, or lift that; the member is the target.
    MuteMember,
    /// See who is under a sanction of the conversation, since when, why and by whom.
    ListMemberSanctions(InConversation),
    /// Set another's read mark.
    SetReadMark,

    /// Send a message in one's own name, or a back end in the system's or a bot's.
    SendMessage {
        /// Whether a back end sends in a user's name.
        as_user: bool,
    },
    /// Bring a message that a back end signed, or wrote as a template, before it is known what it is and where it goes.
    BringMessage,
    /// Have a message appear that a back end signed, or wrote as a template, and that the client's page only carries.
    CarryMessage,
    /// Edit a message.
    EditMessage {
        /// Whether one sent it.
        own: bool,
    },
    /// Delete a message.
    DeleteMessage {
        /// Whether one sent it.
        own: bool,
    },
    /// Read messages, changes, the inbox item.
    ReadMessages,
    /// Read what messages said before.
    ReadVersions,
    /// React, or take that back.
    React,
    /// Move one's own read mark.
    MarkRead,
    /// Show that one is typing.
    Type,
    /// See who is online.
    SeePresence,

    /// Read, after a commit, what is to be told of it: the server itself.
    Publish,
}

impl Action {
    /// Whether by it somebody of whom nothing is stored yet leaves something that is: a visitor has a row from then on.
    pub fn leaves_something(&self) -> bool {
        matches!(
            self,
            Self::CreateConversation { .. } | Self::OpenSupport | Self::Join | Self::SendMessage { .. }
        )
    }
}
