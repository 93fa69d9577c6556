//! What a client may do: what role and access both allow, narrowed by its token.
//!
//! In a conversation the permissions are those of the conversation role and those of the app role, together; then only
//! what the access leaves (`read`: the read mark and leaving; `none`: nothing); then only what the token carries. Of
//! the app role counts what that which vouches for the token may give. Who is muted is without a voice until that ends.

use super::{Action, By, Denied, Fact, Permit, View, back_end, consent};
use crate::{
    actor::UserActor,
    conversations::{History, State},
    facts::{ConversationFacts, Facts, MemberFacts, UserFacts, VoucherFacts},
    ids::{Rev, Seq, UserKey, Version},
    keys,
    members::Access,
    permissions::{Permission, PermissionSet, Scope},
    sanctions::{InApp, InConversation},
    time::Timestamp,
    vouchers::{Scheme, Voucher},
};

pub(super) fn decide(
    actor: &UserActor,
    action: &Action,
    facts: &Facts,
    now: Timestamp,
) -> Result<Permit, Denied> {
    token_is_good(actor, facts, now)?;
    if *action == Action::AdmitUser {
        return admit(actor, facts);
    }
    let user = facts
        .user
        .as_ref()
        .filter(|user| !user.erased && user.key == actor.user)
        .ok_or(Denied::Unauthenticated)?;
    if outdated(actor, user.tokens_not_before) {
        return Err(Denied::Unauthenticated);
    }
    if !user.is_stored() && !admissible(actor, facts) {
        return Err(Denied::Unauthenticated);
    }
    if let Some(until) = user.banned_until.filter(|until| now < *until) {
        return Err(Denied::Banned { until, everywhere: true });
    }
    consent::decide(action, facts)?;
    if back_end::of_conversation(action) {
        let (conversation, view) = in_conversation(actor, action, facts, now)?;
        let pace_ms = pace_ms(actor, action, facts, conversation);
        let permit = permit(actor, facts, By::User(user.key)).within(Some(conversation), view);
        let hides = hides(action, user, now);
        let permit = Permit { pace_ms, heeds_blocks: user.blocks, hides, ..permit };
        let member = facts.member.as_ref().map_or(Version(0), |member| member.version);
        let basis =
            [(Fact::User(user.key), user.version), (Fact::Member(conversation.key, user.key), member)];
        let template = facts.template.map(|template| (Fact::Template(template.key), template.version));
        let basis = basis.into_iter().chain(facts.signer.as_ref().and_then(rests_on)).chain(template);
        Ok(rest(permit, basis.chain(targets(facts, |user| Fact::Member(conversation.key, user)))))
    } else {
        in_app(actor, action, facts, user, now)?;
        let basis = [(Fact::User(user.key), user.version)];
        let permit = Permit { heeds_blocks: user.blocks, ..permit(actor, facts, By::User(user.key)) };
        Ok(rest(permit, basis.into_iter().chain(targets(facts, Fact::User))))
    }
}

/// A permit that rests on the app and on what vouches for the token. What stands in the app's settings has the app's version.
fn permit(actor: &UserActor, facts: &Facts, by: By) -> Permit {
    rest(Permit::of_app(actor.app, by, facts), facts.voucher.as_ref().and_then(rests_on))
}

/// The row that something which vouches or signs has, beside the app's.
fn rests_on(voucher: &VoucherFacts) -> Option<(Fact, Version)> {
    match voucher {
        VoucherFacts::ApiKey(key) => Some((Fact::Key(key.id.clone()), key.version)),
        VoucherFacts::TokenKey(key) => Some((Fact::TokenKey(key.id.clone()), key.version)),
        VoucherFacts::OfSettings(_) => None,
    }
}

/// The permit resting on these facts too.
fn rest(mut permit: Permit, basis: impl IntoIterator<Item = (Fact, Version)>) -> Permit {
    permit.basis.extend(basis);
    permit
}

/// The facts about whom the act concerns. That somebody has no row is a fact too, of version 0.
fn targets(facts: &Facts, fact: impl Fn(UserKey) -> Fact) -> impl Iterator<Item = (Fact, Version)> {
    facts.targets.iter().filter_map(move |target| target.user.map(|user| (fact(user), target.version)))
}

