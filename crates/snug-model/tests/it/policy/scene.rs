//! A client, a back end, and the facts around them, to be changed into the situation that a test is about.

use std::sync::Arc;

use snug_model::{
    Action, Actor, AppKey, ConversationKey, Denied, Facts, KeyActor, KeyId, Permission, PermissionSet,
    Permit, Rev, Seq, Timestamp, UserActor, UserKey, Version, Voucher,
    actor::Grant,
    consents::{Before, Consent, ConsentName, ConsentText, Locale, Shown, TextDigest, TextUrl},
    conversations::{History, State},
    facts::{
        AppFacts, ConsentMark, ConversationFacts, Demand, IdMac, KeyFacts, MemberFacts, SettingsVoucher,
        TargetFacts, TokenKeyFacts, UserFacts, VoucherFacts,
    },
    keys::{Scope, ScopeSet},
    members::Access,
    permissions, policy, roles,
    vouchers::Scheme,
};

pub(super) const APP: AppKey = AppKey(3);
pub(super) const USER: UserKey = UserKey(10);
pub(super) const TARGET: UserKey = UserKey(11);
pub(super) const CONVERSATION: ConversationKey = ConversationKey(20);
pub(super) const CONVERSATION_ID: IdMac = IdMac([20; 32]);
/// In the middle of a second, so that whole seconds show.
pub(super) const NOW: Timestamp = Timestamp(1_000_000_500);

/// What the default role of that scope and name grants.
pub(super) fn role(scope: permissions::Scope, name: &str) -> PermissionSet {
    let find = |(of, called, granted)| (of == scope && called == name).then_some(granted);
    roles::defaults().into_iter().find_map(find).unwrap_or_else(|| panic!("no role {name}"))
}

pub(super) fn app_role(name: &str) -> PermissionSet {
    role(permissions::Scope::App, name)
}

pub(super) fn conversation_role(name: &str) -> PermissionSet {
    role(permissions::Scope::Conversation, name)
}

pub(super) fn set(permissions: &[Permission]) -> PermissionSet {
    permissions.iter().copied().collect()
}

/// A client and all that is known when it acts: an ordinary member, who acts on an ordinary member.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) client: UserActor,
    pub(super) facts: Facts,
}

impl Scene {
    /// A user with this app role, a member with that conversation role, and a token that narrows nothing.
    pub(super) fn new(app_role: PermissionSet, conversation_role: PermissionSet) -> Self {
        let key = KeyId::from_random("signer");
        let token = Grant {
            voucher: Voucher::ApiKey(key.clone()),
            jti: None,
            issued_at: Timestamp(NOW.0 - 60_000),
            expires_at: Timestamp(NOW.0 + 60_000),
            only: None,
            can: None,
            newcomer: None,
        };
        let facts = Facts {
            app: app_facts(),
            key: None,
            voucher: Some(VoucherFacts::ApiKey(key_facts(key, ScopeSet::EMPTY.with(Scope::Tokens)))),
            signer: Some(VoucherFacts::ApiKey(key_facts(
                KeyId::from_random("bot"),
                ScopeSet::EMPTY.with(Scope::BotMessages),
            ))),
            template: None,
            user: Some(UserFacts {
                key: USER,
                version: Version(103),
                role: app_role,
                banned_until: None,
                muted_until: None,
                shadow_banned_until: None,
                blocks: false,
                tokens_not_before: None,
                proofs_allowed_at: None,
                consented: None,
                erased: false,
            }),
            token_revoked: false,
            conversation: Some(ConversationFacts {
                key: CONVERSATION,
                id: CONVERSATION_ID,
                version: Version(104),
                state: State::Open,
                frozen: false,
                slow_mode_s: 0,
                history: History::All,
            }),
            member: Some(MemberFacts {
                version: Version(105),
                role: conversation_role,
                access: Access::Full,
                banned_until: None,
                muted_until: None,
                frozen_rev: None,
                joined_seq: Seq(5),
                forgotten: false,
            }),
            targets: vec![target(PermissionSet::EMPTY)],
        };
        let client = UserActor { app: APP, user: USER, token, session: None, from: None };
        Self { client, facts }
    }

    pub(super) fn member(&mut self) -> &mut MemberFacts {
        self.facts.member.as_mut().expect("the scene has a member")
    }

    pub(super) fn conversation(&mut self) -> &mut ConversationFacts {
        self.facts.conversation.as_mut().expect("the scene has a conversation")
    }

    pub(super) fn user(&mut self) -> &mut UserFacts {
        self.facts.user.as_mut().expect("the scene has a user")
    }

    /// The key that signed the client's token.
    pub(super) fn key(&mut self) -> &mut KeyFacts {
        match &mut self.facts.voucher {
            Some(VoucherFacts::ApiKey(key)) => key,
            other => panic!("the scene has a key, and not {other:?}"),
        }
    }

    /// The key that signed the message which the client carries.
    pub(super) fn signer(&mut self) -> &mut KeyFacts {
        match &mut self.facts.signer {
            Some(VoucherFacts::ApiKey(key)) => key,
            other => panic!("the scene has a signer, and not {other:?}"),
        }
    }

