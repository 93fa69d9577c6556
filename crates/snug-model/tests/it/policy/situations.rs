//! The acts, and the situations in which each is decided.

use snug_model::{
    Action, Permission, PermissionSet, TemplateKey, Timestamp, UserKey, Version,
    consents::Before,
    conversations::{History, State},
    facts::{ConsentMark, IdMac, TargetFacts, TemplateFacts, UserFacts},
    keys::{Scope, ScopeSet},
    members::Access,
    roles,
    sanctions::{InApp, InConversation},
};

use super::scene::{
    BackEnd, CONVERSATION_ID, FROZEN_REV, NOW, Scene, app_role, conversation_role, demand, door, issuer, set,
    target, visitor,
};

/// Acts of the app, each with its name in the table.
pub(super) fn of_app() -> Vec<(&'static str, Action)> {
    let create = |with_id, with_others, grants| Action::CreateConversation { with_id, with_others, grants };
    let member = conversation_role(roles::MEMBER);
    let key = |scopes, may_mint, expires_at| Action::CreateKey { scopes, may_mint, expires_at };
    vec![
        ("CreateApp", Action::CreateApp),
        ("ListApps", Action::ListApps),
        ("ReadApp", Action::ReadApp),
        ("EditApp", Action::EditApp),
        ("DeleteApp", Action::DeleteApp),
        ("Purge", Action::Purge),
        ("ListHolds", Action::ListHolds),
        ("ReadJob", Action::ReadJob),
        ("ReadEvents", Action::ReadEvents),
        ("ReadAudit", Action::ReadAudit),
        ("ListKeys", Action::ListKeys),
        ("CreateKey, without a scope", key(ScopeSet::EMPTY, PermissionSet::EMPTY, None)),
        (
            "CreateKey, to read users",
            key(ScopeSet::EMPTY.with_read(Scope::Users), PermissionSet::EMPTY, None),
        ),
        ("CreateKey, whose tokens moderate", key(ScopeSet::EMPTY, app_role(roles::MODERATOR), None)),
        ("RevokeKey", Action::RevokeKey),
        ("ListRoles", Action::ListRoles),
        ("EditRole", Action::EditRole),
        ("ExamineRoles", Action::ExamineRoles),
        ("ListTemplates", Action::ListTemplates),
        ("EditTemplate", Action::EditTemplate),
        ("MintToken, for a user", Action::MintToken { grants: app_role(roles::USER) }),
        ("MintToken, for a moderator", Action::MintToken { grants: app_role(roles::MODERATOR) }),
        ("RevokeTokens", Action::RevokeTokens),
        ("AdmitUser", Action::AdmitUser),
        ("Enter, by a proof of now", Action::Enter { proven_at: Some(NOW) }),
        ("Enter, by a proof without a date", Action::Enter { proven_at: None }),
        ("Connect", Action::Connect),
        ("AcceptConsent, for oneself", Action::AcceptConsent { own: true }),
        ("AcceptConsent, for another", Action::AcceptConsent { own: false }),
        ("ListConsents, one's own", Action::ListConsents { own: true }),
        ("ListConsents, another's", Action::ListConsents { own: false }),
        ("ListAllConsents", Action::ListAllConsents),
        ("WriteUser", Action::WriteUser),
        ("EditUser, oneself", Action::EditUser { own: true }),
        ("EditUser, another", Action::EditUser { own: false }),
        ("ReadUser, oneself", Action::ReadUser { own: true }),
        ("ReadUser, another", Action::ReadUser { own: false }),
        ("ListUsers", Action::ListUsers),
        ("LookUpUsers", Action::LookUpUsers),
        ("EraseUser, oneself", Action::EraseUser { own: true }),
        ("EraseUser, another", Action::EraseUser { own: false }),
        ("HoldUser", Action::HoldUser),
        ("BanUser", Action::BanUser),
        ("MuteUser", Action::MuteUser),
        ("ListUserSanctions, bans", Action::ListUserSanctions(InApp::Ban)),
        ("ListUserSanctions, mutes", Action::ListUserSanctions(InApp::Mute)),
        ("ShadowBanUser", Action::ShadowBanUser),
        ("ListUserSanctions, shadow bans", Action::ListUserSanctions(InApp::ShadowBan)),
        ("BlockUser, for oneself", Action::BlockUser { own: true }),
        ("BlockUser, for another", Action::BlockUser { own: false }),
        ("ListBlocks, one's own", Action::ListBlocks { own: true }),
        ("ListBlocks, another's", Action::ListBlocks { own: false }),
        ("RevokeUserTokens", Action::RevokeUserTokens),
        ("AllowProofs", Action::AllowProofs),
        ("ReadInbox, one's own", Action::ReadInbox { own: true }),
        ("ReadInbox, another's", Action::ReadInbox { own: false }),
        ("ReadPresence", Action::ReadPresence),
        ("ExportUser", Action::ExportUser),
        ("ListConversations", Action::ListConversations),
        ("BringMessage", Action::BringMessage),
        ("CreateConversation, alone", create(false, false, PermissionSet::EMPTY)),
        ("CreateConversation, with members", create(false, true, member)),
        ("CreateConversation, with an owner", create(false, true, conversation_role(roles::OWNER))),
        ("CreateConversation, with an id", create(true, false, PermissionSet::EMPTY)),
        ("OpenSupport", Action::OpenSupport),
    ]
}

