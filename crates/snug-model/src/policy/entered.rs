//! Which acts are entered in the audit.

use super::Action;
use crate::{actor::Actor, audit::Act};

/// The act as which `action` is entered, if it is: what changes settings, keys, roles, and what is done to others. What a client does
/// to itself is not, nor what is done too often to be looked through: making conversations, users without a role, tokens, and
/// whatever is said. A use case may know better: a ban that is lifted is another act.
pub fn entered(actor: &Actor, action: &Action) -> Option<Act> {
    Some(match action {
        Action::CreateApp => Act::CreateApp,
        Action::EditApp => Act::EditApp,
        Action::DeleteApp => Act::DeleteApp,
        // Those that the server begins by itself are told by their jobs.
        Action::Purge if !matches!(actor, Actor::System(_)) => Act::Purge,
        Action::EditRetention => Act::EditRetention,
        Action::HoldConversation => Act::HoldConversation,
        Action::HoldUser => Act::HoldUser,
        Action::ReadHeld => Act::ReadHeld,
        Action::CreateKey { .. } => Act::CreateKey,
        Action::RevokeKey => Act::RevokeKey,
        Action::EditRole => Act::PutRole,
        Action::EditTemplate => Act::PutTemplate,
        Action::RevokeTokens => Act::RevokeTokens,
        Action::EditUser { own: false } => Act::EditUser,
        Action::EraseUser { .. } => Act::EraseUser,
        Action::BanUser => Act::BanUser,
        Action::MuteUser => Act::MuteUser,
        Action::ShadowBanUser => Act::ShadowBanUser,
        Action::BlockUser { own: false } => Act::BlockUser,
        Action::AcceptConsent { own: false } => Act::AcceptConsent,
        Action::RevokeUserTokens => Act::RevokeUserTokens,
        Action::AllowProofs => Act::AllowProofs,
        Action::ConfigureConversation | Action::FreezeConversation | Action::ArchiveConversation => {
            Act::EditConversation
        }
        Action::DeleteConversation => Act::DeleteConversation,
        Action::AddMembers { .. } => Act::AddMember,
        Action::EditMember { .. } | Action::PromoteSelf => Act::EditMember,
        // The server itself takes out only who is erased, which was entered.
        Action::RemoveMember if !matches!(actor, Actor::System(_)) => Act::RemoveMember,
        Action::BanMember => Act::BanMember,
        Action::MuteMember => Act::MuteMember,
        // Of a back end it is not known beforehand whether a user wrote it; what bots said, they edit many times a second.
        Action::EditMessage { own: false } if actor.user().is_some() => Act::EditMessage,
        // The server itself deletes only what is of who is erased, which was entered.
        Action::DeleteMessage { own: false } if !matches!(actor, Actor::System(_)) => Act::DeleteMessage,
        Action::Purge
        | Action::ListApps
        | Action::ReadApp
        | Action::ReadJob
        | Action::ReadEvents
        | Action::ReadAudit
        | Action::ReadRetention
        | Action::ListHolds
        | Action::ListKeys
        | Action::ListRoles
        | Action::ExamineRoles
        | Action::ListTemplates
        | Action::MintToken { .. }
        | Action::AdmitUser
        | Action::Enter { .. }
        | Action::Connect
        | Action::AcceptConsent { own: true }
        | Action::ListConsents { .. }
        | Action::ListAllConsents
        | Action::WriteUser
        | Action::EditUser { own: true }
        | Action::ReadUser { .. }
        | Action::ListUsers
        | Action::LookUpUsers
        | Action::ListUserSanctions(_)
        | Action::BlockUser { own: true }
        | Action::ListBlocks { .. }
        | Action::ReadInbox { .. }
        | Action::ReadPresence
        | Action::ExportUser
        | Action::ExportConversation
        | Action::ListConversations
        | Action::CreateConversation { .. }
        | Action::OpenSupport
        | Action::ReadConversation
        | Action::ReadInboxItem
        | Action::EditConversation
        | Action::ListMembers
        | Action::Join
        | Action::EditOwnMember
        | Action::RemoveMember
        | Action::Leave
        | Action::ListMemberSanctions(_)
        | Action::SetReadMark
        | Action::SendMessage { .. }
        | Action::BringMessage
        | Action::CarryMessage
        | Action::EditMessage { .. }
        | Action::DeleteMessage { .. }
        | Action::ReadMessages
        | Action::ReadVersions
        | Action::React
        | Action::MarkRead
        | Action::Type
        | Action::SeePresence
        | Action::Publish => return None,
    })
}
