//! Things of the model, one of each, that the snapshots show.

use snug_model::{
    AppId, ConversationId, Epoch, KeyId, MessageId, Permission, PermissionSet, Rev, Seq, TemplateId,
    Timestamp, UserId, apps,
    audit::{Act, Entered, Head, Outcome, ShownTarget},
    consents::{
        Acceptance, AcceptedBy, Before, Consent, ConsentName, ConsentRecord, ConsentText, Locale, Shown,
        TextDigest, TextUrl,
    },
    conversations,
    erasures::ErasedMessages,
    identity,
    ids::Region,
    issuers, keys, members, messages,
    origins::PageOrigin,
    permissions,
    rates::Rates,
    retention::Retention,
    role_tools, roles,
    sanctions::{Sanction, Sanctioned, SanctionedBy, Sanctions},
    secret::SecretText,
    signatures::Algorithm,
    templates,
    text::{self, Reason},
    users,
    vouchers::Scheme,
};
use snug_wire::{attributes::Attributes, jose::Jwk, people::People, token_keys::TokenKey};

pub(crate) const MESSAGE: &str = "01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11";
pub(crate) const QUOTED: &str = "01926c1d-0000-7000-8000-000000000001";
pub(crate) const EPOCH: Epoch = Epoch(0x5f2a_4d8b_6e11_7d3a);

/// Seconds after 2026-01-02T03:04:05.678Z.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(1_767_323_045_678).plus_s(seconds)
}

pub(crate) fn user_id(id: &str) -> UserId {
    UserId::parse(id).expect("a user's id")
}

pub(crate) fn conversation_id() -> ConversationId {
    ConversationId::parse("order-1007").expect("a conversation's id")
}

pub(crate) fn message_id(id: &str) -> MessageId {
    MessageId::parse(id).expect("a message's id")
}

pub(crate) fn key_id() -> KeyId {
    KeyId::from_random("4tZqk0bGx2")
}

/// The public key of RFC 8037, appendix A.2, registered.
pub(crate) fn token_key() -> TokenKey {
    TokenKey {
        id: key_id().into(),
        name: name("Shop's signer").into(),
        scopes: keys::ScopeSet::EMPTY.with(keys::Scope::Tokens).into(),
        may_mint: role_name("user").into(),
        jwk: Jwk {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()),
            alg: Some("EdDSA".to_owned()),
            ..Jwk::default()
        },
        created_at: at(0).into(),
    }
}

pub(crate) fn name(name: &str) -> text::Name {
    text::Name::parse(name).expect("a name")
}

pub(crate) fn role_name(name: &str) -> text::RoleName {
    text::RoleName::parse(name).expect("a role's name")
}

pub(crate) fn attributes(json: serde_json::Value) -> text::Attributes {
    let serde_json::Value::Object(object) = json else { panic!("attributes are an object") };
    Attributes::of(object).expect("within the limits").0
}

fn image(url: &str) -> text::ImageUrl {
    text::ImageUrl::parse(url).expect("an address")
}

/// Who may come in: with an identity signature, and as a visitor.
fn identity() -> identity::Identity {
    let secret = identity::SchemeSecret {
        id: identity::SecretId::parse("2026").expect("a name"),
        secret: SecretText::new("nobody sees this".to_owned()),
        created_at: at(60),
    };
    let hmac = identity::SchemeSettings {
        enabled: true,
        may_mint: Some(role_name("moderator")),
        secrets: vec![secret],
        ..identity::SchemeSettings::default()
    };
    let visitor = identity::SchemeSettings {
        enabled: true,
        origins: vec![PageOrigin::parse("https://shop.example").expect("an origin")],
        ..identity::SchemeSettings::default()
    };
    let schemes = [(Scheme::Hmac, hmac), (Scheme::Visitor, visitor)].into();
    let issuer = issuers::Issuer {
        iss: "https://id.example".into(),
        jwks: "https://id.example/keys".into(),
        algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
        audience: None,
        may_mint: Some(role_name("moderator")),
        region: Some(Region::parse("eu-1").expect("a region")),
        since: at(60),
    };
    identity::Identity { schemes, issuers: vec![issuer], ..identity::Identity::default() }
}

pub(crate) fn app() -> apps::App {
    let region = Region::parse("eu-1").expect("a region");
    apps::App {
        id: AppId::from_random(&region, "4tZqk0bGx2"),
        name: name("Shop"),
        region,
        settings: apps::Settings {
            auto_create_users: true,
            default_role: role_name("user"),
            member_role: role_name("member"),
            creator_role: role_name("owner"),
            reactions: vec![text::Emoji::parse(":parrot:").expect("a reaction")],
            rates: Rates::default(),
            origins: vec![PageOrigin::parse("https://shop.example").expect("an origin")],
            identity: identity(),
            consent: Some(consent()),
            retention: Retention::default(),
            keep_in_region: true,
            erased_messages: ErasedMessages::Left,
        },
        created_at: at(0),
    }
}

