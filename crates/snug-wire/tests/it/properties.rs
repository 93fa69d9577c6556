//! What is written is read as the same, and nothing breaks the parsers.

use std::fmt::Debug;

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use snug_model as model;
use snug_wire::{
    attributes::{Attributes, AttributesPatch},
    conversations::{ConversationDraft, ConversationPatch, History, SlowMode, State},
    ids::{ConversationId, INTEGER_END, MessageId, Seq, UserId},
    json,
    members::{GivenAccess, MemberDraft, Notify},
    messages::{MessageDraft, MessagePatch, SendAs},
    query,
    socket::{ClientFrame, HistoryRequest, Request, SendRequest, Unreadable},
    text::{BotName, ImageUrl, Label, Name, RoleName, Text},
};
use uuid::Uuid;

/// A type whose text is any that its rules allow.
fn text<T: std::str::FromStr<Err = model::Invalid> + Debug>() -> impl Strategy<Value = T> {
    any::<String>().prop_filter_map("it breaks a rule", |text| text.parse().ok())
}

fn message_id() -> impl Strategy<Value = MessageId> {
    any::<u128>().prop_map(|bits| MessageId(model::MessageId(Uuid::from_u128(bits))))
}

fn seq() -> impl Strategy<Value = Seq> {
    (0..INTEGER_END).prop_map(|seq| Seq(model::Seq(seq)))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    vec((any::<String>(), value()), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    object().prop_filter_map("it is over a limit", |object| Attributes::of(object).ok())
}

fn attributes_patch() -> impl Strategy<Value = AttributesPatch> {
    object().prop_map(AttributesPatch::of)
}

fn send_as() -> impl Strategy<Value = SendAs> {
    prop_oneof![
        text::<UserId>().prop_map(|user| SendAs { user: Some(user), bot: None }),
        text::<BotName>().prop_map(|bot| SendAs { user: None, bot: Some(bot) }),
    ]
}

prop_compose! {
    fn message_draft()(
        id in message_id(),
        text in option::of(text::<Text>()),
        attributes in option::of(attributes()),
        reply_to in option::of(message_id()),
        mentions in vec(text::<UserId>(), 0..4),
        send_as in option::of(send_as()),
        silent in any::<bool>(),
    ) -> MessageDraft {
        MessageDraft { id, text, attributes, reply_to, mentions: mentions.into(), send_as, silent }
    }
}

prop_compose! {
    fn message_patch()(
        text in option::of(option::of(text::<Text>())),
        attributes in option::of(attributes_patch()),
        mentions in option::of(option::of(vec(text::<UserId>(), 0..4))),
    ) -> MessagePatch {
        MessagePatch { text, attributes, mentions: mentions.map(|mentions| mentions.map(Into::into)) }
    }
}

prop_compose! {
    fn member_draft()(
        user in text::<UserId>(),
        role in option::of(text::<RoleName>()),
        access in option::of(select(vec![GivenAccess::Read, GivenAccess::Full])),
        label in option::of(text::<Label>()),
        attributes in option::of(attributes()),
        notify in option::of(select(vec![Notify::All, Notify::Mentions, Notify::None])),
        read_seq in option::of(seq()),
    ) -> MemberDraft {
        MemberDraft { user, role, access, label, attributes, notify, read_seq }
    }
}

prop_compose! {
    fn conversation_draft()(
        (id, alias) in (option::of(text::<ConversationId>()), option::of(text::<ConversationId>())),
        name in option::of(text::<Name>()),
        image_url in option::of(text::<ImageUrl>()),
        attributes in option::of(attributes()),
        state in option::of(select(vec![State::Open, State::Archived])),
        history in option::of(select(vec![History::All, History::SinceJoined])),
        members in vec(member_draft(), 0..3),
        (frozen, distinct) in any::<(bool, bool)>(),
        slow_mode_s in (0..=3_600_u32).prop_map(SlowMode),
    ) -> ConversationDraft {
        let members = members.into();
        ConversationDraft { id, alias, name, image_url, attributes, state, frozen, slow_mode_s, history, members, distinct }
    }
}

prop_compose! {
    fn conversation_patch()(
        alias in option::of(option::of(text::<ConversationId>())),
        name in option::of(option::of(text::<Name>())),
        image_url in option::of(option::of(text::<ImageUrl>())),
        attributes in option::of(attributes_patch()),
        state in option::of(select(vec![State::Open, State::Archived])),
        frozen in option::of(any::<bool>()),
        slow_mode_s in option::of((0..=3_600_u32).prop_map(SlowMode)),
        history in option::of(select(vec![History::All, History::SinceJoined])),
    ) -> ConversationPatch {
        ConversationPatch { alias, name, image_url, attributes, state, frozen, slow_mode_s, history }
    }
}

/// A request that was written is read as the same.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(request: &T) -> Result<(), TestCaseError> {
    let written = json::print(request).expect("it can be written");
    let read = json::parse::<T>(&written);
    prop_assert_eq!(read.as_ref(), Ok(request), "{}", String::from_utf8_lossy(&written));
    Ok(())
}