/// A token whose user nobody knows makes the user, where the app wants that. Where it demands a consent, only that makes it.
fn admit(actor: &UserActor, facts: &Facts) -> Result<Permit, Denied> {
    let stored = facts.user.as_ref().is_some_and(UserFacts::is_stored);
    if stored || !admissible(actor, facts) {
        return Err(Denied::Unauthenticated);
    }
    consent::decide(&Action::AdmitUser, facts)?;
    Ok(permit(actor, facts, By::User(actor.user)))
}

/// Whether somebody whom nobody knows may be here. That the app lets visitors in says so of them.
fn admissible(actor: &UserActor, facts: &Facts) -> bool {
    let visits = matches!(actor.token.voucher, Voucher::Door { scheme: Scheme::Visitor, .. });
    facts.app.auto_create_users || visits
}

/// Whether the token may be used at all: its own times, what vouches for it, and what was revoked.
fn token_is_good(actor: &UserActor, facts: &Facts, now: Timestamp) -> Result<(), Denied> {
    let voucher = facts.voucher.as_ref().ok_or(Denied::Unauthenticated)?;
    let void = facts.app.deleted
        || facts.token_revoked
        || facts.app.key != actor.app
        || !vouches(voucher, actor, now)
        || now >= actor.token.expires_at
        || outdated(actor, facts.app.tokens_not_before)
        || outdated(actor, voucher.tokens_not_before());
    if void { Err(Denied::Unauthenticated) } else { Ok(()) }
}

/// Whether what somebody proves itself by at the door was made after its tokens were last ended. One that does not say when it
/// was made is good if nothing was ended, or a back end has said since that it is; and where the whole app's tokens were
/// ended, if what vouches for it came later.
fn is_current(proven_at: Option<Timestamp>, facts: &Facts, user: &UserFacts) -> bool {
    match proven_at {
        Some(at) => !made_before(at, facts.app.tokens_not_before) && !made_before(at, user.tokens_not_before),
        None => {
            let since = facts.voucher.as_ref().and_then(VoucherFacts::tokens_not_before);
            facts.app.tokens_not_before.is_none_or(|bound| since > Some(bound))
                && user.tokens_not_before.is_none_or(|bound| user.proofs_allowed_at >= Some(bound))
        }
    }
}

/// Whether these facts are those of what vouches for the token, and it still does.
fn vouches(facts: &VoucherFacts, actor: &UserActor, now: Timestamp) -> bool {
    match (facts, &actor.token.voucher) {
        (VoucherFacts::ApiKey(key), Voucher::ApiKey(id)) => {
            key.id == *id
                && key.app == actor.app
                && key.scopes.has(keys::Scope::Tokens)
                && back_end::alive(key, now)
        }
        (VoucherFacts::TokenKey(key), Voucher::TokenKey(id)) => {
            key.id == *id && key.app == actor.app && key.scopes.has(keys::Scope::Tokens)
        }
        (VoucherFacts::OfSettings(settings), voucher @ (Voucher::Issuer { .. } | Voucher::Door { .. })) => {
            settings.voucher == *voucher && settings.good
        }
        _ => false,
    }
}

/// Whether the token is of that time or before. Snug's own say when they were made to the millisecond; of one that names a
/// whole second, as back ends write them, the whole second counts as before.
fn outdated(actor: &UserActor, not_before: Option<Timestamp>) -> bool {
    made_before(actor.token.issued_at, not_before)
}

fn made_before(issued: Timestamp, not_before: Option<Timestamp>) -> bool {
    not_before.is_some_and(|bound| match issued.is_whole_second() {
        true => issued.seconds() <= bound.seconds(),
        false => issued <= bound,
    })
}

fn narrowed(actor: &UserActor, permissions: PermissionSet) -> PermissionSet {
    actor.token.can.map_or(permissions, |can| permissions.intersection(can))
}

fn of_app_role(facts: &Facts) -> PermissionSet {
    let role = facts.user.as_ref().map_or(PermissionSet::EMPTY, |user| user.role);
    facts.voucher.as_ref().map_or(PermissionSet::EMPTY, |voucher| role.intersection(voucher.may_mint()))
}

