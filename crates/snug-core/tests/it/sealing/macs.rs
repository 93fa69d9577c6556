//! MACs are equal for equal things of one app and one use, and for nothing else.

use std::collections::BTreeSet;

use snug_core::sealing::{Macs, OpenError, SealingError};
use snug_model::{
    Actor, KeyActor, KeyId,
    consents::{Before, Consent, ConsentName, ConsentText, Locale, Shown, TextDigest, TextUrl},
    facts::IdMac,
    messages::{Author, Content, Draft},
    permissions::Scope,
    text::{Attributes, BotName, Emoji, RoleName},
};
use snug_store::{Class, SecretName};

use super::*;

/// Checks that all are different.
fn all_differ(macs: impl IntoIterator<Item = [u8; 32]>) {
    let macs: Vec<_> = macs.into_iter().collect();
    let different: BTreeSet<_> = macs.iter().collect();
    assert_eq!(different.len(), macs.len());
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn draft() -> Draft {
    Draft {
        id: message_id(1),
        author: Author::Own,
        content: Content { text: Some(Text::parse("hi").unwrap()), ..Content::default() },
        reply_to: None,
        silent: false,
    }
}

#[tokio::test]
async fn servers_agree_and_apps_do_not() {
    let installation = Installation::new().await;
    let (one, other) = (installation.server().await, installation.server().await);
    let second = one.new_app(AppKey(2)).await.unwrap();
    let (ours, theirs) = (one.keyed(APP).await.unwrap(), other.keyed(APP).await.unwrap());
    assert_eq!(ours.macs.user_id(&user("ann")), theirs.macs.user_id(&user("ann")));
    assert_ne!(ours.macs.user_id(&user("ann")), second.macs.user_id(&user("ann")));
    assert_ne!(ours.macs.jti("1"), second.macs.jti("1"));
    // The installation has MACs too, for what is asked of it before there is an app.
    let installations = one.keyed(AppKey::INSTALLATION).await.unwrap();
    assert_ne!(installations.macs.jti("1"), ours.macs.jti("1"));
}

#[tokio::test]
async fn one_text_has_another_mac_for_each_use() {
    let keyed = Installation::new().await.server().await.keyed(APP).await.unwrap();
    let macs: &Macs = &keyed.macs;
    let (id, role) = (ConversationId::parse("x").unwrap(), RoleName::parse("x").unwrap());
    let ids = [macs.user_id(&user("x")), macs.conversation_id(&id), macs.alias(&id)];
    let scope = macs.once_scope(&Actor::System(APP), "x", "x", "x");
    let others = [
        macs.role_name(Scope::App, &role),
        macs.role_name(Scope::Conversation, &role),
        macs.jti("x"),
        scope,
        macs.once_body(scope, b"x"),
        macs.members(&[]),
    ];
    all_differ(ids.map(|IdMac(mac)| mac).into_iter().chain(others.map(|mac| mac.0)));
}

#[tokio::test]
async fn all_that_is_shown_is_in_the_mark_of_a_consent() {
    let installation = Installation::new().await;
    let keyed = installation.server().await.keyed(APP).await.unwrap();
    let name = |text| ConsentName::parse(text).unwrap();
    let text = |locale, digest| ConsentText {
        locale: Locale::parse(locale).unwrap(),
        digest: TextDigest([digest; 32]),
        shown: Shown::Url(TextUrl::parse("https://example.com").unwrap()),
    };
    let consent = Consent {
        id: name("terms"),
        version: name("1"),
        before: Before::Send,
        texts: vec![text("en", 1), text("de", 2)],
    };
    let mark = |consent: &Consent| keyed.macs.consent(consent).0;
    all_differ([
        mark(&consent),
        mark(&Consent { id: name("other"), ..consent.clone() }),
        mark(&Consent { version: name("2"), ..consent.clone() }),
        mark(&Consent { texts: vec![text("en", 1)], ..consent.clone() }),
        mark(&Consent { texts: vec![text("en", 1), text("de", 3)], ..consent.clone() }),
        mark(&Consent { texts: vec![text("en", 1), text("fr", 2)], ..consent.clone() }),
        mark(&Consent { texts: vec![text("en", 2), text("de", 1)], ..consent.clone() }),
    ]);
    // Not in which order, nor before what.
    let same = Consent { before: Before::Read, texts: vec![text("de", 2), text("en", 1)], ..consent.clone() };
    assert_eq!(mark(&consent), mark(&same));
}

#[tokio::test]
async fn all_that_a_sender_said_is_in_the_mac_of_a_draft() {
    let sealer = Installation::new().await.server().await;
    make_conversation(&sealer, APP, ConversationKey(11)).await;
    make_user(&sealer, APP, UserKey(21)).await;
    let mention = |ids: &[&str]| ids.iter().map(|id| user(id)).collect::<Vec<_>>();
    let changes: [&dyn Fn(&mut Draft); 13] = [
        &|draft| draft.id = message_id(2),
        &|draft| draft.author = Author::User(user("hi")),
        &|draft| draft.author = Author::User(user("ho")),
        &|draft| draft.author = Author::Bot(BotName::parse("hi").unwrap()),
        &|draft| draft.content.text = None,
        &|draft| draft.content.text = Some(Text::parse("").unwrap()),
        &|draft| draft.content.text = Some(Text::parse("hi ").unwrap()),
        &|draft| draft.content.attributes = Attributes::from_checked_json("{\"a\":1}".into()),
        &|draft| draft.content.mentions = mention(&["ab", "c"]),
        &|draft| draft.content.mentions = mention(&["a", "bc"]),
        &|draft| draft.content.mentions = mention(&["abc"]),
        &|draft| draft.reply_to = Some(message_id(1)),
        &|draft| draft.silent = true,
    ];
    let ann = SenderRow::User(ANN);
    let first = sealer.draft_mac(APP, CONVERSATION, ann, &draft()).await.unwrap();
    assert_eq!(first, sealer.draft_mac(APP, CONVERSATION, ann, &draft()).await.unwrap());
    let mut macs = vec![first.0];
    for (conversation, sender) in [
        (ConversationKey(11), ann),
        (CONVERSATION, SenderRow::User(UserKey(21))),
        (CONVERSATION, SenderRow::System),
        (ConversationKey(11), SenderRow::System),
    ] {
        macs.push(sealer.draft_mac(APP, conversation, sender, &draft()).await.unwrap().0);
    }
    for change in changes {
        let mut draft = draft();
        change(&mut draft);
        macs.push(sealer.draft_mac(APP, CONVERSATION, ann, &draft).await.unwrap().0);
    }
    all_differ(macs);
}

#[tokio::test]
async fn an_emoji_is_another_one_on_another_message_and_the_same_for_everybody() {
    let sealer = Installation::new().await.server().await;
    let next_day = NOON.plus_ms(DAY_MS);
    for at in [NOON, next_day] {
        sealer.seal(&message(1, ANN, at), &says("hi")).await.unwrap();
    }
    let (thumb, down) = (Emoji::parse("👍").unwrap(), Emoji::parse("👎").unwrap());
    let mut macs = Vec::new();
    for (conversation, id, at, emoji) in [
        (CONVERSATION, message_id(1), NOON, &thumb),
        (CONVERSATION, message_id(2), NOON, &thumb),
        (ConversationKey(11), message_id(1), NOON, &thumb),
        (CONVERSATION, message_id(1), next_day, &thumb),
        (CONVERSATION, message_id(1), NOON, &down),
    ] {
        let mac = sealer.emoji_mac(APP, conversation, id, at, 0, emoji).await.unwrap();
        assert_eq!(mac, sealer.emoji_mac(APP, conversation, id, at, 0, emoji).await.unwrap());
        macs.push(mac.0);
    }
    all_differ(macs);
}

#[tokio::test]
async fn what_tells_of_a_message_goes_with_its_secrets() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    sealer.seal(&message(1, ANN, NOON), &says("hi")).await.unwrap();
    let day = SecretName::Bucket { app: APP, class: Class::Messages, rule: 0, day: NOON.day() };
    for destroyed in [SecretName::User(APP, ANN), SecretName::Conversation(APP, CONVERSATION), day] {
        installation.keys.lose(destroyed);
    }
    let server = installation.server().await;
    let thumb = Emoji::parse("👍").unwrap();
    for gone in [
        server.draft_mac(APP, CONVERSATION, SenderRow::User(ANN), &draft()).await,
        server.draft_mac(APP, CONVERSATION, SenderRow::System, &draft()).await,
        server.emoji_mac(APP, CONVERSATION, message_id(1), NOON, 0, &thumb).await,
    ] {
        assert!(matches!(gone, Err(SealingError::Open(OpenError::Unreadable))), "{gone:?}");
    }
}

