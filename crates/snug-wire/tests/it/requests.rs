//! Bodies of requests: what is read, what is refused, and with which field.

use insta::assert_snapshot;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use snug_model::{self as model, Invalid, limits, messages::Author};
use snug_wire::{
    apps::{AppDraft, AppPatch},
    conversations::{ConversationDraft, ConversationPatch, ConversationReplacement},
    json::{parse, parse_or_empty},
    keys::KeyDraft,
    members::{MemberAddition, MemberDraft, MemberPatch, MemberReplacement},
    messages::{MessageDraft, MessagePatch, ReadRequest, Typing},
    paging::Nothing,
    roles::{RoleDraft, RoleScope},
    sanctions::{BanDraft, MemberBan, MemberMute, MemberUnban, MemberUnmute, MuteDraft},
    sessions::SessionDraft,
    tokens::{Revocation, TokenDraft},
    users::{UserDraft, UserPatch},
};

use crate::samples;

fn read<T: DeserializeOwned>(json: &Value) -> Result<T, Invalid> {
    parse(json.to_string().as_bytes())
}

/// The field and the reason with which a request is refused.
fn refusal<T: DeserializeOwned>(json: &str) -> String {
    match parse::<T>(json.as_bytes()) {
        Err(invalid) => invalid.to_string(),
        Ok(_) => panic!("it is not refused: {json}"),
    }
}

/// Reads a request with every field that it can have, and refuses it with one more.
fn whole<T: Serialize + DeserializeOwned>(json: &Value) {
    let request: T = read(json).unwrap_or_else(|invalid| panic!("{json}: {invalid}"));
    assert_eq!(serde_json::to_value(&request).expect("JSON"), *json);
    let mut more = json.clone();
    more["frog"] = json!(1);
    assert_eq!(read::<T>(&more).err(), Some(Invalid::new("frog", "is unknown")));
}

#[test]
fn every_request_is_read_with_all_its_fields() {
    whole::<AppDraft>(&json!({ "name": "Shop", "region": "eu-1" }));
    whole::<AppPatch>(&json!({ "name": "Shop", "settings": {
        "auto_create_users": false, "default_role": "user", "member_role": "observer", "creator_role": "member",
        "reactions": [":parrot:"],
        "identity": { "required": false, "schemes": {
            "hmac": { "enabled": true, "secrets": { "2026": { "secret": "0123456789abcdef" }, "2025": null } },
            "talkjs": { "app_id": "t1", "max_ttl_s": 60 },
            "twilio": { "account_sid": "AC1", "service_sid": null, "may_mint": null },
            "agora": { "app_id": "970CA35de60c44645bbae8a215061b33" },
            "stream": { "ttl_without_exp_s": 3_600 },
            "visitor": { "may_mint": "moderator", "origins": ["https://shop.example"] },
            "jwt": { "enabled": true },
        }, "issuers": [{
            "iss": "https://id.example", "jwks": "https://id.example/keys", "algs": ["ES256", "EdDSA", "RS256"],
            "audience": "https://api.example", "may_mint": "user",
        }] },
    } }));
    whole::<SessionDraft>(&json!({
        "scheme": "hmac", "user": "ann", "signature": "00", "token": "t", "resume": "r" }));
    whole::<KeyDraft>(&json!({
        "name": "k", "scopes": ["tokens", "users:read"], "may_mint": "user",
        "allowed_addresses": ["192.0.2.0/24", "2001:db8::/32", "192.0.2.1"], "expires_at": "2026-01-02T03:04:05.678Z",
    }));
    whole::<RoleDraft>(&json!({ "permissions": ["message.send", "read.mark"] }));
    whole::<TokenDraft>(&json!({ "user": "ann", "ttl_s": 60, "only": ["c1"], "can": [] }));
    whole::<Revocation>(&json!({ "app": true }));
    let user =
        json!({ "name": "Ann", "avatar_url": "https://x.y/z", "attributes": { "a": 1 }, "role": "user" });
    whole::<UserDraft>(&user);
    whole::<UserPatch>(&user);
    whole::<UserPatch>(&json!({ "name": null, "avatar_url": null, "attributes": { "a": null } }));
    whole::<UserPatch>(&json!({ "attributes": null }));
    whole::<BanDraft>(&json!({ "reason": "spam", "until": "2026-01-02T03:04:05.678Z" }));
    let ban = json!({ "user": "ann", "reason": "spam", "until": "2026-01-02T03:04:05.678Z" });
    whole::<MemberBan>(&ban);
    whole::<MemberUnban>(&json!({ "user": "ann" }));
    whole::<MuteDraft>(&json!({ "reason": "spam", "until": "2026-01-02T03:04:05.678Z" }));
    whole::<MemberMute>(&ban);
    whole::<MemberUnmute>(&json!({ "user": "ann" }));
    whole::<Typing>(&json!({ "on": true }));
    whole::<Nothing>(&json!({}));
}