/// What the client may do in the app: nothing with a token narrowed to conversations.
pub(super) fn effective_in_app(actor: &UserActor, facts: &Facts) -> PermissionSet {
    if actor.token.only.is_some() {
        return PermissionSet::EMPTY;
    }
    let of_app = of_app_role(facts).iter().filter(|permission| permission.scope() == Scope::App).collect();
    narrowed(actor, of_app)
}

/// What the client may do in the conversation of `facts`, as far as it is not muted.
pub(super) fn effective_in_conversation(actor: &UserActor, facts: &Facts) -> PermissionSet {
    let Some(member) = &facts.member else { return PermissionSet::EMPTY };
    narrowed(actor, left_by_access(member, of_app_role(facts)))
}

/// What a member of this app role may do: what role and access both allow.
fn left_by_access(member: &MemberFacts, of_app: PermissionSet) -> PermissionSet {
    let granted = member.role.union(of_app).intersection(PermissionSet::all_of_conversation());
    match member.access {
        Access::Full => granted,
        Access::Read => {
            granted.intersection([Permission::ReadMark, Permission::ConversationLeave].into_iter().collect())
        }
        Access::None => PermissionSet::EMPTY,
    }
}

/// What the client may do at `now` in the conversation of `facts`, to be shown to it.
pub(super) fn shown_in_conversation(actor: &UserActor, facts: &Facts, now: Timestamp) -> PermissionSet {
    let muted = super::muted_until(facts.member.as_ref(), facts.user.as_ref(), now).is_some();
    voiced(effective_in_conversation(actor, facts), muted)
}

/// What a member may do at `now`, whatever its token.
pub(super) fn of_member(member: &MemberFacts, user: Option<&UserFacts>, now: Timestamp) -> PermissionSet {
    let of_app = user.map_or(PermissionSet::EMPTY, |user| user.role);
    voiced(left_by_access(member, of_app), super::muted_until(Some(member), user, now).is_some())
}

/// What is left to who is muted: all but its own words.
fn voiced(permissions: PermissionSet, muted: bool) -> PermissionSet {
    const VOICE: [Permission; 6] = [
        Permission::MessageSend,
        Permission::MessageSendAttachment,
        Permission::MessageReact,
        Permission::MessageEditOwn,
        Permission::MessageEditAny,
        Permission::TypingSend,
    ];
    if muted {
        permissions.iter().filter(|permission| !VOICE.contains(permission)).collect()
    } else {
        permissions
    }
}

fn need(have: PermissionSet, permission: Permission) -> Result<(), Denied> {
    if have.has(permission) { Ok(()) } else { Err(Denied::Forbidden(permission)) }
}

/// Nobody grants what it lacks.
fn covers(have: PermissionSet, grants: PermissionSet) -> Result<(), Denied> {
    have.first_lacking(grants).map_or(Ok(()), |permission| Err(Denied::Forbidden(permission)))
}

