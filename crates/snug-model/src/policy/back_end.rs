//! What a key may do: what its scopes say, in its own app.

use super::{Action, By, Denied, Fact, Permit, View};
use crate::{
    actor::KeyActor,
    facts::{Facts, KeyFacts},
    keys::{Scope, ScopeSet},
    time::Timestamp,
};

/// What an action asks of a key.
enum Ask {
    /// The whole scope.
    Whole(Scope),
    /// The scope, or its variant for reading.
    Reading(Scope),
    /// Nothing that a key could have: the act is a client's.
    Never,
}

pub(super) fn decide(
    actor: &KeyActor,
    action: &Action,
    facts: &Facts,
    now: Timestamp,
) -> Result<Permit, Denied> {
    let key = facts.key.as_ref().filter(|key| alive(key, now)).ok_or(Denied::Unauthenticated)?;
    if key.id != actor.key || key.app != actor.app || facts.app.key != actor.app || facts.app.deleted {
        return Err(Denied::Unauthenticated);
    }
    match ask(action) {
        Ask::Whole(scope) if !key.scopes.has(scope) => return Err(Denied::OutOfScope(scope)),
        Ask::Reading(scope) if !key.scopes.has_read(scope) => return Err(Denied::OutOfScope(scope)),
        Ask::Never => return Err(Denied::WrongActor),
        Ask::Whole(_) | Ask::Reading(_) => {}
    }
    grants_no_more_than_it_has(key, action)?;
    if of_conversation(action) && facts.conversation.is_none() {
        return Err(Denied::NotFound);
    }
    let mut permit = Permit::of_app(actor.app, By::Key(actor.key.clone()), facts)
        .within(facts.conversation.as_ref(), View::EVERYTHING);
    permit.basis.push((Fact::Key(key.id.clone()), key.version));
    if let Some(user) = &facts.user {
        if user.erased {
            return Err(Denied::NotFound);
        }
        permit.basis.push((Fact::User(user.key), user.version));
    }
    Ok(permit)
}

/// Whether a key is good at `now`.
pub(super) fn alive(key: &KeyFacts, now: Timestamp) -> bool {
    !key.revoked && key.expires_at.is_none_or(|end| now < end)
}