    /// The token is one for which something of the app's settings vouches, and may give as much as this.
    pub(super) fn vouched(&mut self, voucher: Voucher, may_mint: PermissionSet) {
        self.client.token.voucher = voucher.clone();
        let facts = SettingsVoucher { voucher, good: true, may_mint, tokens_not_before: None };
        self.facts.voucher = Some(VoucherFacts::OfSettings(facts));
    }

    /// The token is one that was signed with the private half of a registered key, which may give as much as this.
    pub(super) fn by_token_key(&mut self, may_mint: PermissionSet) -> &mut TokenKeyFacts {
        let id = KeyId::from_random("public");
        self.client.token.voucher = Voucher::TokenKey(id.clone());
        let scopes = ScopeSet::EMPTY.with(Scope::Tokens);
        let (app, version) = (APP, Version(107));
        let facts = TokenKeyFacts { id, app, version, scopes, may_mint, tokens_not_before: None };
        match self.facts.voucher.insert(VoucherFacts::TokenKey(facts)) {
            VoucherFacts::TokenKey(key) => key,
            other => panic!("a registered key was put there, and not {other:?}"),
        }
    }

    /// What of the settings vouches for the token, after [`Self::vouched`].
    pub(super) fn settings(&mut self) -> &mut SettingsVoucher {
        match &mut self.facts.voucher {
            Some(VoucherFacts::OfSettings(voucher)) => voucher,
            other => panic!("something of the settings vouches, and not {other:?}"),
        }
    }

    pub(super) fn decide(&self, action: &Action) -> Result<Permit, Denied> {
        policy::decide(&Actor::User(self.client.clone()), action, &self.facts, NOW)
    }

    pub(super) fn effective(&self) -> PermissionSet {
        let actor = Actor::User(self.client.clone());
        policy::permissions_in_conversation(&actor, &self.facts, NOW)
            .union(policy::permissions_in_app(&actor, &self.facts))
    }
}

/// What vouched for who came by the door with an identity signature.
pub(super) fn door() -> Voucher {
    Voucher::Door { scheme: Scheme::Hmac, by: "secret-1".into() }
}

/// What vouches for a visitor.
pub(super) fn visitor() -> Voucher {
    Voucher::Door { scheme: Scheme::Visitor, by: "vis_1.0".into() }
}

/// A key of an issuer.
pub(super) fn issuer() -> Voucher {
    Voucher::Issuer { iss: "https://id.example".into(), kid: "1".into() }
}

/// Somebody on whom the client acts, who may do this.
pub(super) fn target(permissions: PermissionSet) -> TargetFacts {
    TargetFacts { user: Some(TARGET), version: Version(106), permissions }
}

pub(super) fn app_facts() -> AppFacts {
    AppFacts {
        key: APP,
        version: Version(101),
        deleted: false,
        auto_create_users: true,
        tokens_not_before: None,
        creator_role: conversation_role(roles::OWNER),
        member_role: conversation_role(roles::MEMBER),
        consent: None,
    }
}

/// A text that the app demands to be accepted.
pub(super) fn demand(before: Before) -> Demand {
    let name = |text| ConsentName::parse(text).expect("a name");
    let text = ConsentText {
        locale: Locale::parse("en").expect("a locale"),
        digest: TextDigest([7; 32]),
        shown: Shown::Url(TextUrl::parse("https://example.com/terms").expect("an address")),
    };
    let consent = Consent { id: name("terms"), version: name("1"), before, texts: vec![text] };
    Demand { consent: Arc::new(consent), mark: ConsentMark([7; 32]) }
}

/// A key of the app with these scopes, whose tokens can carry everything.
pub(super) fn key_facts(id: KeyId, scopes: ScopeSet) -> KeyFacts {
    KeyFacts {
        id,
        app: APP,
        version: Version(102),
        scopes,
        may_mint: PermissionSet::all(),
        expires_at: None,
        revoked: false,
        tokens_not_before: None,
    }
}

/// A back end and all that is known when it acts.
#[derive(Debug, Clone)]
pub(super) struct BackEnd {
    pub(super) actor: KeyActor,
    pub(super) facts: Facts,
}

impl BackEnd {
    pub(super) fn new(scopes: ScopeSet) -> Self {
        let key = KeyId::from_random("backend");
        let client = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts;
        let facts = Facts {
            app: app_facts(),
            key: Some(key_facts(key.clone(), scopes)),
            conversation: client.conversation,
            ..Facts::default()
        };
        Self { actor: KeyActor { app: APP, key, from: None }, facts }
    }

    pub(super) fn key(&mut self) -> &mut KeyFacts {
        self.facts.key.as_mut().expect("the scene has a key")
    }

    pub(super) fn decide(&self, action: &Action) -> Result<Permit, Denied> {
        policy::decide(&Actor::Key(self.actor.clone()), action, &self.facts, NOW)
    }
}

/// Where a removed member's view ends, in the situations that have one.
pub(super) const FROZEN_REV: Rev = Rev(7);