/// Acts within a conversation, each with its name in the table.
pub(super) fn of_conversation() -> Vec<(&'static str, Action)> {
    let member = conversation_role(roles::MEMBER);
    let owner = conversation_role(roles::OWNER);
    vec![
        ("ReadConversation", Action::ReadConversation),
        ("ReadInboxItem", Action::ReadInboxItem),
        ("EditConversation", Action::EditConversation),
        ("ConfigureConversation", Action::ConfigureConversation),
        ("FreezeConversation", Action::FreezeConversation),
        ("ArchiveConversation", Action::ArchiveConversation),
        ("DeleteConversation", Action::DeleteConversation),
        ("ExportConversation", Action::ExportConversation),
        ("ReadRetention", Action::ReadRetention),
        ("EditRetention", Action::EditRetention),
        ("HoldConversation", Action::HoldConversation),
        ("ReadHeld", Action::ReadHeld),
        ("ListMembers", Action::ListMembers),
        ("AddMembers, as member", Action::AddMembers { grants: member }),
        ("AddMembers, as owner", Action::AddMembers { grants: owner }),
        ("Join", Action::Join),
        ("EditMember, not its role", Action::EditMember { grants: PermissionSet::EMPTY }),
        ("EditMember, to owner", Action::EditMember { grants: owner }),
        ("EditOwnMember", Action::EditOwnMember),
        ("PromoteSelf", Action::PromoteSelf),
        ("RemoveMember", Action::RemoveMember),
        ("Leave", Action::Leave),
        ("BanMember", Action::BanMember),
        ("MuteMember", Action::MuteMember),
        ("ListMemberSanctions, bans", Action::ListMemberSanctions(InConversation::Ban)),
        ("ListMemberSanctions, mutes", Action::ListMemberSanctions(InConversation::Mute)),
        ("SetReadMark", Action::SetReadMark),
        ("SendMessage", Action::SendMessage { as_user: false }),
        ("SendMessage, in another's name", Action::SendMessage { as_user: true }),
        ("CarryMessage", Action::CarryMessage),
        ("EditMessage, one's own", Action::EditMessage { own: true }),
        ("EditMessage, another's", Action::EditMessage { own: false }),
        ("DeleteMessage, one's own", Action::DeleteMessage { own: true }),
        ("DeleteMessage, another's", Action::DeleteMessage { own: false }),
        ("ReadMessages", Action::ReadMessages),
        ("ReadVersions", Action::ReadVersions),
        ("React", Action::React),
        ("MarkRead", Action::MarkRead),
        ("Type", Action::Type),
        ("SeePresence", Action::SeePresence),
        ("Publish", Action::Publish),
    ]
}

/// Does not compile once an action is added: add it here, and to one of the lists above.
pub(super) fn is_listed(action: &Action) {
    match action {
        Action::CreateApp
        | Action::ListApps
        | Action::ReadApp
        | Action::EditApp
        | Action::DeleteApp
        | Action::Purge
        | Action::ReadRetention
        | Action::EditRetention
        | Action::HoldConversation
        | Action::HoldUser
        | Action::ListHolds
        | Action::ReadHeld
        | Action::ReadJob
        | Action::ReadEvents
        | Action::ReadAudit
        | Action::ListKeys
        | Action::CreateKey { .. }
        | Action::RevokeKey
        | Action::ListRoles
        | Action::EditRole
        | Action::ExamineRoles
        | Action::MintToken { .. }
        | Action::RevokeTokens
        | Action::ListTemplates
        | Action::EditTemplate
        | Action::OpenSupport
        | Action::AdmitUser
        | Action::Enter { .. }
        | Action::Connect
        | Action::AcceptConsent { .. }
        | Action::ListConsents { .. }
        | Action::ListAllConsents
        | Action::WriteUser
        | Action::EditUser { .. }
        | Action::ReadUser { .. }
        | Action::ListUsers
        | Action::LookUpUsers
        | Action::EraseUser { .. }
        | Action::BanUser
        | Action::MuteUser
        | Action::ShadowBanUser
        | Action::BlockUser { .. }
        | Action::ListBlocks { .. }
        | Action::ListUserSanctions(_)
        | Action::RevokeUserTokens
        | Action::AllowProofs
        | Action::ReadInbox { .. }
        | Action::ReadPresence
        | Action::ExportUser
        | Action::ListConversations
        | Action::CreateConversation { .. }
        | Action::ReadConversation
        | Action::ReadInboxItem
        | Action::EditConversation
        | Action::ConfigureConversation
        | Action::FreezeConversation
        | Action::ArchiveConversation
        | Action::DeleteConversation
        | Action::ExportConversation
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
        | Action::Publish => {}
    }
}