fn in_app(
    actor: &UserActor,
    action: &Action,
    facts: &Facts,
    user: &UserFacts,
    now: Timestamp,
) -> Result<(), Denied> {
    let have = effective_in_app(actor, facts);
    match action {
        Action::Enter { proven_at } if is_current(*proven_at, facts, user) => Ok(()),
        Action::Enter { .. } => Err(Denied::Unauthenticated),
        // A token that is narrowed accepts too: it is the person who reads, and nobody gains by it.
        Action::Connect
        | Action::AcceptConsent { own: true }
        | Action::ListConsents { own: true }
        | Action::BringMessage
        | Action::ReadUser { own: true }
        | Action::ReadInbox { own: true } => Ok(()),
        // It reaches the people of every conversation: a token that names its conversations does not.
        Action::LookUpUsers => {
            if actor.token.only.is_some() {
                Err(Denied::WrongActor)
            } else {
                Ok(())
            }
        }
        // What a token leaves out of the conversations does not exist, and is not made for it.
        Action::OpenSupport if actor.token.only.is_some() => Err(Denied::NotFound),
        Action::OpenSupport => {
            need(narrowed(actor, PermissionSet::all()), asked(action))?;
            voices(action, facts, now)?;
            vouched_for(actor, action, facts, now)
        }
        // No permission names them, and they reach beyond every conversation: a token that is narrowed does not.
        Action::BlockUser { own: true } | Action::ListBlocks { own: true } => {
            let narrowed = actor.token.only.is_some() || actor.token.can.is_some();
            if narrowed { Err(Denied::WrongActor) } else { Ok(()) }
        }
        Action::EditUser { own: true } => need(have, Permission::UserEditOwn),
        Action::EditUser { own: false } => {
            need(have, Permission::UserEditAny).and_then(|()| outranks_in_app(actor, facts))
        }
        Action::EraseUser { own: true } => need(have, Permission::UserEraseOwn),
        Action::ListUsers => need(have, Permission::UserList),
        Action::BanUser => sanctions(actor, facts, user, Permission::UserBan),
        Action::MuteUser => sanctions(actor, facts, user, Permission::UserMute),
        Action::ShadowBanUser => sanctions(actor, facts, user, Permission::UserBan),
        Action::ListUserSanctions(InApp::Ban | InApp::ShadowBan) => need(have, Permission::UserBan),
        Action::ListUserSanctions(InApp::Mute) => need(have, Permission::UserMute),
        Action::CreateConversation { with_id, with_others, grants } => {
            need(have, Permission::ConversationCreate)?;
            if *with_id {
                return Err(Denied::WrongActor);
            }
            if *with_others {
                need(narrowed(actor, of_app_role(facts)), Permission::MemberAdd)?;
            }
            covers(narrowed(actor, facts.app.creator_role), *grants)
        }
        // Other people, as far as they may not be seen, do not exist.
        Action::ReadUser { own: false }
        | Action::ReadInbox { own: false }
        | Action::BlockUser { own: false }
        | Action::ListBlocks { own: false }
        | Action::AcceptConsent { own: false }
        | Action::ListConsents { own: false }
        | Action::EraseUser { own: false } => Err(Denied::NotFound),
        _ => Err(Denied::WrongActor),
    }
}

/// Whether one lays a sanction on somebody, or lifts it: on others, whom one outranks.
fn sanctions(
    actor: &UserActor,
    facts: &Facts,
    user: &UserFacts,
    permission: Permission,
) -> Result<(), Denied> {
    need(effective_in_app(actor, facts), permission)?;
    if facts.targets.iter().any(|target| target.user.is_none()) {
        return Err(Denied::NotFound);
    }
    others(facts, user.key, permission)?;
    outranks_in_app(actor, facts)
}

/// Nobody acts on somebody who has a permission that one lacks. An act on people needs to know on whom.
fn outranks(have: PermissionSet, facts: &Facts) -> Result<(), Denied> {
    if facts.targets.is_empty() {
        return Err(Denied::NotFound);
    }
    let theirs = facts.targets.iter().fold(PermissionSet::EMPTY, |all, target| all.union(target.permissions));
    covers(have, theirs)
}

/// The same by app roles, whole: they hold what counts in conversations too.
fn outranks_in_app(actor: &UserActor, facts: &Facts) -> Result<(), Denied> {
    outranks(narrowed(actor, of_app_role(facts)), facts)
}

/// What one does to others one does not do to oneself: for one's own row there are other acts.
fn others(facts: &Facts, user: UserKey, permission: Permission) -> Result<(), Denied> {
    if facts.targets.iter().any(|target| target.user == Some(user)) {
        return Err(Denied::Forbidden(permission));
    }
    Ok(())
}

fn in_conversation<'a>(
    actor: &UserActor,
    action: &Action,
    facts: &'a Facts,
    now: Timestamp,
) -> Result<(&'a ConversationFacts, View), Denied> {
    let conversation = facts.conversation.as_ref().ok_or(Denied::NotFound)?;
    if actor.token.only.as_ref().is_some_and(|only| !only.contains(&conversation.id)) {
        return Err(Denied::NotFound);
    }
    if let Some(until) =
        facts.member.as_ref().and_then(|member| member.banned_until).filter(|until| now < *until)
    {
        return Err(Denied::Banned { until, everywhere: false });
    }
    if *action == Action::Join && joins(actor, facts) {
        return Ok((conversation, View::NOTHING));
    }
    let member = facts.member.as_ref().filter(|member| !member.forgotten).ok_or(Denied::NotFound)?;
    let have = effective_in_conversation(actor, facts);
    let view = view(conversation, member, have);
    if view.until.is_some() {
        return match action {
            Action::ReadMessages | Action::ReadConversation | Action::ReadInboxItem => {
                Ok((conversation, view))
            }
            _ => Err(Denied::Forbidden(asked(action))),
        };
    }
    writable(conversation, action, have)?;
    allowed(actor, action, facts, have)?;
    voices(action, facts, now)?;
    vouched_for(actor, action, facts, now)?;
    Ok((conversation, view))
}