/// A text that people have to accept, here in one language and elsewhere in another.
pub(crate) fn consent() -> Consent {
    let text = |locale, shown| ConsentText {
        locale: Locale::parse(locale).expect("a locale"),
        digest: TextDigest([0x9f; 32]),
        shown,
    };
    Consent {
        id: ConsentName::parse("terms").expect("a name"),
        version: ConsentName::parse("2026-11").expect("a name"),
        before: Before::Read,
        texts: vec![
            text("en", Shown::Text(text::Text::parse("Be kind.").expect("a text"))),
            text("de", Shown::Url(TextUrl::parse("https://shop.example/de").expect("an address"))),
        ],
    }
}

/// That Ann has accepted that text.
pub(crate) fn consent_record() -> ConsentRecord {
    let Consent { id, version, .. } = consent();
    let locale = Locale::parse("en").expect("a locale");
    ConsentRecord {
        user: user_id("ann@example.com"),
        accepted: Acceptance { id, version, locale, digest: TextDigest([0x9f; 32]) },
        at: at(60),
        by: AcceptedBy::User(user_id("ann@example.com")),
    }
}

pub(crate) fn entered() -> Entered {
    Entered {
        n: 7,
        at: at(60),
        by: SanctionedBy::Key(key_id()),
        address: Some("192.0.2.7".to_owned()),
        act: Act::BanMember,
        target: ShownTarget {
            kind: "member",
            id: None,
            user: Some("ann@example.com".to_owned()),
            conversation: Some("order-1007".to_owned()),
            name: None,
        },
        outcome: Outcome::Done,
        count: 1,
        details: Some(vec![("reason".to_owned(), "spam".to_owned())]),
        hidden: [0x5f; 32],
        hash: [0x9c; 32],
    }
}

pub(crate) fn audit_head() -> Head {
    let app = Some(app().id);
    Head { app, n: 7, hash: [0x9c; 32], at: at(120), key: [0x1d; 32], signature: [0x2e; 64] }
}

pub(crate) fn key() -> keys::ApiKey {
    keys::ApiKey {
        id: key_id(),
        name: name("shop back end"),
        scopes: keys::ScopeSet::EMPTY.with(keys::Scope::Tokens).with_read(keys::Scope::Users),
        may_mint: Some(role_name("user")),
        allowed_addresses: vec!["192.0.2.0/24".to_owned(), "2001:db8::1".to_owned()],
        expires_at: Some(at(86_400)),
        last_used_at: None,
        created_at: at(0),
    }
}

pub(crate) fn role() -> roles::Role {
    let permissions = [Permission::MessageSend, Permission::ReadMark].into_iter().collect();
    roles::Role { scope: permissions::Scope::Conversation, name: role_name("guest"), permissions }
}

pub(crate) fn user() -> users::User {
    users::User {
        id: user_id("ann@example.com"),
        profile: users::Profile {
            name: Some(name("Ann")),
            avatar_url: Some(image("https://example.com/ann.png")),
            attributes: attributes(serde_json::json!({ "tier": "gold" })),
        },
        role: role_name("user"),
        created_at: at(0),
        updated_at: at(60),
        sanctions: sanctions(),
    }
}

fn sanctions() -> Sanctions {
    let by_key = SanctionedBy::Key(KeyId::parse("key_back").expect("it is one"));
    let mute = Sanction { reason: None, until: Timestamp::NEVER, since: at(30), by: by_key };
    Sanctions { ban: None, mute: Some(mute), shadow_ban: None }
}

pub(crate) fn sanctioned() -> Sanctioned {
    let by = SanctionedBy::User(Some(user_id("bob")));
    let reason = Some(Reason::parse("spam").expect("it is one"));
    Sanctioned { user: user_id("ann"), sanction: Sanction { reason, until: at(90), since: at(30), by } }
}

pub(crate) fn people() -> People {
    let ann =
        users::Person { name: Some(name("Ann")), avatar_url: Some(image("https://example.com/ann.png")) };
    People::from_iter([(user_id("ann@example.com"), ann), (user_id("bob"), users::Person::default())])
}

pub(crate) fn conversation() -> conversations::Conversation {
    conversations::Conversation {
        id: conversation_id(),
        alias: Some(ConversationId::parse("latest").expect("an alias")),
        profile: conversations::Profile {
            name: Some(name("Order 1007")),
            image_url: None,
            attributes: attributes(serde_json::json!({ "order": 1007 })),
        },
        state: conversations::State::Open,
        frozen: false,
        slow_mode_s: 0,
        history: conversations::History::SinceJoined,
        epoch: EPOCH,
        rev: Rev(132),
        head_seq: Seq(91),
        member_count: 2,
        created_at: at(0),
        created_by: Some(user_id("ann@example.com")),
        updated_at: at(120),
    }
}

