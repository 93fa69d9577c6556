//! What waits until a person has accepted the text that its app demands.
//!
//! Coming in and accepting never wait: a person must be able to read the text, and to accept it. Whatever leaves something of
//! it waits as soon as a consent is demanded at all; reading waits only where it is demanded before that. Taking back what
//! one left, and leaving, counts as reading: who does not consent is not kept from it.
//!
//! This holds for clients. A back end acts by its own right, in a person's name too.

use std::sync::Arc;

use super::{Action, Denied};
use crate::{
    consents::{Before, Consent},
    facts::Facts,
};

/// When an act waits for a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Never.
    Never,
    /// Where it is demanded before a person reads.
    BeforeReading,
    /// Where it is demanded at all.
    BeforeLeaving,
}

/// Refuses what waits for a consent that the client has not given.
pub(super) fn decide(action: &Action, facts: &Facts) -> Result<(), Denied> {
    let Some(consent) = missing(facts) else { return Ok(()) };
    let waits = match (waits(action), consent.before) {
        (Waits::Never, _) | (Waits::BeforeReading, Before::Send) => false,
        (Waits::BeforeReading, Before::Read) | (Waits::BeforeLeaving, _) => true,
    };
    if waits { Err(Denied::ConsentRequired(Arc::clone(consent))) } else { Ok(()) }
}

/// The text that the client has to accept and has not.
pub(super) fn missing(facts: &Facts) -> Option<&Arc<Consent>> {
    let demand = facts.app.consent.as_ref()?;
    let accepted = facts.user.as_ref().and_then(|user| user.consented) == Some(demand.mark);
    (!accepted).then_some(&demand.consent)
}

fn waits(action: &Action) -> Waits {
    match action {
        Action::Enter { .. } | Action::Connect | Action::AcceptConsent { .. } => Waits::Never,

        Action::ReadApp
        | Action::ListApps
        | Action::ReadJob
        | Action::ReadEvents
        | Action::ReadAudit
        | Action::ReadRetention
        | Action::ListHolds
        | Action::ReadHeld
        | Action::ListKeys
        | Action::ListRoles
        | Action::ExamineRoles
        | Action::ListTemplates
        | Action::ReadUser { .. }
        | Action::ListUsers
        | Action::LookUpUsers
        | Action::ListUserSanctions(_)
        | Action::ListBlocks { .. }
        | Action::ListConsents { .. }
        | Action::ListAllConsents
        | Action::ReadInbox { .. }
        | Action::ReadInboxItem
        | Action::ReadPresence
        | Action::ExportUser
        | Action::ListConversations
        | Action::ReadConversation
        | Action::ListMembers
        | Action::ListMemberSanctions(_)
        | Action::ReadMessages
        | Action::ReadVersions
        | Action::ExportConversation
        | Action::MarkRead
        | Action::SeePresence
        | Action::Publish
        // What one takes back.
        | Action::EraseUser { own: true }
        | Action::Leave
        | Action::DeleteMessage { own: true } => Waits::BeforeReading,

        Action::AdmitUser
        | Action::EditUser { .. }
        | Action::EraseUser { own: false }
        | Action::WriteUser
        | Action::BanUser
        | Action::MuteUser
        | Action::ShadowBanUser
        | Action::BlockUser { .. }
        | Action::RevokeUserTokens
        | Action::AllowProofs
        | Action::CreateApp
        | Action::EditApp
        | Action::DeleteApp
        | Action::Purge
        | Action::EditRetention
        | Action::HoldConversation
        | Action::HoldUser
        | Action::CreateKey { .. }
        | Action::RevokeKey
        | Action::EditRole
        | Action::EditTemplate
        | Action::MintToken { .. }
        | Action::RevokeTokens
        | Action::CreateConversation { .. }
        | Action::EditConversation
        | Action::ConfigureConversation
        | Action::FreezeConversation
        | Action::ArchiveConversation
        | Action::DeleteConversation
        | Action::AddMembers { .. }
        | Action::Join
        | Action::EditMember { .. }
        | Action::EditOwnMember
        | Action::PromoteSelf
        | Action::RemoveMember
        | Action::BanMember
        | Action::MuteMember
        | Action::SetReadMark
        | Action::SendMessage { .. }
        | Action::BringMessage
        | Action::OpenSupport
        | Action::CarryMessage
        | Action::EditMessage { .. }
        | Action::DeleteMessage { own: false }
        | Action::React
        | Action::Type => Waits::BeforeLeaving,
    }
}
