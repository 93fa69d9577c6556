//! Who could do what a permission is for: asked of the decision itself, so that there is no second answer.

use super::{Action, Permit, back_end, decide};
use crate::{
    actor::{Actor, Grant, KeyActor, UserActor},
    conversations::{History, State},
    facts::{
        ConversationFacts, Facts, IdMac, KeyFacts, MemberFacts, SettingsVoucher, TargetFacts, VoucherFacts,
    },
    ids::{ConversationKey, Seq, UserKey, Version},
    keys,
    members::Access,
    permissions::{Permission, PermissionSet, Scope},
    time::Timestamp,
    vouchers::{Scheme, Voucher},
};

/// Whether the person of `facts` holds `permission` at `now`, as far as a token that narrows nothing carries it: in the conversation
/// of `facts`, and in the app without one. A permission of conversations without a conversation is held in any open one that one
/// is a member of.
pub fn holds(permission: Permission, facts: &Facts, now: Timestamp) -> bool {
    let Some(user) = &facts.user else { return false };
    let actor = Actor::User(bearer(facts, user.key));
    let voucher = SettingsVoucher {
        voucher: anything(),
        good: true,
        may_mint: PermissionSet::all(),
        tokens_not_before: None,
    };
    let facts = Facts {
        voucher: Some(VoucherFacts::OfSettings(voucher)),
        token_revoked: false,
        targets: vec![nobody_special()],
        ..facts.clone()
    };
    let facts = match (permission.scope(), &facts.conversation) {
        (Scope::Conversation, None) => anywhere(facts),
        _ => facts,
    };
    let held = match permission.scope() {
        Scope::App => super::permissions_in_app(&actor, &facts),
        Scope::Conversation => super::permissions_in_conversation(&actor, &facts, now),
    };
    let there = |permit: Permit| permit.view().until.is_none();
    held.has(permission) && decide(&actor, &act_of(permission), &facts, now).is_ok_and(there)
}

/// The scope by which a key could do what `permission` is for, if the key of `facts` could at `now`: the least one that would do.
pub fn scope_of(
    permission: Permission,
    key: &KeyFacts,
    facts: &Facts,
    now: Timestamp,
) -> Option<keys::ScopeSet> {
    let action = act_of(permission);
    let actor = Actor::Key(KeyActor { app: key.app, key: key.id.clone(), from: None });
    let facts = Facts { key: Some(key.clone()), ..facts.clone() };
    let facts = match (permission.scope(), &facts.conversation) {
        (Scope::Conversation, None) => anywhere(facts),
        _ => facts,
    };
    decide(&actor, &action, &facts, now).ok()?;
    back_end::asked(&action)
}

/// The act that a permission is for, on somebody who has none. Where there is no such act yet, the one that needs it to be shown.
fn act_of(permission: Permission) -> Action {
    let none = PermissionSet::EMPTY;
    match permission {
        Permission::ConversationCreate => {
            Action::CreateConversation { with_id: false, with_others: false, grants: none }
        }
        // Joining is decided where one is not yet; in the app it is enough to be let in.
        Permission::ConversationJoin => Action::Connect,
        Permission::ConversationEdit => Action::EditConversation,
        Permission::ConversationFreeze => Action::FreezeConversation,
        Permission::ConversationArchive => Action::ArchiveConversation,
        Permission::ConversationDelete => Action::DeleteConversation,
        Permission::ConversationLeave => Action::Leave,
        Permission::MemberAdd => Action::AddMembers { grants: none },
        Permission::MemberEdit => Action::EditMember { grants: none },
        Permission::MemberRemove => Action::RemoveMember,
        Permission::MemberBan => Action::BanMember,
        Permission::MemberMute => Action::MuteMember,
        Permission::MessageSend | Permission::MessageSendAttachment => Action::SendMessage { as_user: false },
        Permission::MessageReact => Action::React,
        Permission::MessageEditOwn => Action::EditMessage { own: true },
        Permission::MessageEditAny => Action::EditMessage { own: false },
        Permission::MessageDeleteOwn => Action::DeleteMessage { own: true },
        Permission::MessageDeleteAny => Action::DeleteMessage { own: false },
        Permission::MessageReadVersions => Action::ReadVersions,
        Permission::ReadMark => Action::MarkRead,
        Permission::TypingSend => Action::Type,
        Permission::PresenceSee => Action::SeePresence,
        Permission::ReadSee | Permission::MessagePin | Permission::MemberInvite => Action::ReadMessages,
        Permission::UserEditOwn => Action::EditUser { own: true },
        Permission::UserEraseOwn => Action::EraseUser { own: true },
        Permission::UserEditAny => Action::EditUser { own: false },
        Permission::UserBan => Action::BanUser,
        Permission::UserMute => Action::MuteUser,
        Permission::UserList => Action::ListUsers,
    }
}

/// Somebody's client with a token that was made now, and narrows nothing.
fn bearer(facts: &Facts, user: UserKey) -> UserActor {
    let token = Grant {
        voucher: anything(),
        jti: None,
        issued_at: Timestamp::NEVER,
        expires_at: Timestamp::NEVER,
        only: None,
        can: None,
        newcomer: None,
    };
    UserActor { app: facts.app.key, user, token, session: None, from: None }
}

/// Something that vouches for a token.
fn anything() -> Voucher {
    Voucher::Door { scheme: Scheme::Hmac, by: "".into() }
}

/// Somebody else, who may do nothing.
fn nobody_special() -> TargetFacts {
    TargetFacts { user: Some(UserKey(i64::MIN)), version: Version(0), permissions: PermissionSet::EMPTY }
}

/// The same in some open conversation, as a member whose role there grants nothing.
fn anywhere(facts: Facts) -> Facts {
    let conversation = ConversationFacts {
        key: ConversationKey(i64::MIN),
        id: IdMac([0; 32]),
        version: Version(0),
        state: State::Open,
        frozen: false,
        slow_mode_s: 0,
        history: History::All,
    };
    let member = MemberFacts {
        version: Version(0),
        role: PermissionSet::EMPTY,
        access: Access::Full,
        banned_until: None,
        muted_until: None,
        frozen_rev: None,
        joined_seq: Seq(1),
        forgotten: false,
    };
    Facts { conversation: Some(conversation), member: Some(member), ..facts }
}