/// A situation: what it is called, and how it differs from the ordinary one.
pub(super) type Situation<S> = (&'static str, fn(&mut S));

fn earlier(ms: i64) -> Timestamp {
    Timestamp(NOW.0 - ms)
}

fn later(ms: i64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

/// Situations in which no client's credential is good, or which do not depend on the conversation.
pub(super) const OF_CREDENTIALS: &[Situation<Scene>] = &[
    ("its token has expired", |s| s.client.token.expires_at = NOW),
    ("its token was revoked", |s| s.facts.token_revoked = true),
    ("all the app's tokens up to its own were revoked", |s| {
        s.facts.app.tokens_not_before = Some(s.client.token.issued_at);
    }),
    ("all the key's tokens up to its own were revoked", |s| {
        s.key().tokens_not_before = Some(s.client.token.issued_at);
    }),
    ("all the user's tokens up to its own were revoked", |s| {
        s.user().tokens_not_before = Some(s.client.token.issued_at);
    }),
    ("all the user's tokens were ended before its own was made", |s| {
        s.user().tokens_not_before = Some(Timestamp(s.client.token.issued_at.0 - 1_000));
    }),
    ("likewise, and proofs without a date are believed again", |s| {
        s.user().tokens_not_before = Some(Timestamp(s.client.token.issued_at.0 - 1_000));
        s.user().proofs_allowed_at = s.user().tokens_not_before;
    }),
    ("all the app's tokens were ended before its own was made", |s| {
        s.facts.app.tokens_not_before = Some(Timestamp(s.client.token.issued_at.0 - 1_000));
    }),
    ("likewise, and its secret was added after that", |s| {
        s.vouched(door(), PermissionSet::all());
        s.facts.app.tokens_not_before = Some(Timestamp(s.client.token.issued_at.0 - 2_000));
        s.settings().tokens_not_before = Some(Timestamp(s.client.token.issued_at.0 - 1_000));
    }),
    ("it is a visitor of whom nothing is stored", |s| {
        s.vouched(visitor(), PermissionSet::all());
        let role = s.user().role;
        s.facts.user = Some(UserFacts::silent(s.client.user, role));
    }),
    ("the key that signed its token has expired", |s| s.key().expires_at = Some(NOW)),
    ("the key that signed its token was revoked", |s| s.key().revoked = true),
    ("the key that signed its token is another app's", |s| s.key().app.0 += 1),
    ("the key that signed its token may not sign tokens", |s| s.key().scopes = ScopeSet::EMPTY),
    ("nobody knows the key that signed its token", |s| s.facts.voucher = None),
    ("its token is a registered key's", |s| {
        s.by_token_key(PermissionSet::all());
    }),
    ("its token is a registered key's, which may give nothing of an app role", |s| {
        s.by_token_key(PermissionSet::EMPTY);
    }),
    ("its token is a registered key's, of another app", |s| s.by_token_key(PermissionSet::all()).app.0 += 1),
    ("its token is a registered key's, which may not sign tokens", |s| {
        s.by_token_key(PermissionSet::all()).scopes = ScopeSet::EMPTY.with(Scope::BotMessages);
    }),
    ("its token is a registered key's, whose tokens so far were revoked", |s| {
        let issued = s.client.token.issued_at;
        s.by_token_key(PermissionSet::all()).tokens_not_before = Some(issued);
    }),
    ("it came by the door", |s| s.vouched(door(), PermissionSet::all())),
    ("it came by the door, with what may give nothing of an app role", |s| {
        s.vouched(door(), PermissionSet::EMPTY);
    }),
    ("it came by the door, by what is off or gone", |s| {
        s.vouched(door(), PermissionSet::all());
        s.settings().good = false;
    }),
    ("it came by the door, by what vouches for no token so far", |s| {
        s.vouched(door(), PermissionSet::all());
        s.settings().tokens_not_before = Some(s.client.token.issued_at);
    }),
    ("it came by the door, by something else than is looked at", |s| {
        s.vouched(door(), PermissionSet::all());
        s.settings().voucher = issuer();
    }),
    ("its token is an issuer's", |s| s.vouched(issuer(), PermissionSet::all())),
    ("its token is of an issuer's key that is gone", |s| {
        s.vouched(issuer(), PermissionSet::all());
        s.settings().good = false;
    }),
    ("the app is being deleted", |s| s.facts.app.deleted = true),
    ("the user was erased", |s| s.user().erased = true),
    ("nobody knows the user", |s| s.facts.user = None),
    ("nobody knows the user, and the app makes no users", |s| {
        s.facts.user = None;
        s.facts.app.auto_create_users = false;
    }),
    ("banned from the app", |s| s.user().banned_until = Some(later(1))),
    ("banned from the app for good", |s| s.user().banned_until = Some(Timestamp::NEVER)),
    ("the ban from the app is over", |s| s.user().banned_until = Some(NOW)),
    ("has blocked somebody, or was blocked", |s| s.user().blocks = true),
    ("shadow-banned", |s| s.user().shadow_banned_until = Some(Timestamp::NEVER)),
    ("muted in the app", |s| s.user().muted_until = Some(later(1))),
    ("a consent is missing that is demanded before one sends", |s| {
        s.facts.app.consent = Some(demand(Before::Send));
    }),
    ("a consent is missing that is demanded before one reads", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
    }),
    ("likewise, and it is a newcomer of whom nothing is stored", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
        newcomer(s);
    }),
    ("likewise, and the app makes no users", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
        newcomer(s);
        s.facts.app.auto_create_users = false;
    }),
    ("another text was accepted than the one that is demanded", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
        s.user().consented = Some(ConsentMark([8; 32]));
    }),
    ("the text that is demanded was accepted", |s| {
        let demand = demand(Before::Read);
        s.user().consented = Some(demand.mark);
        s.facts.app.consent = Some(demand);
    }),
    ("a consent is missing, and the user is banned from the app", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
        s.user().banned_until = Some(Timestamp::NEVER);
    }),
    ("the token carries nothing", |s| s.client.token.can = Some(PermissionSet::EMPTY)),
    ("the token's key may give nothing of an app role", |s| s.key().may_mint = PermissionSet::EMPTY),
];

