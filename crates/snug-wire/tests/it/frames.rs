//! Frames of the socket, both ways.

use insta::assert_snapshot;
use snug_model::{Permission, Rev, Seq, Timestamp, limits};
use snug_wire::{
    Code, Problem,
    conversations::Inbox,
    ids::SessionId,
    json,
    messages::{Message, WrittenMessage},
    sanctions::Muted,
    socket::{
        Acknowledged, Answer, Change, Changed, ClientFrame, CloseCode, Hello, MessageJson, Push,
        ReactionChange, Refusal, Request, ServerFrame, Unread, Unreadable,
    },
};

use crate::{objects::shown, samples};

fn read(frame: &str) -> Result<ClientFrame, Unreadable> {
    ClientFrame::parse(frame.as_bytes())
}

/// The field and the reason with which a frame is refused, if it can be answered.
fn refusal(frame: &str) -> String {
    match read(frame) {
        Err(Unreadable::Request { n, invalid }) => format!("{n}: {invalid}"),
        other => panic!("it is not refused: {other:?}"),
    }
}

/// A frame for each request, with all that it can have.
const REQUESTS: [&str; 18] = [
    r#"{"n":1,"op":"hello","token":"a.b.c","client":"snug-js/1.0","since":"sync-token"}"#,
    r#"{"n":2,"op":"token","token":"a.b.c"}"#,
    r#"{"n":3,"op":"send","conversation":"c1","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11","text":"hi","attributes":{"a":1},"reply_to":"01926c1d-0000-7000-8000-000000000001","mentions":["bob"]}"#,
    r#"{"n":15,"op":"send_signed","conversation":"c1","jws":"a.b.c"}"#,
    r#"{"n":16,"op":"send_template","conversation":"c1","template":"greeting","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11"}"#,
    r#"{"n":4,"op":"edit","conversation":"c1","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11","text":null,"attributes":{"a":null},"mentions":["bob"]}"#,
    r#"{"n":5,"op":"delete","conversation":"c1","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11"}"#,
    r#"{"n":6,"op":"react","conversation":"c1","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11","emoji":"👍","on":true}"#,
    r#"{"n":7,"op":"read","conversation":"c1","seq":85,"unread":true}"#,
    r#"{"n":8,"op":"typing","conversation":"c1","on":false}"#,
    r#"{"n":9,"op":"inbox","unread":true,"limit":200,"cursor":"c"}"#,
    r#"{"n":10,"op":"conversation","conversation":"c1"}"#,
    r#"{"n":11,"op":"history","conversation":"c1","around":7,"limit":20,"cursor":"c"}"#,
    r#"{"n":12,"op":"sync","conversation":"c1","epoch":"5f2a4d8b6e117d3a","since":120,"limit":200}"#,
    r#"{"n":13,"op":"members","conversation":"c1","limit":1,"cursor":"c","order":"desc"}"#,
    r#"{"n":14,"op":"watch","conversations":["c1","c2"]}"#,
    r#"{"n":17,"op":"consent","id":"terms","version":"1","locale":"en","digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}"#,
    r#"{"n":9007199254740991,"op":"ping"}"#,
];

#[test]
fn every_request_is_read_and_written_the_same() {
    let mut ops = Vec::new();
    for frame in REQUESTS {
        let request = read(frame).unwrap_or_else(|error| panic!("{frame}: {error:?}"));
        ops.push(request.request.op());
        let written = json::print(&request).expect("it can be written");
        assert_eq!(String::from_utf8_lossy(&written), frame);
    }
    assert_eq!(ops, Request::OPS);
}