/// The same JSON with one of its keys, wherever it stands, written twice.
fn with_a_key_twice(value: &Value, which: &mut usize) -> String {
    match value {
        Value::Object(fields) => {
            let mut written = Vec::new();
            for (key, value) in fields {
                let field = format!("{}:{}", Value::from(key.as_str()), with_a_key_twice(value, which));
                if *which == 0 {
                    written.push(field.clone());
                }
                *which = which.wrapping_sub(1);
                written.push(field);
            }
            format!("{{{}}}", written.join(","))
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| with_a_key_twice(item, which)).collect::<Vec<_>>();
            format!("[{}]", items.join(","))
        }
        leaf => leaf.to_string(),
    }
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len() + fields.values().map(keys).sum::<usize>(),
        Value::Array(items) => items.iter().map(keys).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn a_message_draft_survives(draft in message_draft()) {
        survives(&draft)?;
    }

    #[test]
    fn a_message_patch_survives(patch in message_patch()) {
        survives(&patch)?;
    }

    #[test]
    fn a_conversation_draft_survives(draft in conversation_draft()) {
        survives(&draft)?;
    }

    #[test]
    fn a_conversation_patch_survives(patch in conversation_patch()) {
        survives(&patch)?;
    }

    #[test]
    fn a_frame_survives(
        n in 1..INTEGER_END.unsigned_abs(),
        conversation in text::<ConversationId>(),
        draft in message_draft(),
        around in option::of(seq()),
    ) {
        let send = Request::Send(SendRequest {
            conversation: conversation.clone(),
            id: draft.id,
            text: draft.text,
            attributes: draft.attributes,
            reply_to: draft.reply_to,
            mentions: draft.mentions,
        });
        let history = Request::History(HistoryRequest {
            conversation,
            before: None,
            after: None,
            around,
            limit: Default::default(),
            cursor: None,
        });
        for request in [send, history] {
            let written = json::print(&ClientFrame { n, request }).expect("it can be written");
            let read = ClientFrame::parse(&written).expect("it is a frame");
            prop_assert_eq!(read.n, n);
            prop_assert_eq!(json::print(&read).expect("it can be written"), written);
        }
    }

    /// Merging what was just merged changes nothing, and what the patch sets is there.
    #[test]
    fn merging_twice_is_merging_once(current in attributes(), patch in attributes_patch()) {
        use snug_wire::attributes::merge;

        if let Ok(once) = merge(&current.0, &patch.0) {
            let twice = merge(&once, &patch.0);
            prop_assert_eq!(twice, Ok(once));
        }
    }

    #[test]
    fn a_key_twice_is_found_wherever_it_stands(object in object(), which in any::<prop::sample::Index>()) {
        let object = Value::Object(object);
        prop_assume!(keys(&object) > 0);
        let mut which = which.index(keys(&object));
        let written = format!(r#"{{"name":{}}}"#, with_a_key_twice(&object, &mut which));
        let refused = json::parse::<MessagePatch>(written.as_bytes()).expect_err("a key is there twice");
        prop_assert!(refused.reason.starts_with("is given twice"), "{written}: {refused}");
    }

    #[test]
    fn no_bytes_break_the_parsers(bytes in vec(any::<u8>(), 0..200)) {
        let _ = json::parse::<MessageDraft>(&bytes);
        prop_assert_eq!(ClientFrame::parse(&bytes).err(), Some(Unreadable::Frame));
    }

    #[test]
    fn no_text_like_a_frame_breaks_the_parser(
        text in r#"\{"n":[0-9]{1,3},"op":"(send|read|watch)"(,"[a-z]{1,3}":[\[\]{}0-9e"\\.+-]{0,12}){0,3}\}"#,
    ) {
        let _ = ClientFrame::parse(text.as_bytes());
    }

    #[test]
    fn no_text_breaks_the_query_parser(text in "[a-z&=%+0-9é]{0,60}") {
        let _ = query::parse::<snug_wire::paging::ConversationsQuery>(&text);
    }
}