#[tokio::test]
async fn members_are_a_set() {
    let keyed = Installation::new().await.server().await.keyed(APP).await.unwrap();
    let of = |users: &[i64]| keyed.macs.members(&users.iter().copied().map(UserKey).collect::<Vec<_>>());
    assert_eq!(of(&[3, 1, 2, 1]), of(&[1, 2, 3]));
    all_differ([of(&[]).0, of(&[1]).0, of(&[1, 2]).0, of(&[1, 2, 3]).0, of(&[2, 3]).0]);
}

#[tokio::test]
async fn an_idempotency_key_is_one_credentials_on_one_path() {
    let keyed = Installation::new().await.server().await.keyed(APP).await.unwrap();
    let key = |id: &str| Actor::Key(KeyActor { app: APP, key: KeyId::from_random(id), from: None });
    let of =
        |actor: &Actor, method: &str, path: &str, key: &str| keyed.macs.once_scope(actor, method, path, key);
    let scope = of(&key("a"), "POST", "/v1/x", "k");
    assert_eq!(scope, of(&key("a"), "POST", "/v1/x", "k"));
    let other = of(&key("b"), "POST", "/v1/x", "k");
    all_differ([
        scope.0,
        other.0,
        of(&Actor::System(APP), "POST", "/v1/x", "k").0,
        of(&key("a"), "PUT", "/v1/x", "k").0,
        of(&key("a"), "POST", "/v1/xk", "").0,
        of(&key("a"), "POST", "/v1/x", "l").0,
        keyed.macs.once_body(scope, b"{}").0,
        keyed.macs.once_body(scope, b"").0,
        keyed.macs.once_body(other, b"{}").0,
    ]);
}