#[test]
fn requests_about_conversations_are_read_with_all_their_fields() {
    let member = json!({
        "user": "ann", "role": "member", "access": "read", "label": "buyer", "attributes": {}, "notify": "none",
        "read_seq": 0,
    });
    let draft = json!({
        "id": "c1", "alias": "a1", "name": "Order", "image_url": "https://x.y/z", "attributes": { "a": [1.5, null] },
        "state": "archived", "frozen": true, "history": "since_joined", "members": [member], "distinct": true,
    });
    whole::<ConversationDraft>(&draft);
    let mut replacement = draft;
    for field in ["id", "distinct"] {
        replacement.as_object_mut().expect("an object").remove(field);
    }
    whole::<ConversationReplacement>(&replacement);
    replacement.as_object_mut().expect("an object").remove("members");
    whole::<ConversationPatch>(&replacement);
    whole::<ConversationPatch>(
        &json!({ "alias": null, "name": null, "image_url": null, "attributes": null }),
    );
    whole::<MemberDraft>(&member);
    whole::<MemberAddition>(&json!({ "members": [member] }));
    let mut own = member;
    own.as_object_mut().expect("an object").remove("user");
    whole::<MemberReplacement>(&own);
    whole::<MemberPatch>(&own);
    whole::<MemberPatch>(&json!({ "label": null }));
    whole::<MessageDraft>(&json!({
        "id": samples::MESSAGE, "text": "hi", "attributes": { "a": 1 }, "reply_to": samples::QUOTED,
        "mentions": ["bob"], "as": { "user": "ann" }, "silent": true,
    }));
    whole::<MessagePatch>(&json!({ "text": "hi", "attributes": { "a": 1 }, "mentions": ["bob"] }));
    whole::<MessagePatch>(&json!({ "text": null, "mentions": null }));
    whole::<ReadRequest>(&json!({ "seq": 85, "unread": true }));
}