fn grants_no_more_than_it_has(key: &KeyFacts, action: &Action) -> Result<(), Denied> {
    match action {
        Action::CreateKey { scopes, may_mint, expires_at } => {
            let asked = Scope::ALL.iter().copied();
            let lacking = |scope: &Scope| {
                (scopes.has(*scope) && !key.scopes.has(*scope))
                    || (scopes.has_read(*scope) && !key.scopes.has_read(*scope))
            };
            if let Some(scope) = asked.clone().find(lacking) {
                return Err(Denied::OutOfScope(scope));
            }
            if let Some(permission) = key.may_mint.first_lacking(*may_mint) {
                return Err(Denied::Forbidden(permission));
            }
            let outlives = key.expires_at.is_some_and(|end| expires_at.is_none_or(|asked| asked > end));
            if outlives { Err(Denied::OutOfScope(Scope::Keys)) } else { Ok(()) }
        }
        Action::MintToken { grants } => match key.may_mint.first_lacking(*grants) {
            Some(permission) => Err(Denied::Forbidden(permission)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The least that an action asks of a key; nothing where no key may.
pub(super) fn asked(action: &Action) -> Option<ScopeSet> {
    match ask(action) {
        Ask::Whole(scope) => Some(ScopeSet::EMPTY.with(scope)),
        Ask::Reading(scope) => Some(ScopeSet::EMPTY.with_read(scope)),
        Ask::Never => None,
    }
}

fn ask(action: &Action) -> Ask {
    use Ask::{Never, Reading, Whole};
    match action {
        Action::CreateApp => Whole(Scope::Installation),
        Action::ListApps => Reading(Scope::Installation),
        Action::ReadApp | Action::ReadJob | Action::ReadRetention | Action::ListHolds => Reading(Scope::App),
        Action::ReadHeld => Reading(Scope::Messages),
        Action::ReadEvents => Reading(Scope::Events),
        Action::ReadAudit => Reading(Scope::Audit),
        Action::EditApp
        | Action::DeleteApp
        | Action::Purge
        | Action::EditRetention
        | Action::HoldConversation
        | Action::HoldUser => Whole(Scope::App),
        Action::ListKeys => Reading(Scope::Keys),
        Action::CreateKey { .. } | Action::RevokeKey => Whole(Scope::Keys),
        Action::ListRoles | Action::ExamineRoles => Reading(Scope::Roles),
        Action::EditRole => Whole(Scope::Roles),
        Action::ListTemplates => Reading(Scope::BotMessages),
        Action::EditTemplate => Whole(Scope::BotMessages),
        Action::MintToken { .. } | Action::RevokeTokens => Whole(Scope::Tokens),
        Action::WriteUser
        | Action::EditUser { .. }
        | Action::EraseUser { .. }
        | Action::BanUser
        | Action::MuteUser
        | Action::ShadowBanUser
        | Action::BlockUser { .. }
        | Action::AcceptConsent { .. }
        | Action::RevokeUserTokens
        | Action::AllowProofs => Whole(Scope::Users),
        Action::ReadUser { .. }
        | Action::ListUsers
        | Action::ListUserSanctions(_)
        | Action::ListBlocks { .. }
        | Action::ListConsents { .. }
        | Action::ListAllConsents
        | Action::LookUpUsers
        | Action::ReadInbox { .. }
        | Action::ReadInboxItem
        | Action::ReadPresence => Reading(Scope::Users),
        Action::ListConversations
        | Action::ReadConversation
        | Action::ListMembers
        | Action::ListMemberSanctions(_) => Reading(Scope::Conversations),
        Action::CreateConversation { .. }
        | Action::EditConversation
        | Action::ConfigureConversation
        | Action::FreezeConversation
        | Action::ArchiveConversation
        | Action::DeleteConversation
        | Action::AddMembers { .. }
        | Action::EditMember { .. }
        | Action::RemoveMember
        | Action::BanMember
        | Action::MuteMember
        | Action::SetReadMark => Whole(Scope::Conversations),
        Action::SendMessage { as_user: false }
        | Action::EditMessage { .. }
        | Action::DeleteMessage { .. } => Whole(Scope::Messages),
        Action::SendMessage { as_user: true } | Action::React | Action::MarkRead | Action::Type => {
            Whole(Scope::MessagesAsUser)
        }
        Action::ReadMessages | Action::ReadVersions => Reading(Scope::Messages),
        Action::ExportConversation | Action::ExportUser => Whole(Scope::Export),
        Action::AdmitUser
        | Action::Enter { .. }
        | Action::Connect
        | Action::OpenSupport
        | Action::BringMessage
        | Action::CarryMessage
        | Action::Join
        | Action::Leave
        | Action::EditOwnMember
        | Action::PromoteSelf
        | Action::SeePresence
        | Action::Publish => Never,
    }
}

/// Whether the act is one within a conversation, which must then exist.
pub(super) fn of_conversation(action: &Action) -> bool {
    matches!(
        action,
        Action::ReadConversation
            | Action::ReadInboxItem
            | Action::EditConversation
            | Action::ConfigureConversation
            | Action::FreezeConversation
            | Action::ArchiveConversation
            | Action::DeleteConversation
            | Action::ExportConversation
            | Action::ReadRetention
            | Action::EditRetention
            | Action::HoldConversation
            | Action::ReadHeld
            | Action::ListMembers
            | Action::AddMembers { .. }
            | Action::Join
            | Action::EditMember { .. }
            | Action::EditOwnMember
            | Action::PromoteSelf
            | Action::RemoveMember
            | Action::Leave
            | Action::BanMember
            | Action::MuteMember
            | Action::ListMemberSanctions(_)
            | Action::SetReadMark
            | Action::SendMessage { .. }
            | Action::CarryMessage
            | Action::EditMessage { .. }
            | Action::DeleteMessage { .. }
            | Action::ReadMessages
            | Action::ReadVersions
            | Action::React
            | Action::MarkRead
            | Action::Type
            | Action::SeePresence
    )
}