#[test]
fn an_unknown_field_of_any_request_is_named() {
    for frame in REQUESTS {
        let with_more = frame.replacen('{', r#"{"frog":1,"#, 1);
        assert!(refusal(&with_more).ends_with(": frog: is unknown"), "{}", refusal(&with_more));
    }
}

#[test]
fn without_a_usable_number_nothing_can_be_answered() {
    let frames = [
        "",
        " ",
        "null",
        "7",
        "\"n\"",
        "[]",
        r#"[1,"ping"]"#,
        "{",
        r#"{"n":1,"op":"ping""#,
        r#"{"n":1,"op":"ping"}x"#,
        r#"{"op":"ping"}"#,
        r#"{"n":null,"op":"ping"}"#,
        r#"{"n":"1","op":"ping"}"#,
        r#"{"n":0,"op":"ping"}"#,
        r#"{"n":-1,"op":"ping"}"#,
        r#"{"n":1.5,"op":"ping"}"#,
        r#"{"n":9007199254740992,"op":"ping"}"#,
        r#"{"n":18446744073709551616,"op":"ping"}"#,
        r#"{"n":1e400,"op":"ping"}"#,
        r#"{"n":1,"n":1,"op":"ping"}"#,
        r#"{"n":[1],"op":"ping"}"#,
        r#"{'n':1,"op":"ping"}"#,
        "\u{feff}{\"n\":1,\"op\":\"ping\"}",
    ];
    for frame in frames {
        assert_eq!(read(frame).err(), Some(Unreadable::Frame), "{frame}");
    }
    assert_eq!(
        ClientFrame::parse(b"{\"n\":1,\"op\":\"ping\",\"a\":\"\xff\"}").err(),
        Some(Unreadable::Frame)
    );
}

#[test]
fn what_else_is_wrong_is_answered_with_the_number() {
    assert_snapshot!(refusal(r#"{"n":7}"#), @"7: op: is missing");
    assert_snapshot!(refusal(r#"{"n":7,"op":1}"#), @"7: op: must be a string");
    assert_snapshot!(refusal(r#"{"n":7,"op":"send_unsigned"}"#), @"7: op: must be one of `hello`, `token`, `send`, `send_signed`, `send_template`, `edit`, `delete`, `react`, `read`, `typing`, `inbox`, `conversation`, `history`, `sync`, `members`, `watch`, `consent`, `ping`");
    assert_snapshot!(refusal(r#"{"n":7,"op":"ping","op":"ping"}"#), @"7: op: is given twice at line 1 column 24");
    assert_snapshot!(refusal(r#"{"n":7,"op":"ping","x":1e400}"#), @"7: x: cannot be read: number out of range at line 1 column 28");
    assert_snapshot!(refusal(r#"{"n":7,"op":"ping","x":"\ud800"}"#), @"7: x: cannot be read: unexpected end of hex escape at line 1 column 31");
    assert_snapshot!(refusal(r#"{"n":7,"op":"typing","conversation":"c1"}"#), @"7: on: is missing");
    assert_snapshot!(refusal(r#"{"n":7,"op":"typing","conversation":"..","on":true}"#), @"7: conversation: must not be `.`, `..` or `auto`");
    assert_snapshot!(refusal(r#"{"n":7,"op":"send","conversation":"c1","id":"7","text":"hi"}"#), @"7: id: must be a UUID");
    assert_snapshot!(refusal(r#"{"n":7,"op":"watch","conversations":["c1",2]}"#), @"7: conversations[1]: must be a string");
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_snapshot!(refusal(&format!(r#"{{"n":7,"op":"ping","x":{deep}}}"#)).replace("[0]", ""), @"7: x: must nest at most 64 deep at line 1 column 87");
}

/// What back ends alone may say is unknown on the socket, where no back end is.
#[test]
fn a_client_has_no_fields_of_a_back_end() {
    let send = |more: &str| {
        refusal(&format!(
            r#"{{"n":7,"op":"send","conversation":"c1","id":"{}","text":"hi",{more}}}"#,
            samples::MESSAGE
        ))
    };
    assert_snapshot!(send(r#""as":{"user":"bob"}"#), @"7: as: is unknown");
    assert_snapshot!(send(r#""silent":true"#), @"7: silent: is unknown");
}

#[test]
fn a_session_watches_so_many_conversations() {
    let watch = |count: u64| {
        let ids = (0..count).map(|id| format!("\"c{id}\"")).collect::<Vec<_>>().join(",");
        read(&format!(r#"{{"n":1,"op":"watch","conversations":[{ids}]}}"#))
    };
    assert!(watch(limits::WATCH_MAX).is_ok());
    assert!(matches!(watch(limits::WATCH_MAX + 1), Err(Unreadable::Request { n: 1, .. })));
}

#[test]
fn a_token_is_bounded_and_does_not_print() {
    let hello =
        |bytes: u64| read(&format!(r#"{{"n":1,"op":"hello","token":"{}"}}"#, "t".repeat(bytes as usize)));
    let frame = hello(limits::TOKEN_BYTES_MAX).expect("it is within the limit");
    assert!(!format!("{frame:?}").contains("ttt"));
    assert!(matches!(hello(limits::TOKEN_BYTES_MAX + 1), Err(Unreadable::Request { .. })));
    assert!(matches!(hello(0), Err(Unreadable::Request { .. })));
}

#[test]
fn answers() {
    let hello = Hello {
        muted: Some(Muted::new(samples::at(60))),
        session: "ses_4tZqk0bGx2".parse::<SessionId>().expect("an id"),
        user: samples::user().into(),
        expires_at: samples::at(3_600).into(),
        permissions: [Permission::UserEditOwn].into_iter().collect::<snug_model::PermissionSet>().into(),
        consent: None,
        unread: Some(Unread { conversations: 7, capped: false }),
        inbox: Some(Inbox {
            items: vec![samples::inbox_item().into()],
            gone: Vec::new(),
            next: None,
            sync_token: "token".to_owned(),
            reset: false,
            users: None,
        }),
        users: Some(samples::people()),
    };
    assert_snapshot!("answer_hello", shown(&Answer { n: 1, ok: hello.clone() }));
    let consent = Some((&samples::consent()).into());
    let withheld = Hello { consent, unread: None, inbox: None, users: None, muted: None, ..hello };
    assert_snapshot!("answer_hello_without_consent", shown(&Answer { n: 1, ok: withheld }));
    assert_snapshot!("answer_acknowledged", shown(&Answer { n: 1, ok: Acknowledged {} }));
    let refusal = Refusal { n: 2, error: Problem::banned(samples::at(60)).into() };
    assert_snapshot!("refusal", shown(&refusal));
}

#[test]
fn a_client_tells_answers_from_pushes() {
    let sent = WrittenMessage { message: samples::message().into() };
    let frame = Answer::frame(2, &sent).expect("it can be written");
    let Ok(ServerFrame::Answer { n: 2, ok }) = ServerFrame::parse(&frame) else {
        panic!("it is another frame")
    };
    assert_eq!(serde_json::from_str::<WrittenMessage>(ok.get()).expect("a message"), sent);

    let frame = Refusal::frame(3, Problem::of(Code::NotFound)).expect("it can be written");
    let Ok(ServerFrame::Refusal(Refusal { n: 3, error })) = ServerFrame::parse(&frame) else {
        panic!("it is another frame")
    };
    assert_eq!(error.code, Code::NotFound);

    let push = Push::Lagged {};
    let frame = push.frame().expect("it can be written");
    assert!(matches!(ServerFrame::parse(&frame), Ok(ServerFrame::Push(read)) if *read == push));
    assert!(ServerFrame::parse(br#"{"n":1}"#).is_err());
}

#[test]
fn a_message_that_is_written_once_makes_the_same_frames() {
    let message: Message = samples::message().into();
    let json = MessageJson::new(&message).unwrap();
    let (conversation, users) = (samples::conversation_id().into(), samples::people());
    let pushed = json.push(&conversation, Rev(132).into(), &users).unwrap();
    let answered = json.answer(7).unwrap();
    let push = Push::Message { conversation, rev: Rev(132).into(), message: message.clone(), users };
    assert_eq!(String::from_utf8(pushed), String::from_utf8(push.frame().unwrap()));
    let answer = Answer::frame(7, WrittenMessage { message }).unwrap();
    assert_eq!(String::from_utf8(answered), String::from_utf8(answer));
}

#[test]
fn pushes() {
    let conversation = || samples::conversation_id().into();
    let user = || samples::user_id("ann@example.com").into();
    let message = Push::Message {
        conversation: conversation(),
        rev: Rev(132).into(),
        message: samples::message().into(),
        users: samples::people(),
    };
    assert_snapshot!("push_message", shown(&message));
    let item = || samples::inbox_item().into();
    assert_snapshot!("push_joined", shown(&Push::Joined { item: item(), users: samples::people() }));
    assert_snapshot!("push_left", shown(&Push::Left { item: item(), users: samples::people() }));
    let permissions = [Permission::MessageSend].into_iter().collect::<snug_model::PermissionSet>().into();
    assert_snapshot!(
        "push_permissions",
        shown(&Push::Permissions { conversation: None, permissions, muted: None })
    );
    assert_snapshot!(
        "push_consent_required",
        shown(&Push::ConsentRequired { consent: (&samples::consent()).into() })
    );
    let small = [
        Push::Read {
            conversation: conversation(),
            user: user(),
            read_seq: Seq(85).into(),
            read_at: samples::at(90).into(),
        },
        Push::Typing { conversation: conversation(), user: user(), on: true },
        Push::Presence { conversation: conversation(), user: user(), online: true },
        Push::TokenExpiring { expires_at: samples::at(3_600).into() },
        Push::Lagged {},
    ];
    let written = small.map(|push| {
        shown(&push);
        String::from_utf8(push.frame().expect("it can be written")).expect("JSON is UTF-8")
    });
    assert_snapshot!("pushes_that_are_small", written.join("\n"));
}

#[test]
fn changes() {
    let conversation = || samples::conversation_id().into();
    let change = |changed, users| Push::Change(Change { rev: Rev(133).into(), changed, users });
    let message = Message::from(snug_model::messages::Message {
        reactions: vec![snug_model::messages::Reaction {
            emoji: snug_model::text::Emoji::parse("👍").expect("an emoji"),
            count: 2,
            mine: None,
        }],
        ..samples::message()
    });
    let by = ReactionChange {
        user: samples::user_id("bob").into(),
        emoji: "👍".parse().expect("an emoji"),
        on: true,
    };
    let reacted = Changed::Message { conversation: conversation(), message, by: Some(by) };
    assert_snapshot!("change_reaction", shown(&change(reacted, Some(samples::people()))));
    let deleted =
        Changed::Message { conversation: conversation(), message: samples::tombstone().into(), by: None };
    assert_snapshot!("change_deletion", shown(&change(deleted, None)));
    let member = Changed::Member { conversation: conversation(), member: samples::member().into() };
    assert_snapshot!("change_member", shown(&change(member, Some(samples::people()))));
    let members = Changed::Members { conversation: conversation(), members: vec![samples::member().into()] };
    assert_snapshot!("change_members", shown(&change(members, Some(samples::people()))));
    let purged = Changed::PurgedBefore { conversation: conversation(), purged_before: Seq(50).into() };
    assert_snapshot!("change_purge", shown(&change(purged, None)));
    let whole = Changed::Conversation { conversation: samples::conversation().into() };
    assert_snapshot!("change_conversation", shown(&change(whole, None)));
}

#[test]
fn every_close_code_says_what_to_do() {
    let table = CloseCode::ALL
        .iter()
        .map(|code| format!("{} {:?} ({})", code.number(), code.reconnect(), code.reason()))
        .collect::<Vec<_>>();
    assert_snapshot!(table.join("\n"), @r#"
    4000 Now (server stopping)
    4001 Now (lagged too long)
    4400 Never (unreadable frame)
    4401 WithFreshToken (unauthenticated)
    4403 Never (banned)
    4408 Never (no hello in time)
    4413 Never (frame too large)
    4421 Never (wrong region)
    4429 WithBackoff (too many requests)
    "#);
    assert_eq!(CloseCode::from_number(4403), Some(CloseCode::Banned));
    assert_eq!(CloseCode::from_number(1000), None);
}

#[test]
fn a_ban_for_good_has_no_end() {
    let error = Refusal { n: 1, error: Problem::banned(Timestamp::NEVER).into() };
    assert_snapshot!(serde_json::to_string(&error).expect("JSON"), @r#"{"n":1,"error":{"code":"banned","message":"You are banned."}}"#);
}