/// Whether the act is that of somebody from outside who may come in.
fn joins(actor: &UserActor, facts: &Facts) -> bool {
    let outside = facts.member.as_ref().is_none_or(|member| member.access == Access::None);
    outside && effective_in_app(actor, facts).has(Permission::ConversationJoin)
}

/// What a member sees: everything; from when it joined, where the conversation says so; until its removal.
fn view(conversation: &ConversationFacts, member: &MemberFacts, have: PermissionSet) -> View {
    let from_seq = match conversation.history {
        History::All => Seq(1),
        History::SinceJoined => member.joined_seq,
    };
    let until = (member.access == Access::None).then_some(member.frozen_rev.unwrap_or(Rev(0)));
    let present = until.is_none();
    View {
        from_seq,
        until,
        read_marks: present && have.has(Permission::ReadSee),
        versions: present && have.has(Permission::MessageReadVersions),
    }
}

/// Whether an act makes words of one's own, or takes them back.
pub(super) fn is_own_words(action: &Action) -> bool {
    matches!(
        action,
        Action::SendMessage { .. }
            | Action::CarryMessage
            | Action::EditMessage { .. }
            | Action::React
            | Action::Type
            | Action::DeleteMessage { own: true }
    )
}

/// Nothing is written in an archived conversation, nor in a frozen one but by who may freeze it.
fn writable(conversation: &ConversationFacts, action: &Action, have: PermissionSet) -> Result<(), Denied> {
    let own_words = is_own_words(action);
    if own_words && conversation.state == State::Archived {
        return Err(Denied::Forbidden(Permission::ConversationArchive));
    }
    if own_words && conversation.frozen {
        return need(have, Permission::ConversationFreeze);
    }
    Ok(())
}

/// Whether the act makes words of a shadow-banned person, which the others are not to read.
fn hides(action: &Action, user: &UserFacts, now: Timestamp) -> bool {
    let own_words = matches!(action, Action::SendMessage { .. } | Action::EditMessage { own: true });
    own_words && user.shadow_banned_until.is_some_and(|until| now < until)
}

/// How long the client must have waited since its last message, where the conversation is slow and it is nobody who keeps
/// order in it.
fn pace_ms(
    actor: &UserActor,
    action: &Action,
    facts: &Facts,
    conversation: &ConversationFacts,
) -> Option<i64> {
    let slow = conversation.slow_mode_s > 0 && matches!(action, Action::SendMessage { .. });
    let have = effective_in_conversation(actor, facts);
    let keeps_order = have.has(Permission::MessageDeleteAny) || have.has(Permission::ConversationFreeze);
    (slow && !keeps_order).then(|| i64::from(conversation.slow_mode_s) * 1_000)
}

/// Nothing of one's own words comes from who is muted. Taking them back is left to it.
fn voices(action: &Action, facts: &Facts, now: Timestamp) -> Result<(), Denied> {
    let own_words = matches!(
        action,
        Action::SendMessage { .. }
            | Action::OpenSupport
            | Action::CarryMessage
            | Action::EditMessage { .. }
            | Action::React
            | Action::Type
    );
    match super::muted_until(facts.member.as_ref(), facts.user.as_ref(), now) {
        Some(until) if own_words => Err(Denied::Muted { permission: asked(action), until }),
        _ => Ok(()),
    }
}