/// Further situations for acts of the app.
pub(super) const OF_APP: &[Situation<Scene>] = &[
    ("the token is narrowed to conversations", |s| s.client.token.only = Some(vec![CONVERSATION_ID])),
    ("the token carries conversation.create alone", |s| {
        s.client.token.can = Some(set(&[Permission::ConversationCreate]));
    }),
    ("the target is a moderator of the app", |s| {
        s.facts.targets = vec![target(app_role(roles::MODERATOR))];
    }),
    ("the target is the client itself", |s| {
        s.facts.targets = vec![TargetFacts { user: Some(s.client.user), ..target(PermissionSet::EMPTY) }];
    }),
    ("nobody has the target's id", |s| {
        let nobody = TargetFacts { user: None, version: Version(0), permissions: PermissionSet::EMPTY };
        s.facts.targets = vec![nobody];
    }),
];

/// Further situations for acts within a conversation.
pub(super) const OF_CONVERSATION: &[Situation<Scene>] = &[
    ("what signed the message that it carries may not sign such", |s| s.signer().scopes = ScopeSet::EMPTY),
    ("what signed the message that it carries was revoked", |s| s.signer().revoked = true),
    ("what it carries is a template's", |s| templated(s, Version(108))),
    ("what it carries is a template's that is gone", |s| templated(s, Version(0))),
    ("access read", |s| s.member().access = Access::Read),
    ("removed: access none, with a view frozen at rev 7", removed),
    ("removed and forgotten", |s| {
        removed(s);
        s.member().forgotten = true;
    }),
    ("not a member", |s| s.facts.member = None),
    ("not a member, and the app role grants conversation.join", |s| {
        may_join(s);
        s.facts.member = None;
    }),
    ("removed, and the app role grants conversation.join", |s| {
        may_join(s);
        removed(s);
    }),
    ("a member, and the app role grants conversation.join", may_join),
    ("no such conversation", |s| {
        s.facts.conversation = None;
        s.facts.member = None;
    }),
    ("banned from the conversation", |s| {
        removed(s);
        s.member().banned_until = Some(later(1));
    }),
    ("the ban from the conversation is over", |s| {
        removed(s);
        s.member().banned_until = Some(earlier(1));
    }),
    ("banned from the conversation, and the app role grants conversation.join", |s| {
        may_join(s);
        removed(s);
        s.member().banned_until = Some(later(1));
    }),
    ("muted in the conversation", |s| s.member().muted_until = Some(later(1))),
    ("muted in the conversation for good", |s| s.member().muted_until = Some(Timestamp::NEVER)),
    ("the mute in the conversation is over", |s| s.member().muted_until = Some(NOW)),
    ("muted in the conversation, and removed", |s| {
        removed(s);
        s.member().muted_until = Some(later(1));
    }),
    ("the conversation is frozen", |s| s.conversation().frozen = true),
    ("the conversation is slow", |s| s.conversation().slow_mode_s = 10),
    ("the conversation is archived", |s| s.conversation().state = State::Archived),
    ("history since_joined, joined at seq 5", |s| s.conversation().history = History::SinceJoined),
    ("history since_joined, and removed", |s| {
        removed(s);
        s.conversation().history = History::SinceJoined;
    }),
    ("the token is narrowed to this conversation", |s| s.client.token.only = Some(vec![CONVERSATION_ID])),
    ("the token is narrowed to another conversation", |s| s.client.token.only = Some(vec![IdMac([9; 32])])),
    ("the token is narrowed to no conversation", |s| s.client.token.only = Some(vec![])),
    ("the token carries message.send alone", |s| {
        s.client.token.can = Some(set(&[Permission::MessageSend]));
    }),
    ("the target is a moderator of the conversation", |s| {
        s.facts.targets = vec![target(conversation_role(roles::MODERATOR))];
    }),
    ("the target is an owner", |s| s.facts.targets = vec![target(conversation_role(roles::OWNER))]),
    ("one of several targets is an owner", |s| {
        let second = TargetFacts { user: Some(UserKey(12)), ..target(conversation_role(roles::OWNER)) };
        s.facts.targets = vec![target(PermissionSet::EMPTY), second];
    }),
    ("the target is the client itself", |s| {
        s.facts.targets = vec![TargetFacts { user: Some(s.client.user), ..target(PermissionSet::EMPTY) }];
    }),
    ("nothing is known of a target", |s| s.facts.targets = vec![]),
];