pub(crate) fn member() -> members::Member {
    members::Member {
        conversation: conversation_id(),
        user: Some(user_id("ann@example.com")),
        role: role_name("member"),
        access: members::Access::Full,
        label: Some(text::Label::parse("buyer").expect("a label")),
        attributes: text::Attributes::default(),
        notify: members::Notify::Mentions,
        read_seq: Some(Seq(85)),
        read_at: Some(at(90)),
        joined_at: at(0),
    }
}

pub(crate) fn message() -> messages::Message {
    let reaction = |emoji: &str, count, mine| messages::Reaction {
        emoji: text::Emoji::parse(emoji).expect("an emoji"),
        count,
        mine,
    };
    messages::Message {
        id: message_id(MESSAGE),
        conversation: conversation_id(),
        seq: Seq(91),
        rev: Rev(132),
        sender: messages::Sender::User(Some(user_id("ann@example.com"))),
        via: None,
        content: Some(messages::Content {
            text: Some(text::Text::parse("hi @bob").expect("a text")),
            attributes: attributes(serde_json::json!({ "kind": "greeting" })),
            mentions: vec![user_id("bob")],
        }),
        reply_to: Some(message_id(QUOTED)),
        // Not in the order of code points: the order is that of the model.
        reactions: vec![reaction("👍", 2, Some(true)), reaction("❤️", 1, Some(false))],
        created_at: at(120),
        edited_at: None,
        deleted_at: None,
        hidden: false,
    }
}

pub(crate) fn tombstone() -> messages::Message {
    messages::Message { content: None, reactions: Vec::new(), deleted_at: Some(at(180)), ..message() }
}

pub(crate) fn inbox_item() -> conversations::InboxItem {
    conversations::InboxItem {
        conversation: conversation(),
        member: member(),
        unread: 6,
        last_message: Some(message()),
        permissions: PermissionSet::from_iter([Permission::ReadMark, Permission::ConversationLeave]),
        muted_until: None,
    }
}

pub(crate) fn template() -> templates::Template {
    let content = messages::Content {
        text: text::Text::parse("Hello!").ok(),
        attributes: attributes(serde_json::json!({ "button": "ok" })),
        mentions: Vec::new(),
    };
    let bot = text::BotName::parse("Helper").expect("a bot's name");
    templates::Template {
        id: TemplateId::parse("greeting").expect("a template's id"),
        says: templates::TemplateDraft { bot, content, repeat: false },
        created_at: at(0),
        updated_at: at(1),
    }
}

fn role_id(scope: permissions::Scope, name: &str) -> role_tools::RoleId {
    role_tools::RoleId { scope, name: role_name(name) }
}

fn set(permissions: &[Permission]) -> PermissionSet {
    permissions.iter().copied().collect()
}

pub(crate) fn holders() -> Vec<role_tools::Holder> {
    let roles = vec![role_id(permissions::Scope::App, "moderator")];
    let scopes = keys::ScopeSet::EMPTY.with(keys::Scope::Users);
    vec![
        role_tools::Holder::User { user: user_id("ann@example.com"), roles },
        role_tools::Holder::Key { key: key_id(), name: name("Shop"), scopes },
    ]
}

pub(crate) fn simulated() -> role_tools::Simulated {
    let (gained, lost) = (set(&[Permission::MessagePin]), set(&[Permission::ReadSee]));
    let conversation = Some(conversation_id());
    role_tools::Simulated {
        role: role_id(permissions::Scope::Conversation, "member"),
        gained,
        lost,
        in_use_by: vec![role_tools::InUseBy::Settings, role_tools::InUseBy::Members],
        bearers: role_tools::Counted { count: 10_000, capped: true },
        affected: vec![
            role_tools::Affected { user: user_id("ann@example.com"), conversation, gained, lost },
            role_tools::Affected { user: user_id("bob"), conversation: None, gained, lost },
        ],
        next: Some("c_9Qe4".to_owned()),
    }
}

pub(crate) fn lint() -> role_tools::Lint {
    let finding = |reason, user| role_tools::Finding {
        role: role_id(permissions::Scope::Conversation, "moderator"),
        reason,
        unused: set(&[Permission::MemberBan]),
        smaller: set(&[Permission::MessageSend]),
        user,
    };
    role_tools::Lint {
        counted_since: 22_094,
        findings: vec![
            finding(role_tools::Reason::Unused, None),
            finding(role_tools::Reason::DefaultModerates, None),
            finding(role_tools::Reason::OnePerson, Some(user_id("bob"))),
            finding(role_tools::Reason::NobodyBears, None),
        ],
    }
}
