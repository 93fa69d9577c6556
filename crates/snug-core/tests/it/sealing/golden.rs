//! What version 0.1.0 wrote to disk opens for ever: `golden.txt` is never written anew. A later format gets a file of
//! its own beside it.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use snug_core::sealing::{AppProfile, TokenKind, TokenUse};
use snug_model::{
    Actor, KeyActor, KeyId, erasures::ErasedMessages, identity::Identity, messages, permissions::Scope,
    rates::OwnRates, retention::OwnRetention, text, users,
};
use snug_store::{Class, Sealed, SecretName, Wrapped};

use super::*;

/// Its lines: a name, and bytes in hexadecimal.
const GOLDEN: &str = include_str!("golden.txt");

fn secrets() -> [(&'static str, SecretName); 6] {
    [
        ("secret.installation", SecretName::App(AppKey::INSTALLATION)),
        ("secret.app", SecretName::App(APP)),
        ("secret.user", SecretName::User(APP, ANN)),
        ("secret.conversation", SecretName::Conversation(APP, CONVERSATION)),
        ("secret.day", bucket(0)),
        ("secret.day.of_rule", bucket(3)),
    ]
}

fn bucket(rule: i32) -> SecretName {
    SecretName::Bucket { app: APP, class: Class::Messages, rule, day: NOON.day() }
}

fn lines() -> BTreeMap<&'static str, Vec<u8>> {
    let line = |line: &'static str| line.split_once(' ').map(|(name, hex)| (name, hex::decode(hex).unwrap()));
    GOLDEN.lines().map(|text| line(text).unwrap()).collect()
}

/// A server over the master key and the secrets of the file.
async fn golden_server() -> (Sealer, tempfile::TempDir) {
    let lines = lines();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    std::fs::write(&path, &lines["master.key"]).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = Arc::new(MemoryKeys::default());
    for (line, name) in secrets() {
        keys.put(name, Wrapped(lines[line].clone().into()));
    }
    (started(folder.path(), &keys, CACHE_BYTES).await, folder)
}

fn name(text: &str) -> text::Name {
    text::Name::parse(text).unwrap()
}

fn app_profile() -> AppProfile {
    AppProfile {
        name: name("Bakery"),
        reactions: vec![text::Emoji::parse("🥐").unwrap()],
        rates: OwnRates::default(),
        origins: Vec::new(),
        identity: Identity::default(),
        consent: None,
        retention: OwnRetention::default(),
        keep_in_region: false,
        erased_messages: ErasedMessages::default(),
    }
}

fn user_profile() -> users::Profile {
    let attributes = text::Attributes::from_checked_json(r#"{"vip":true}"#.into());
    users::Profile { name: Some(name("Ann")), avatar_url: None, attributes }
}

fn conversation_id() -> ConversationId {
    ConversationId::parse("order/17").unwrap()
}

fn body() -> MessageBody {
    MessageBody { mentions: vec![ANN], silent: true, ..says("Two croissants, please.") }
}

fn actor() -> Actor {
    Actor::Key(KeyActor { app: APP, key: KeyId::from_random("golden"), from: None })
}

fn token_use(actor: &Actor) -> TokenUse<'_> {
    TokenUse { kind: TokenKind::Cursor, actor, query: "users" }
}

fn system_message() -> Place<MessageBody> {
    Place::message(APP, CONVERSATION, message_id(2), 1, SenderRow::System, NOON)
}

#[tokio::test]
async fn what_the_first_version_sealed_still_opens() {
    let (server, _folder) = golden_server().await;
    let lines = lines();
    let sealed = |line: &str| Sealed(lines[line].clone().into());

    let place = Place::app_profile(APP, 1);
    assert!(server.open_one(&place, &sealed("sealed.app_profile")).await.unwrap() == app_profile());
    let place = Place::user_profile(APP, ANN, 2);
    assert!(server.open_one(&place, &sealed("sealed.user_profile")).await.unwrap() == user_profile());
    let place = Place::conversation_id(APP, CONVERSATION);
    assert!(server.open_one(&place, &sealed("sealed.conversation_id")).await.unwrap() == conversation_id());
    let place = message(1, ANN, NOON);
    assert!(server.open_one(&place, &sealed("sealed.message")).await.unwrap() == body());
    let place = system_message();
    assert!(server.open_one(&place, &sealed("sealed.system_message")).await.unwrap() == body());
    // A message whose retention rule is not the app's own, as a later version will seal it.
    let place = message(3, ANN, NOON);
    assert!(server.open_one(&place, &sealed("sealed.message.of_rule")).await.unwrap() == body());
}

#[tokio::test]
async fn what_the_first_version_compared_is_still_equal() {
    let (server, _folder) = golden_server().await;
    let (lines, keyed) = (lines(), server.keyed(APP).await.unwrap());
    let macs = &keyed.macs;
    let ids = [
        ("mac.user_id", macs.user_id(&UserId::parse("ann@example.com").unwrap())),
        ("mac.conversation_id", macs.conversation_id(&conversation_id())),
        ("mac.alias", macs.alias(&conversation_id())),
    ];
    for (line, mac) in ids {
        assert_eq!(hex::encode(mac.0), hex::encode(&lines[line]), "{line}");
    }
    let draft = messages::Draft {
        id: message_id(1),
        author: messages::Author::Own,
        content: messages::Content { text: body().text, ..messages::Content::default() },
        reply_to: Some(message_id(2)),
        silent: false,
    };
    let emoji = text::Emoji::parse("🥐").unwrap();
    let scope = macs.once_scope(&actor(), "POST", "/v1/apps", "once");
    let others = [
        ("mac.role_name", macs.role_name(Scope::App, &text::RoleName::parse("user").unwrap())),
        ("mac.draft", server.draft_mac(APP, CONVERSATION, SenderRow::User(ANN), &draft).await.unwrap()),
        ("mac.emoji", server.emoji_mac(APP, CONVERSATION, message_id(1), NOON, 0, &emoji).await.unwrap()),
        ("mac.members", macs.members(&[ANN, UserKey(3)])),
        ("mac.jti", macs.jti("jti")),
        ("mac.once_scope", scope),
        ("mac.once_body", macs.once_body(scope, b"{}")),
    ];
    for (line, mac) in others {
        assert_eq!(hex::encode(mac.0), hex::encode(&lines[line]), "{line}");
    }
}

#[tokio::test]
async fn a_token_of_the_first_version_is_still_read() {
    let (server, _folder) = golden_server().await;
    let (keyed, actor) = (server.keyed(APP).await.unwrap(), actor());
    let token = String::from_utf8(lines()["token"].clone()).unwrap();
    assert_eq!(keyed.tokens.read(token_use(&actor), &token), Ok((17_i64, "next".to_owned())));
}
