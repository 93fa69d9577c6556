//! A value opens in its place, with both its secrets, unchanged, and in no other way.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use snug_core::sealing::{
    Answer, AppProfile, ConsentNote, KeyProfile, MemberProfile, MessageBody, OpenError, Place, Plain,
    SanctionNote, Sealer, SealingError, TemplateBody, TokenKeyProfile,
};
use snug_model::{
    AppKey, ConversationId, ConversationKey, KeyId, RoleKey, TemplateId, TemplateKey, Timestamp, UserId,
    UserKey,
    consents::{Acceptance, Before, Consent, ConsentName, ConsentText, Locale, Shown, TextDigest, TextUrl},
    conversations,
    erasures::ErasedMessages,
    facts::ConsentMark,
    identity::{Identity, SchemeSecret, SchemeSettings, SecretId, VendorId},
    ids::Region,
    issuers::Issuer,
    messages::Content,
    origins::PageOrigin,
    policy::By,
    rates::{OwnRates, RatePatch, RatesPatch},
    retention::{OwnRetention, Preset, RetentionPatch},
    secret::SecretText,
    signatures::Algorithm,
    templates::TemplateDraft,
    text::{Attributes, BotName, Emoji, ImageUrl, Label, Name, Reason, RoleName, Text},
    token_keys::PublicKey,
    users,
    vouchers::Scheme,
};
use snug_store::{Class, Mac, Sealed, SealedAt, SealedPlace, SecretName, SenderRow};

use super::*;

const OTHER_APP: AppKey = AppKey(2);
const BEN: UserKey = UserKey(21);
const OTHER_CONVERSATION: ConversationKey = ConversationKey(11);

/// Everything that has a secret in these tests, so that no value fails to open only because a secret is missing.
async fn world() -> (Installation, Sealer) {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    sealer.new_app(OTHER_APP).await.unwrap();
    for app in [APP, OTHER_APP] {
        for user in [ANN, BEN] {
            make_user(&sealer, app, user).await;
        }
        for conversation in [CONVERSATION, OTHER_CONVERSATION] {
            make_conversation(&sealer, app, conversation).await;
        }
        for at in [NOON, NOON.plus_ms(DAY_MS)] {
            let place = Place::message(app, CONVERSATION, message_id(0), 1, SenderRow::User(ANN), at);
            sealer.seal(&place, &says("")).await.unwrap();
        }
    }
    (installation, sealer)
}

/// Seals a value, sees that it comes back as it was, and says where it lies.
async fn lies<P: Plain + PartialEq>(
    sealer: &Sealer,
    place: Place<P>,
    app: AppKey,
    at: SealedPlace,
    value: P,
) -> SealedAt {
    let sealed = sealer.seal(&place, &value).await.unwrap();
    assert!(sealer.open_one(&place, &sealed).await.unwrap() == value, "{at:?} holds something else");
    SealedAt { app, place: at, sealed }
}