/// What a back end has a bot say is carried as long as the key that signed it may sign such, or the template is there.
fn vouched_for(actor: &UserActor, action: &Action, facts: &Facts, now: Timestamp) -> Result<(), Denied> {
    let may_sign = |app, scopes: keys::ScopeSet| app == actor.app && scopes.has(keys::Scope::BotMessages);
    let good = match (&facts.signer, facts.template) {
        _ if !matches!(action, Action::CarryMessage | Action::OpenSupport) => true,
        (None, Some(template)) if template.version == Version(0) => return Err(Denied::NotFound),
        (None, Some(_)) => true,
        (Some(VoucherFacts::ApiKey(key)), None) => may_sign(key.app, key.scopes) && back_end::alive(key, now),
        (Some(VoucherFacts::TokenKey(key)), None) => may_sign(key.app, key.scopes),
        (Some(VoucherFacts::OfSettings(_)), None) | (None, None) | (Some(_), Some(_)) => false,
    };
    if good { Ok(()) } else { Err(Denied::Forbidden(asked(action))) }
}

fn allowed(actor: &UserActor, action: &Action, facts: &Facts, have: PermissionSet) -> Result<(), Denied> {
    match action {
        Action::ReadConversation
        | Action::ReadInboxItem
        | Action::ReadMessages
        | Action::ListMembers
        | Action::EditOwnMember => Ok(()),
        // The words are a back end's: who carries them needs no permission to write, only access and a token that may.
        Action::CarryMessage => {
            let full = facts.member.as_ref().is_some_and(|member| member.access == Access::Full);
            let token = narrowed(actor, PermissionSet::all());
            need(if full { token } else { PermissionSet::EMPTY }, asked(action))
        }
        Action::EditMessage { own: true } if have.has(Permission::MessageEditAny) => Ok(()),
        Action::DeleteMessage { own: true } if have.has(Permission::MessageDeleteAny) => Ok(()),
        Action::AddMembers { grants } | Action::EditMember { grants } => {
            need(have, asked(action))?;
            others(facts, actor.user, asked(action))?;
            outranks(have, facts)?;
            covers(have, *grants)
        }
        Action::RemoveMember | Action::BanMember | Action::MuteMember => {
            need(have, asked(action))?;
            others(facts, actor.user, asked(action))?;
            outranks(have, facts)
        }
        // In one's own row nobody changes more than `notify`; in another's name only back ends act.
        Action::PromoteSelf => Err(Denied::Forbidden(Permission::MemberEdit)),
        Action::ConfigureConversation
        | Action::ExportConversation
        | Action::ReadRetention
        | Action::EditRetention
        | Action::HoldConversation
        | Action::ReadHeld
        | Action::SetReadMark
        | Action::SendMessage { as_user: true } => Err(Denied::WrongActor),
        _ => need(have, asked(action)),
    }
}

/// The permission that an act within a conversation needs, and that its refusal names.
pub(super) fn asked(action: &Action) -> Permission {
    match action {
        Action::FreezeConversation => Permission::ConversationFreeze,
        Action::ArchiveConversation => Permission::ConversationArchive,
        Action::DeleteConversation => Permission::ConversationDelete,
        Action::AddMembers { .. } => Permission::MemberAdd,
        Action::Join => Permission::ConversationJoin,
        Action::EditMember { .. } | Action::EditOwnMember | Action::PromoteSelf | Action::SetReadMark => {
            Permission::MemberEdit
        }
        Action::RemoveMember => Permission::MemberRemove,
        Action::Leave => Permission::ConversationLeave,
        Action::BanMember | Action::ListMemberSanctions(InConversation::Ban) => Permission::MemberBan,
        Action::MuteMember | Action::ListMemberSanctions(InConversation::Mute) => Permission::MemberMute,
        Action::SendMessage { .. } | Action::OpenSupport | Action::CarryMessage => Permission::MessageSend,
        Action::EditMessage { own: true } => Permission::MessageEditOwn,
        Action::EditMessage { own: false } => Permission::MessageEditAny,
        Action::DeleteMessage { own: true } => Permission::MessageDeleteOwn,
        Action::DeleteMessage { own: false } => Permission::MessageDeleteAny,
        Action::ReadVersions => Permission::MessageReadVersions,
        Action::React => Permission::MessageReact,
        Action::MarkRead => Permission::ReadMark,
        Action::Type => Permission::TypingSend,
        Action::SeePresence => Permission::PresenceSee,
        Action::ListMembers => Permission::ReadSee,
        _ => Permission::ConversationEdit,
    }
}