/// Situations of back ends.
pub(super) const OF_KEYS: &[Situation<BackEnd>] = &[
    ("the key has expired", |s| s.key().expires_at = Some(NOW)),
    ("the key was revoked", |s| s.key().revoked = true),
    ("the key ends in a millisecond", |s| s.key().expires_at = Some(later(1))),
    ("the key's tokens can carry nothing", |s| s.key().may_mint = PermissionSet::EMPTY),
    ("the key is another app's", |s| s.key().app.0 += 1),
    ("nobody knows the key", |s| s.facts.key = None),
    ("the app is being deleted", |s| s.facts.app.deleted = true),
    ("no such conversation", |s| s.facts.conversation = None),
    ("in the name of a user who was erased", |s| {
        let mut user = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts.user;
        user.as_mut().expect("the scene has a user").erased = true;
        s.facts.user = user;
    }),
    ("a consent is demanded, and the user in whose name it acts has not given it", |s| {
        s.facts.app.consent = Some(demand(Before::Read));
        s.facts.user = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts.user;
    }),
    ("the conversation is archived and frozen", |s| {
        let conversation = s.facts.conversation.as_mut().expect("the scene has a conversation");
        (conversation.state, conversation.frozen) = (State::Archived, true);
    }),
];

fn removed(scene: &mut Scene) {
    let member = scene.member();
    (member.access, member.frozen_rev) = (Access::None, Some(FROZEN_REV));
}

fn templated(scene: &mut Scene, version: Version) {
    (scene.facts.signer, scene.facts.template) =
        (None, Some(TemplateFacts { key: TemplateKey(30), version }));
}

/// Nothing is stored of the client.
fn newcomer(scene: &mut Scene) {
    let role = scene.user().role;
    scene.facts.user = Some(UserFacts::silent(scene.client.user, role));
}

fn may_join(scene: &mut Scene) {
    let user = scene.user();
    user.role = user.role.union(set(&[Permission::ConversationJoin]));
}
