//! How the permission to send ends.

use snug_core::Error;
use snug_model::{
    ConversationId, Permission, UserId, members::MemberPatch, permissions::Scope, roles::Role,
    sanctions::SanctionDraft, text::RoleName,
};

use super::Race;

/// How Ann's permission to send ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// She is no member any more.
    Removed,
    /// She is banned from the conversation.
    BannedFromConversation,
    /// She is banned from everything. This changes no conversation, so that on PostgreSQL only the lock of the app is between
    /// it and a send.
    BannedFromApp,
    /// She gets a role that only reads.
    Demoted,
    /// Her role loses the permission; this changes no conversation either.
    RoleNarrowed,
    /// She is muted in the conversation, which changes her own row there alone.
    Muted,
    /// She is muted in the whole app, which changes no conversation either.
    MutedInApp,
}

/// The role of who sends by a permission that is taken from the role itself.
const NARROWED: &str = "talker";

impl End {
    pub(super) const ALL: [Self; 7] = [
        Self::Removed,
        Self::BannedFromConversation,
        Self::BannedFromApp,
        Self::Demoted,
        Self::RoleNarrowed,
        Self::Muted,
        Self::MutedInApp,
    ];

    /// Her role before.
    pub(super) fn role_before(self) -> &'static str {
        if self == Self::RoleNarrowed { NARROWED } else { "member" }
    }

    /// Whether she is not to see any more what is said later.
    pub(super) fn hides(self) -> bool {
        matches!(self, Self::Removed | Self::BannedFromConversation | Self::BannedFromApp)
    }

    /// Whether a send after the end is refused so.
    pub(super) fn refuses_with(self, error: &Error) -> bool {
        match self {
            Self::Removed | Self::Demoted | Self::RoleNarrowed => matches!(error, Error::Forbidden(_)),
            Self::Muted | Self::MutedInApp => matches!(error, Error::Muted { .. }),
            Self::BannedFromConversation => matches!(error, Error::Banned { everywhere: false, .. }),
            Self::BannedFromApp => {
                matches!(error, Error::Banned { everywhere: true, .. } | Error::Unauthenticated)
            }
        }
    }
}

impl Race {
    /// Ends it, and returns when that is acknowledged.
    pub(super) async fn make_end(&self, end: End, conversation: &ConversationId) {
        let (core, back_end) = (&self.node.core, &self.back_end);
        let ann = UserId::parse(&self.ann.id).unwrap();
        let ban = SanctionDraft { reason: None, until: None };
        match end {
            End::Removed => core.remove_member(back_end, conversation, &ann, false).await.unwrap(),
            End::BannedFromConversation => {
                core.ban_member(back_end, conversation, &ann, Some(&ban), None).await.unwrap();
            }
            End::BannedFromApp => core.ban_user(back_end, &ann, Some(&ban), None).await.unwrap(),
            End::Demoted => {
                let role = Some(RoleName::parse("observer").unwrap());
                let patch = MemberPatch { role, ..MemberPatch::default() };
                core.edit_member(back_end, conversation, &ann, &patch).await.unwrap();
            }
            End::Muted => core.mute_member(back_end, conversation, &ann, Some(&ban), None).await.unwrap(),
            End::MutedInApp => core.mute_user(back_end, &ann, Some(&ban), None).await.unwrap(),
            End::RoleNarrowed => self.put_role(false).await,
        }
    }

    /// Sets the role that is narrowed, so that it may send or not.
    pub(super) async fn put_role(&self, may_send: bool) {
        let permissions = may_send.then_some(Permission::MessageSend).into_iter().collect();
        let name = RoleName::parse(NARROWED).unwrap();
        let role = Role { scope: Scope::Conversation, name, permissions };
        self.node.core.put_role(&self.back_end, &role).await.unwrap();
    }
}