fn attributes() -> Attributes {
    Attributes::from_checked_json(r#"{"plan":"pro","n":[1,2.5,null]}"#.into())
}

/// A value in every kind of place, and in places that differ from it in one thing.
async fn everywhere(sealer: &Sealer) -> Vec<SealedAt> {
    let mut all = of_the_app(sealer).await;
    all.extend(of_people(sealer).await);
    all.extend(of_conversations(sealer).await);
    all.extend(of_messages(sealer).await);
    all
}

fn name() -> Name {
    Name::parse("Ann Ämter 👩‍🚀").unwrap()
}

fn url() -> ImageUrl {
    ImageUrl::parse("https://example.com/a.png").unwrap()
}

fn emoji() -> Emoji {
    Emoji::parse("👍").unwrap()
}

fn note(by: By) -> SanctionNote {
    SanctionNote { reason: Some(Reason::parse("spam").unwrap()), by }
}

/// Who may come in, with every setting that a scheme has.
fn identity() -> Identity {
    let secret = |id: &str, at| SchemeSecret {
        id: SecretId::parse(id).unwrap(),
        secret: SecretText::new(format!("the secret called {id}")),
        created_at: Timestamp(at),
    };
    let settings = |scheme: &Scheme| SchemeSettings {
        enabled: *scheme != Scheme::Stream,
        since: Timestamp(if *scheme == Scheme::Stream { 0 } else { 7 }),
        may_mint: Some(RoleName::parse("moderator").unwrap()),
        max_ttl_s: 60,
        secrets: vec![secret("old", 1), secret("new", 2)],
        account: Some(VendorId::parse("AC1").unwrap()),
        service: Some(VendorId::parse("IS1").unwrap()),
        ttl_without_exp_s: Some(3_600),
        origins: vec![PageOrigin::parse("https://shop.example").unwrap()],
    };
    Identity {
        required: false,
        not_required_since: Timestamp(3),
        schemes: Scheme::ALL.iter().map(|scheme| (*scheme, settings(scheme))).collect(),
        issuers: vec![
            Issuer {
                iss: "https://id.example".into(),
                jwks: "https://id.example/keys".into(),
                algorithms: Issuer::ALGORITHMS.to_vec(),
                audience: Some("https://api.example".into()),
                may_mint: Some(RoleName::parse("moderator").unwrap()),
                region: Some(Region::parse("eu").unwrap()),
                since: Timestamp(5),
            },
            Issuer {
                iss: "https://other.example".into(),
                jwks: "https://other.example/keys".into(),
                algorithms: vec![Algorithm::Es256],
                audience: None,
                may_mint: None,
                region: None,
                since: Timestamp(6),
            },
        ],
    }
}

/// A text that people have to accept, here in one language and elsewhere in another.
fn consent() -> Consent {
    let text = |locale, shown| ConsentText {
        locale: Locale::parse(locale).unwrap(),
        digest: TextDigest([7; 32]),
        shown,
    };
    Consent {
        id: ConsentName::parse("terms").unwrap(),
        version: ConsentName::parse("2026-11").unwrap(),
        before: Before::Read,
        texts: vec![
            text("en", Shown::Text(Text::parse("Be kind.").unwrap())),
            text("de", Shown::Url(TextUrl::parse("https://example.com/de").unwrap())),
        ],
    }
}

/// Days, that something stays, and nothing.
fn retention() -> OwnRetention {
    let patch =
        RetentionPatch { preset: Some(Preset::Pro), attachments: Some(None), ..RetentionPatch::default() };
    OwnRetention::default().patched(&patch, "retention").unwrap()
}

async fn of_the_app(sealer: &Sealer) -> Vec<SealedAt> {
    let mut all = Vec::new();
    for (app, version) in [(APP, 1), (APP, 2), (OTHER_APP, 1)] {
        let own = RatePatch { burst: Some(7), per_minute: Some(9) };
        let patch = RatesPatch { conversation: Some(Some(own)), ..RatesPatch::default() };
        let profile = AppProfile {
            name: name(),
            reactions: vec![emoji(), Emoji::parse("ok").unwrap()],
            rates: OwnRates::default().patched(&patch, "rates").unwrap(),
            origins: vec![PageOrigin::parse("https://example.com").unwrap()],
            identity: identity(),
            consent: Some(consent()),
            retention: retention(),
            keep_in_region: true,
            erased_messages: ErasedMessages::Deleted,
        };
        let (place, at) = (Place::app_profile(app, version), SealedPlace::App { version });
        all.push(lies(sealer, place, app, at, profile).await);
    }
    for role in [5, 6] {
        let place = Place::role_name(APP, RoleKey(role));
        let role_name = RoleName::parse("owner").unwrap();
        all.push(lies(sealer, place, APP, SealedPlace::Role(role), role_name).await);
    }
    for key in ["k1", "k2"].map(KeyId::from_random) {
        let place = Place::key_secret(APP, key.clone());
        let sealed = sealer.seal(&place, &SecretText::new("s".repeat(43))).await.unwrap();
        assert_eq!(sealer.open_one(&place, &sealed).await.unwrap().expose(), "s".repeat(43));
        all.push(SealedAt { app: APP, place: SealedPlace::KeySecret(key.clone()), sealed });
        let profile = KeyProfile { name: name(), addresses: vec!["10.0.0.0/8".into()] };
        let (place, at) = (Place::key_profile(APP, key.clone()), SealedPlace::Key(key));
        all.push(lies(sealer, place, APP, at, profile).await);
    }
    for key in ["t1", "t2"].map(KeyId::from_random) {
        let public_key = PublicKey { algorithm: Algorithm::EdDsa, der: vec![7; 44] };
        let profile = TokenKeyProfile { name: name(), public_key };
        let (place, at) = (Place::token_key(APP, key.clone()), SealedPlace::TokenKey(key));
        all.push(lies(sealer, place, APP, at, profile).await);
    }
    for (template, version) in [(1, 1), (1, 2), (2, 1)] {
        let (template, id) = (TemplateKey(template), TemplateId::parse("greeting").unwrap());
        let content = Content { text: Some(Text::parse("Hello!").unwrap()), ..Content::default() };
        let bot = BotName::parse("Helper").unwrap();
        let says = TemplateDraft { bot, content, repeat: version == 2 };
        let at = SealedPlace::Template { template, version };
        all.push(
            lies(sealer, Place::template(APP, template, version), APP, at, TemplateBody { id, says }).await,
        );
    }
    for scope in [Mac([4; 32]), Mac([5; 32])] {
        let answer = Answer { status: 201, body: br#"{"id":"c1"}"#.to_vec() };
        let (place, at) = (Place::answer(APP, scope), SealedPlace::Answer(scope));
        all.push(lies(sealer, place, APP, at, answer).await);
    }
    all
}

async fn of_people(sealer: &Sealer) -> Vec<SealedAt> {
    let mut all = Vec::new();
    for user in [ANN, BEN] {
        let (place, at) = (Place::user_id(APP, user), SealedPlace::UserId(user));
        all.push(lies(sealer, place, APP, at, UserId::parse("ann@example.com").unwrap()).await);
        let (place, at) = (Place::user_ban(APP, user), SealedPlace::UserBan(user));
        all.push(lies(sealer, place, APP, at, note(By::User(BEN))).await);
        let (place, at) = (Place::user_shadow_ban(APP, user), SealedPlace::UserShadowBan(user));
        all.push(lies(sealer, place, APP, at, note(By::System)).await);
        let (place, at) = (Place::user_mute(APP, user), SealedPlace::UserMute(user));
        all.push(lies(sealer, place, APP, at, note(By::System)).await);
        for (mark, by) in [(4, By::User(user)), (5, By::Key(KeyId::from_random("k"))), (6, By::System)] {
            let (Consent { id, version, .. }, mark) = (consent(), ConsentMark([mark; 32]));
            let (locale, digest) = (Locale::parse("en").unwrap(), TextDigest([7; 32]));
            let note = ConsentNote { accepted: Acceptance { id, version, locale, digest }, by };
            let at = SealedPlace::Consent { user, mark: Mac(mark.0) };
            all.push(lies(sealer, Place::consent(APP, user, mark), APP, at, note).await);
        }
        for version in [1, 2] {
            let full =
                users::Profile { name: Some(name()), avatar_url: Some(url()), attributes: attributes() };
            let profile = if version == 1 { full } else { users::Profile::default() };
            let (place, at) = (Place::user_profile(APP, user, version), SealedPlace::User { user, version });
            all.push(lies(sealer, place, APP, at, profile).await);
        }
    }
    all
}

async fn of_conversations(sealer: &Sealer) -> Vec<SealedAt> {
    let mut all = Vec::new();
    for conversation in [CONVERSATION, OTHER_CONVERSATION] {
        let id = || ConversationId::parse("support/1").unwrap();
        let (place, at) =
            (Place::conversation_id(APP, conversation), SealedPlace::ConversationId(conversation));
        all.push(lies(sealer, place, APP, at, id()).await);
        let gone = Place::gone_conversation_id(APP, conversation);
        all.push(lies(sealer, gone, APP, SealedPlace::GoneConversationId(conversation), id()).await);
        let (place, at) = (Place::alias(APP, conversation), SealedPlace::Alias(conversation));
        all.push(lies(sealer, place, APP, at, id()).await);
        for version in [1, 2] {
            let profile = conversations::Profile {
                name: Some(name()),
                image_url: Some(url()),
                attributes: attributes(),
            };
            let place = Place::conversation_profile(APP, conversation, version);
            let at = SealedPlace::Conversation { conversation, version };
            all.push(lies(sealer, place, APP, at, profile).await);
        }
        for user in [ANN, BEN] {
            for version in [1, 2] {
                let label = Some(Label::parse("VIP").unwrap());
                let profile = MemberProfile { label, attributes: attributes() };
                let place = Place::member_profile(APP, conversation, user, version);
                let at = SealedPlace::Member { conversation, user, version };
                all.push(lies(sealer, place, APP, at, profile).await);
            }
            let place = Place::member_ban(APP, conversation, user);
            let at = SealedPlace::MemberBan { conversation, user };
            let key = By::Key(KeyId::from_random("backend"));
            all.push(lies(sealer, place, APP, at, note(key)).await);
            let place = Place::member_mute(APP, conversation, user);
            let at = SealedPlace::MemberMute { conversation, user };
            all.push(lies(sealer, place, APP, at, SanctionNote { reason: None, by: By::System }).await);
        }
    }
    all
}

async fn of_messages(sealer: &Sealer) -> Vec<SealedAt> {
    let mut all = Vec::new();
    let facts = [
        (CONVERSATION, message_id(1), 1, NOON),
        (OTHER_CONVERSATION, message_id(1), 1, NOON),
        (CONVERSATION, message_id(2), 1, NOON),
        (CONVERSATION, message_id(1), 1, NOON.plus_ms(1)),
        (CONVERSATION, message_id(1), 1, NOON.plus_ms(DAY_MS)),
        (CONVERSATION, message_id(1), 2, NOON),
    ];
    let senders = [
        SenderRow::User(ANN),
        SenderRow::User(BEN),
        SenderRow::Bot { verified: false },
        SenderRow::Bot { verified: true },
        SenderRow::System,
    ];
    for sender in senders {
        for (conversation, id, version, created_at) in facts {
            let body = MessageBody {
                text: Some(Text::parse("héllo\0\u{202e} world").unwrap()),
                attributes: attributes(),
                mentions: vec![ANN, UserKey(i64::MAX)],
                bot: Some(BotName::parse("helper").unwrap()),
                silent: true,
            };
            let place = Place::message(APP, conversation, id, version, sender, created_at);
            let at = SealedPlace::Message { conversation, id, version, sender, created_at };
            all.push(lies(sealer, place, APP, at, body).await);
        }
    }
    for reactor in [ANN, BEN] {
        for (conversation, id, _, created_at) in facts.into_iter().filter(|(_, _, version, _)| *version == 1)
        {
            let place = Place::reaction(APP, conversation, id, created_at, reactor);
            let at = SealedPlace::Reaction { conversation, id, created_at, reactor };
            all.push(lies(sealer, place, APP, at, emoji()).await);
        }
    }
    all
}

#[tokio::test]
async fn a_value_opens_in_its_place_and_in_no_other() {
    let (_installation, sealer) = world().await;
    let all = everywhere(&sealer).await;
    let announced = all.iter().flat_map(|at| [(APP, &at.sealed), (OTHER_APP, &at.sealed)]);
    let opener = sealer.opener_across(announced).await.unwrap();
    for (i, from) in all.iter().enumerate() {
        for (j, to) in all.iter().enumerate() {
            let moved = SealedAt { sealed: from.sealed.clone(), ..to.clone() };
            let expected = if i == j { Ok(()) } else { Err(OpenError::Tampered) };
            assert_eq!(opener.check(&moved), expected, "{:?} in {:?}", from.place, to.place);
        }
    }
}

#[tokio::test]
async fn the_same_row_of_another_app_does_not_open_it() {
    let (_installation, sealer) = world().await;
    for at in everywhere(&sealer).await {
        let app = if at.app == APP { OTHER_APP } else { APP };
        let moved = SealedAt { app, ..at };
        let opener = sealer.opener(app, [&moved.sealed]).await.unwrap();
        assert_eq!(opener.check(&moved), Err(OpenError::Tampered), "{:?}", moved.place);
    }
}

#[tokio::test]
async fn every_bit_counts() {
    let (_installation, sealer) = world().await;
    for at in everywhere(&sealer).await {
        for bit in 0..at.sealed.0.len() * 8 {
            let mut changed = at.clone();
            changed.sealed.0[bit / 8] ^= 1 << (bit % 8);
            let opener = sealer.opener(at.app, [&changed.sealed]).await.unwrap();
            let expected = match bit / 8 {
                0 => OpenError::Unknown,
                // The rule: it names the secret of another bucket, and there is none.
                11..15 if at.sealed.0[1] & 0x10 != 0 => OpenError::Unreadable,
                _ => OpenError::Tampered,
            };
            assert_eq!(opener.check(&changed), Err(expected), "bit {bit} in {:?}", at.place);
        }
        for cut in [0, 1, 2, 10, 19, 43, at.sealed.0.len() - 1] {
            let changed = SealedAt { sealed: Sealed(at.sealed.0[..cut].into()), ..at.clone() };
            let opener = sealer.opener(at.app, [&changed.sealed]).await.unwrap();
            assert_eq!(opener.check(&changed), Err(OpenError::Tampered), "cut to {cut} in {:?}", at.place);
        }
    }
}

#[tokio::test]
async fn a_value_that_was_not_announced_is_no_loss_of_data() {
    let (_installation, sealer) = world().await;
    let place = message(1, ANN, NOON);
    let sealed = sealer.seal(&place, &says("hi")).await.unwrap();
    let opener = sealer.opener(APP, []).await.unwrap();
    assert_eq!(opener.open(&place, &sealed).err(), Some(OpenError::Unannounced));
}

/// The day's secret of `at`.
fn bucket(at: Timestamp) -> SecretName {
    SecretName::Bucket { app: APP, class: Class::Messages, rule: 0, day: at.day() }
}

#[tokio::test]
async fn without_either_secret_a_message_is_unreadable() {
    let locks = [
        (SenderRow::User(ANN), SecretName::User(APP, ANN)),
        (SenderRow::User(ANN), bucket(NOON)),
        (SenderRow::System, SecretName::Conversation(APP, CONVERSATION)),
        (SenderRow::Bot { verified: true }, SecretName::Conversation(APP, CONVERSATION)),
        (SenderRow::System, bucket(NOON)),
    ];
    for (sender, destroyed) in locks {
        let (installation, sealer) = world().await;
        let place = Place::message(APP, CONVERSATION, message_id(1), 1, sender, NOON);
        let sealed = sealer.seal(&place, &says("hi")).await.unwrap();
        // Another person's of the next day, in a conversation of its own: it needs none of these secrets.
        let sender = SenderRow::User(BEN);
        let spared = Place::message(APP, CONVERSATION, message_id(2), 1, sender, NOON.plus_ms(DAY_MS));
        let other = sealer.seal(&spared, &says("still here")).await.unwrap();

        installation.keys.lose(destroyed);
        let server = installation.server().await;
        let opener = server.opener(APP, [&sealed, &other]).await.unwrap();
        assert_eq!(opener.open(&place, &sealed).err(), Some(OpenError::Unreadable), "{destroyed:?}");
        assert!(opener.open(&spared, &other).unwrap() == says("still here"), "{destroyed:?}");
    }
}

#[tokio::test]
async fn what_has_one_lock_goes_with_it_and_not_with_the_day() {
    let (installation, sealer) = world().await;
    let place = Place::user_profile(APP, ANN, 1);
    let sealed = sealer.seal(&place, &users::Profile::default()).await.unwrap();
    installation.keys.lose(bucket(NOON));
    assert!(installation.server().await.open_one(&place, &sealed).await.is_ok());
    installation.keys.lose(SecretName::User(APP, ANN));
    let gone = installation.server().await.open_one(&place, &sealed).await;
    assert!(matches!(gone, Err(SealingError::Open(OpenError::Unreadable))));
}

#[tokio::test]
async fn nothing_written_later_makes_a_destroyed_secret_anew() {
    let (installation, _) = world().await;
    installation.keys.lose(bucket(NOON));
    installation.keys.lose(SecretName::User(APP, BEN));
    installation.keys.lose(SecretName::Conversation(APP, CONVERSATION));
    let left = installation.keys.names();
    let sealer = installation.server().await;

    let edit = Place::message(APP, CONVERSATION, message_id(1), 2, SenderRow::User(ANN), NOON);
    let refused = [
        sealer.seal(&edit, &says("edited")).await.err(),
        sealer.seal(&message(3, BEN, NOON.plus_ms(DAY_MS)), &says("from the grave")).await.err(),
        sealer.seal(&Place::user_profile(APP, BEN, 2), &users::Profile::default()).await.err(),
        sealer.seal(&Place::member_profile(APP, CONVERSATION, BEN, 1), &MemberProfile::default()).await.err(),
        sealer.seal(&Place::user_ban(APP, BEN), &note(By::System)).await.err(),
        sealer.seal(&Place::alias(APP, CONVERSATION), &ConversationId::parse("a").unwrap()).await.err(),
        sealer
            .seal(&Place::reaction(APP, CONVERSATION, message_id(1), NOON, ANN), &Emoji::parse("👍").unwrap())
            .await
            .err(),
        sealer.seal(&Place::role_name(AppKey(99), RoleKey(1)), &RoleName::parse("r").unwrap()).await.err(),
    ];
    for (i, error) in refused.into_iter().enumerate() {
        assert!(matches!(error, Some(SealingError::Open(OpenError::Unreadable))), "{i}: {error:?}");
    }
    assert_eq!(installation.keys.names(), left, "no secret was made");
    // What is new makes it.
    sealer.seal(&message(4, ANN, NOON), &says("new")).await.unwrap();
    assert!(installation.keys.names().contains(&bucket(NOON)));
}

#[tokio::test]
async fn the_length_says_little() {
    let (_installation, sealer) = world().await;
    let mut lengths = BTreeSet::new();
    for text in 0..=2_000 {
        let sealed = sealer.seal(&message(1, ANN, NOON), &says(&"x".repeat(text))).await.unwrap();
        lengths.insert(sealed.0.len());
    }
    let (header, nonce, tag) = (19, 24, 16);
    let padded: Vec<_> = lengths.iter().map(|length| length - header - nonce - tag).collect();
    assert_eq!(padded, [32, 64, 128, 256, 512, 1_024, 2_048]);
}

#[tokio::test]
async fn sealing_twice_gives_two_values() {
    let (_installation, sealer) = world().await;
    let (place, body) = (message(1, ANN, NOON), says("hi"));
    let sealed: BTreeSet<_> = [
        sealer.seal(&place, &body).await.unwrap().0[19..].to_vec(),
        sealer.seal(&place, &body).await.unwrap().0[19..].to_vec(),
    ]
    .into();
    assert_eq!(sealed.len(), 2);
}

fn bodies() -> impl Strategy<Value = MessageBody> {
    let text = proptest::option::of(".{0,300}".prop_map(|text| Text::parse(&text).unwrap()));
    let attributes = r#"\{"[a-z]{1,9}":"[a-z]{0,600}"\}"#.prop_map(Attributes::from_checked_json);
    let mentions = proptest::collection::vec(any::<i64>().prop_map(UserKey), 0..50);
    let bot = proptest::option::of("[^\\x00]{1,20}".prop_map(|name| BotName::parse(&name).unwrap()));
    (text, attributes, mentions, bot, any::<bool>()).prop_map(|(text, attributes, mentions, bot, silent)| {
        MessageBody { text, attributes, mentions, bot, silent }
    })
}

/// Runs a property over values of a strategy, with a sealer that remembers everything and so never waits.
async fn for_all<T: std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + Send + 'static,
    holds: impl AsyncFn(&Sealer, T) -> Result<(), TestCaseError> + Send + 'static,
) {
    let (_installation, sealer) = world().await;
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let check = |value| runtime.block_on(holds(&sealer, value));
        TestRunner::default().run(&values, check).unwrap();
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

#[tokio::test]
async fn whatever_a_message_says_comes_back() {
    for_all(bodies(), async |sealer, body| {
        let place = message(1, ANN, NOON);
        let sealed = sealer.seal(&place, &body).await.unwrap();
        prop_assert_eq!(sealer.open_one(&place, &sealed).await.unwrap(), body);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn whatever_bytes_lie_there_are_refused() {
    // Many of them with a header that can be read.
    let headers = prop_oneof![
        Just(vec![]),
        Just(vec![1, 1]),
        Just([&[1, 2][..], &ANN.0.to_be_bytes()].concat()),
        Just([&[1, 0x12][..], &ANN.0.to_be_bytes(), &[1, 0, 0, 0, 0], &NOON.day().to_be_bytes()].concat()),
    ];
    let bytes = (headers, proptest::collection::vec(any::<u8>(), 0..200));
    for_all(bytes, async |sealer, (header, rest)| {
        let sealed = Sealed([header, rest].concat().into());
        let opened = sealer.open_one(&message(1, ANN, NOON), &sealed).await;
        prop_assert!(matches!(opened, Err(SealingError::Open(OpenError::Tampered | OpenError::Unknown))));
        Ok(())
    })
    .await;
}