#[test]
fn what_is_wrong_is_named() {
    assert_snapshot!(refusal::<UserDraft>(""), @": cannot be read: EOF while parsing a value at line 1 column 0");
    assert_snapshot!(refusal::<UserDraft>("[]"), @": must be a JSON object");
    assert_snapshot!(refusal::<UserDraft>("null"), @": must be a JSON object");
    assert_snapshot!(refusal::<UserDraft>("{}{}"), @": cannot be read: trailing characters at line 1 column 3");
    assert_snapshot!(refusal::<UserDraft>(r#"{"name":}"#), @"name: cannot be read: expected value at line 1 column 9");
    assert_snapshot!(refusal::<UserDraft>(r#"{"name":7}"#), @"name: must be a string");
    assert_snapshot!(refusal::<UserDraft>(r#"{"attributes":[]}"#), @"attributes: must be an object");
    assert_snapshot!(refusal::<KeyDraft>(r#"{"name":"k"}"#), @"scopes: is missing");
    assert_snapshot!(refusal::<KeyDraft>(r#"{"name":"k","scopes":["users","frogs"]}"#), @"scopes[1]: must be a scope");
    assert_snapshot!(refusal::<KeyDraft>(r#"{"name":"k","scopes":"users"}"#), @"scopes: must be a list");
    assert_snapshot!(refusal::<KeyDraft>(r#"{"name":"k","scopes":[],"allowed_addresses":["10.0.0.0/33"]}"#), @"allowed_addresses[0]: must be an address, or a block such as `192.0.2.0/24`");
    assert_snapshot!(refusal::<KeyDraft>(r#"{"name":"k","scopes":[],"expires_at":"tomorrow"}"#), @"expires_at: must be a time of RFC 3339, such as `2026-01-02T03:04:05.678Z`");
    assert_snapshot!(refusal::<RoleDraft>(r#"{"permissions":["message.levitate"]}"#), @"permissions[0]: must be a permission");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":[{"user":"a"},{"usr":"b"}]}"#), @"members[1].usr: is unknown");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":[{"user":"a"},{}]}"#), @"members[1].user: is missing");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":[{"user":"a"},{"user":"a/\u0000"}]}"#), @"members[1].user: must have no control characters");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":["a"]}"#), @"members[0]: must be an object");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":[["a"]]}"#), @"members[0]: must be an object");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"state":"closed"}"#), @"state: must be one of `open`, `archived`");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"frozen":"true"}"#), @"frozen: must be `true` or `false`");
    assert_snapshot!(refusal::<MemberPatch>(r#"{"access":"none"}"#), @"access: must be one of `read`, `full`");
    assert_snapshot!(refusal::<MemberPatch>(r#"{"read_seq":-1}"#), @"read_seq: must be from 0 to 9007199254740991");
    assert_snapshot!(refusal::<MemberPatch>(r#"{"read_seq":9007199254740992}"#), @"read_seq: must be from 0 to 9007199254740991");
    assert_snapshot!(refusal::<MemberPatch>(r#"{"read_seq":1.5}"#), @"read_seq: must be an integer");
    assert_snapshot!(refusal::<ReadRequest>(r#"{"seq":"85"}"#), @"seq: must be an integer");
}

/// What cannot be taken away is not taken for left out.
#[test]
fn null_is_refused_where_nothing_can_be_removed() {
    for field in ["role", "access", "notify", "read_seq"] {
        let patch = json!({ field: null });
        assert_eq!(read::<MemberPatch>(&patch).err().map(|invalid| invalid.field), Some(field.to_owned()));
    }
    for field in ["state", "frozen", "history"] {
        let patch = json!({ field: null });
        assert_eq!(
            read::<ConversationPatch>(&patch).err().map(|invalid| invalid.field),
            Some(field.to_owned())
        );
    }
    for field in ["only", "can"] {
        let draft = json!({ "user": "ann", field: null });
        assert_eq!(read::<TokenDraft>(&draft).err().map(|invalid| invalid.field), Some(field.to_owned()));
    }
}

#[test]
fn a_key_given_twice_is_refused_at_any_depth() {
    assert_snapshot!(refusal::<UserDraft>(r#"{"name":"a","name":"a"}"#), @"name: is given twice at line 1 column 19");
    assert_snapshot!(refusal::<UserDraft>(r#"{"name":"a","n\u0061me":"a"}"#), @"name: is given twice at line 1 column 24");
    assert_snapshot!(refusal::<UserDraft>(r#"{"frog":1,"frog":1}"#), @"frog: is given twice at line 1 column 17");
    assert_snapshot!(refusal::<UserDraft>(r#"{"attributes":{"a":1,"a":2}}"#), @"attributes.a: is given twice at line 1 column 25");
    assert_snapshot!(refusal::<UserDraft>(r#"{"attributes":{"a":[0,{"b":{"c":1,"d":2,"c":3}}]}}"#), @"attributes.a[1].b.c: is given twice at line 1 column 44");
    assert_snapshot!(refusal::<ConversationDraft>(r#"{"members":[{"user":"a","user":"b"}]}"#), @"members[0].user: is given twice at line 1 column 31");
    let nested = |inner: &str| format!("{}{inner}{}", r#"{"a":"#.repeat(63), "}".repeat(63));
    assert!(refusal::<UserDraft>(&nested(r#"{"x":1,"x":1}"#)).contains(".x: is given twice"));
}

#[test]
fn a_field_is_never_shown_in_full_length() {
    let invalid = parse::<UserDraft>(format!(r#"{{"{}":1}}"#, "é".repeat(100_000)).as_bytes()).err();
    let field = invalid.expect("it is refused").field;
    assert_eq!(field, format!("{}…", "é".repeat(256)));
}

#[test]
fn numbers_are_those_of_an_ieee_double() {
    let attributes = |number: &str| format!(r#"{{"attributes":{{"a":{number}}}}}"#);
    for (given, kept) in [
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("-0", "-0.0"),
        ("1.0", "1.0"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("1e-400", "0.0"),
    ] {
        let draft: UserDraft = parse(attributes(given).as_bytes()).expect(given);
        assert_eq!(draft.attributes.expect("there are some").0.as_json(), format!(r#"{{"a":{kept}}}"#));
    }
    for number in ["1e400", "-1e400", "1.8e308", "NaN", "Infinity", "0x10", "01", "+1", ".5", "5."] {
        let refused = refusal::<UserDraft>(&attributes(number));
        assert!(refused.starts_with("attributes") && refused.contains(": cannot be read: "), "{refused}");
    }
    let whole: ReadRequest = parse(br#"{"seq":85.0}"#).expect("85.0 is the integer 85");
    assert_eq!(whole.seq.0, model::Seq(85));
}

#[test]
fn a_request_nests_so_deep() {
    let nested = |depth: u64| {
        let depth = depth as usize - 1;
        format!(r#"{{"frog":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert_eq!(refusal::<UserDraft>(&nested(limits::JSON_DEPTH_MAX)), "frog: is unknown");
    assert!(refusal::<UserDraft>(&nested(limits::JSON_DEPTH_MAX + 1)).contains("must nest at most 64 deep"));
    assert!(refusal::<UserDraft>(&nested(500_000)).contains("must nest at most 64 deep"));
}

/// Reads `make(limit)` and refuses `make(limit + 1)` for the field.
fn bounded<T: DeserializeOwned>(field: &str, limit: u64, make: impl Fn(usize) -> Value) {
    let size = usize::try_from(limit).expect("a limit");
    assert_eq!(read::<T>(&make(size)).err(), None, "{field}");
    let refused = read::<T>(&make(size + 1)).err().map(|invalid| invalid.field);
    assert_eq!(refused.as_deref(), Some(field));
}

#[test]
fn every_limit_holds_at_its_bound_and_not_above() {
    let text = |bytes: usize| "x".repeat(bytes);
    bounded::<MessageDraft>(
        "text",
        limits::TEXT_BYTES_MAX,
        |size| json!({ "id": samples::MESSAGE, "text": text(size) }),
    );
    bounded::<UserDraft>("name", limits::NAME_BYTES_MAX, |size| json!({ "name": text(size) }));
    bounded::<UserDraft>("role", limits::NAME_BYTES_MAX, |size| json!({ "role": text(size) }));
    bounded::<UserDraft>("avatar_url", limits::URL_BYTES_MAX, |size| json!({ "avatar_url": text(size) }));
    bounded::<MemberPatch>("label", limits::NAME_BYTES_MAX, |size| json!({ "label": text(size) }));
    bounded::<BanDraft>("reason", limits::REASON_BYTES_MAX, |size| json!({ "reason": text(size) }));
    bounded::<MemberUnban>("user", limits::CUSTOMER_ID_BYTES_MAX, |size| json!({ "user": text(size) }));
    bounded::<ConversationDraft>("id", limits::CUSTOMER_ID_BYTES_MAX, |size| json!({ "id": text(size) }));
    bounded::<UserDraft>(
        "attributes",
        limits::ATTRIBUTES_BYTES_MAX,
        |size| json!({ "attributes": { "a": text(size - r#"{"a":""}"#.len()) } }),
    );
    let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    bounded::<UserDraft>(
        "attributes",
        limits::ATTRIBUTES_DEPTH_MAX,
        |depth| json!({ "attributes": nested(depth) }),
    );
    let ids = |count: usize| (0..count).map(|id| format!("u{id}")).collect::<Vec<_>>();
    bounded::<MessageDraft>(
        "mentions",
        limits::MENTIONS_MAX,
        |size| json!({ "id": samples::MESSAGE, "text": "hi", "mentions": ids(size) }),
    );
    bounded::<TokenDraft>("only", limits::TOKEN_ONLY_MAX, |size| json!({ "user": "ann", "only": ids(size) }));
    bounded::<TokenDraft>("ttl_s", limits::TOKEN_LIFE_S_MAX, |size| json!({ "user": "ann", "ttl_s": size }));
    let members = |count: usize| ids(count).into_iter().map(|id| json!({ "user": id })).collect::<Vec<_>>();
    bounded::<ConversationDraft>(
        "members",
        limits::MEMBERS_AT_CREATION_MAX,
        |size| json!({ "members": members(size) }),
    );
    bounded::<ConversationReplacement>(
        "members",
        limits::MEMBERS_AT_CREATION_MAX,
        |size| json!({ "members": members(size) }),
    );
    bounded::<MemberAddition>("members", limits::BATCH_ITEMS_MAX, |size| json!({ "members": members(size) }));
    bounded::<AppPatch>(
        "settings.reactions",
        limits::APP_REACTIONS_MAX,
        |size| json!({ "settings": { "reactions": ids(size) } }),
    );
    bounded::<KeyDraft>(
        "allowed_addresses",
        limits::KEY_ADDRESSES_MAX,
        |size| json!({ "name": "k", "scopes": [], "allowed_addresses": vec!["192.0.2.1"; size] }),
    );
    bounded::<KeyDraft>(
        "scopes",
        limits::NAMES_PER_LIST_MAX,
        |size| json!({ "name": "k", "scopes": vec!["app"; size] }),
    );
    bounded::<RoleDraft>(
        "permissions",
        limits::NAMES_PER_LIST_MAX,
        |size| json!({ "permissions": vec!["read.see"; size] }),
    );
}

#[test]
fn a_message_becomes_a_draft() {
    let draft = |more: Value| -> Result<model::messages::Draft, Invalid> {
        let mut json = json!({ "id": samples::MESSAGE, "text": "hi" });
        json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        read::<MessageDraft>(&json)?.try_into()
    };
    assert_eq!(draft(json!({})).expect("a draft").author, Author::Own);
    let as_user = draft(json!({ "as": { "user": "ann" } })).expect("a draft");
    assert_eq!(as_user.author, Author::User(samples::user_id("ann")));
    let as_bot = draft(json!({ "as": { "bot": "Helper" } })).expect("a draft");
    assert!(matches!(as_bot.author, Author::Bot(name) if name.as_str() == "Helper"));
    for both in [json!({}), json!({ "user": "ann", "bot": "Helper" })] {
        let refused = draft(json!({ "as": both })).expect_err("it is not one of them");
        assert_eq!(refused.to_string(), "as: must have exactly one of `user` and `bot`");
    }
    let refused = draft(json!({ "as": { "user": "ann", "frog": 1 } })).expect_err("it has another field");
    assert_eq!(refused.to_string(), "as.frog: is unknown");
}

#[test]
fn a_message_says_something() {
    let draft = |json: Value| read::<MessageDraft>(&json).and_then(model::messages::Draft::try_from);
    for empty in [json!({}), json!({ "text": "" }), json!({ "text": null, "attributes": {} })] {
        let mut json = json!({ "id": samples::MESSAGE });
        json.as_object_mut().expect("an object").extend(empty.as_object().expect("an object").clone());
        assert_eq!(draft(json).expect_err("it says nothing").field, "text");
    }
    let wordless = draft(json!({ "id": samples::MESSAGE, "text": "", "attributes": { "file": "x" } }));
    assert_eq!(wordless.expect("a draft").content.attributes.as_json(), r#"{"file":"x"}"#);
}

#[test]
fn nobody_is_added_twice_at_once() {
    let members = json!([{ "user": "a" }, { "user": "b" }, { "user": "a" }]);
    let refused = Invalid::new("members[2].user", "is named twice");
    let addition: MemberAddition = read(&json!({ "members": members })).expect("it is read");
    assert_eq!(addition.into_drafts().err(), Some(refused.clone()));
    let draft: ConversationDraft = read(&json!({ "members": members })).expect("it is read");
    assert_eq!(model::conversations::ConversationDraft::try_from(draft).err(), Some(refused.clone()));
    let replacement: ConversationReplacement = read(&json!({ "members": members })).expect("it is read");
    assert_eq!(replacement.into_draft(samples::conversation_id()).err(), Some(refused));
}

#[test]
fn what_is_left_out_takes_its_default() {
    let draft: ConversationDraft = read(&json!({ "members": [{ "user": "a" }] })).expect("it is read");
    let draft = model::conversations::ConversationDraft::try_from(draft).expect("a draft");
    assert_eq!(draft.state, model::conversations::State::Open);
    assert_eq!(draft.history, model::conversations::History::All);
    assert!(!draft.frozen && !draft.distinct);
    let [member] = draft.members.as_slice() else { panic!("there is one member") };
    assert_eq!(member.access, model::members::Access::Full);
    assert_eq!(member.notify, model::members::Notify::All);
    let token: TokenDraft = read(&json!({ "user": "ann" })).expect("it is read");
    assert_eq!(token.ttl_s.0, 3_600);
    assert!(token.only.is_none() && token.can.is_none());
}

#[test]
fn exactly_one_revocation_is_asked_for() {
    let revocation =
        |json: &str| parse::<Revocation>(json.as_bytes()).and_then(model::tokens::Revocation::try_from);
    use model::tokens::Revocation::{App, Jti, Key};
    assert!(matches!(revocation(r#"{"jti":"x"}"#), Ok(Jti(jti)) if *jti == *"x"));
    assert!(matches!(revocation(r#"{"key":"key_4tZqk0bGx2"}"#), Ok(Key(key)) if key == samples::key_id()));
    assert!(matches!(revocation(r#"{"app":true}"#), Ok(App)));
    for refused in ["{}", r#"{"app":false}"#, r#"{"jti":"x","app":true}"#, r#"{"jti":""}"#] {
        assert!(revocation(refused).is_err(), "{refused}");
    }
    let long = |bytes: u64| revocation(&format!(r#"{{"jti":"{}"}}"#, "x".repeat(bytes as usize)));
    assert!(long(limits::JTI_BYTES_MAX).is_ok());
    assert!(long(limits::JTI_BYTES_MAX + 1).is_err());
}

#[test]
fn a_conversation_role_grants_nothing_of_the_app() {
    let role = |scope, permission: &str| {
        let draft: RoleDraft = read(&json!({ "permissions": [permission] })).expect("it is read");
        draft.into_role(scope, samples::role_name("guest"))
    };
    assert!(role(RoleScope::App, "user.ban").is_ok());
    assert!(role(RoleScope::App, "message.send").is_ok());
    assert!(role(RoleScope::Conversation, "message.send").is_ok());
    assert_eq!(role(RoleScope::Conversation, "user.ban").expect_err("it is of the app").field, "permissions");
}

#[test]
fn a_body_may_be_left_out_where_nothing_is_needed() {
    assert_eq!(parse_or_empty::<Nothing>(b""), Ok(Nothing {}));
    assert_eq!(parse_or_empty::<Nothing>(b"{}"), Ok(Nothing {}));
    assert!(parse_or_empty::<Nothing>(b" ").is_err());
    assert!(parse_or_empty::<Nothing>(br#"{"a":1}"#).is_err());
    assert!(parse::<Nothing>(b"").is_err());
}

/// No refusal repeats what was sent.
#[test]
fn a_refusal_keeps_the_value_to_itself() {
    let secret = "canary";
    for json in [
        json!({ "user": "ann", "ttl_s": secret }),
        json!({ "user": { "canary": 1 } }),
        json!({ "user": [secret] }),
        json!({ "user": "ann", "can": [secret] }),
        json!({ "user": "ann", "only": secret }),
        json!({ "user": format!("{secret}\n") }),
    ] {
        let refused = read::<TokenDraft>(&json).expect_err("it is wrong");
        assert!(!refused.to_string().contains(secret), "{refused}");
    }
    for json in [json!({ "state": secret }), json!({ "frozen": secret }), json!({ "members": [[secret]] })] {
        let refused = read::<ConversationDraft>(&json).expect_err("it is wrong");
        assert!(!refused.to_string().contains(secret), "{refused}");
    }
}
