//! The limits that the contract promises, to the number.

use snug_model::{
    limits,
    text::{BotName, Emoji, ImageUrl, Label, Name, Reason, RoleName, Text},
};

#[test]
fn the_promised_limits_have_the_promised_numbers() {
    let promised = [
        ("TEXT_BYTES_MAX", 16_384),
        ("ATTRIBUTES_BYTES_MAX", 4_096),
        ("ATTRIBUTES_DEPTH_MAX", 8),
        ("NAME_BYTES_MAX", 256),
        ("CUSTOMER_ID_BYTES_MAX", 256),
        ("MENTIONS_MAX", 50),
        ("REACTIONS_PER_MESSAGE_MAX", 20),
        ("MEMBERS_AT_CREATION_MAX", 100),
        ("BATCH_ITEMS_MAX", 1_000),
        ("LOOKUP_IDS_MAX", 100),
        ("BODY_BYTES_MAX", 1_048_576),
        ("CLIENT_FRAME_BYTES_MAX", 65_536),
        ("SERVER_FRAME_BYTES_MAX", 1_048_576),
        ("SESSIONS_PER_USER_MAX", 50),
        ("TOKEN_BYTES_MAX", 8_192),
        ("TOKEN_ONLY_MAX", 100),
        ("TOKEN_LIFE_S_MAX", 86_400),
        ("TOKEN_FUTURE_S_MAX", 5),
        ("PAGE_ITEMS_MAX", 200),
        ("PAGE_ITEMS_DEFAULT", 50),
        ("IDEMPOTENCY_KEPT_S", 86_400),
        ("HELLO_WAIT_MS_MAX", 10_000),
        ("HELLO_CONVERSATIONS", 30),
        ("UNREAD_LOOK_MAX", 100),
        ("UNREAD_PAGE_LOOK_MAX", 200),
        ("SYNC_REVS_MAX", 10_000),
        ("SYNC_AGE_S_MAX", 2_592_000),
        ("SYNC_RESET_MESSAGES", 50),
        ("WATCH_MAX", 16),
        ("TYPING_MS", 6_000),
        ("PLACED_MEMBERS_MAX", 256),
        ("MESSAGE_ID_KEPT_S", 34_560_000),
    ];
    for (name, number) in promised {
        let found = limits::ALL.iter().find(|(listed, ..)| *listed == name);
        assert_eq!(found.map(|(_, number, _)| *number), Some(number), "{name}");
    }
}

#[test]
fn every_limit_is_listed_once_with_a_sentence() {
    for (index, (name, _, sentence)) in limits::ALL.iter().enumerate() {
        assert!(limits::ALL[..index].iter().all(|(other, ..)| other != name), "{name} stands twice");
        assert!(sentence.trim().ends_with('.'), "{name} has no sentence: {sentence:?}");
    }
}

#[test]
fn a_text_holds_its_limit_and_not_a_byte_more() {
    /// The field that refuses one byte more than fits, and whether it may be empty.
    macro_rules! held {
        ($($text:ident: $max:ident, $field:literal, empty $empty:literal;)+) => {$(
            let max = usize::try_from(limits::$max).unwrap();
            let longest = "x".repeat(max);
            assert_eq!($text::parse(&longest).unwrap().as_str(), longest);
            assert_eq!($text::parse(&"x".repeat(max + 1)).unwrap_err().field, $field);
            assert!($text::parse(&"é".repeat(max / 2 + 1)).is_err(), "a limit counts bytes");
            assert_eq!($text::parse("").is_ok(), $empty, stringify!($text));
            assert_eq!(format!("{:?}", $text::parse("secret").unwrap()), concat!(stringify!($text), "(…)"));
        )+};
    }
    held! {
        Text: TEXT_BYTES_MAX, "text", empty true;
        Name: NAME_BYTES_MAX, "name", empty true;
        RoleName: NAME_BYTES_MAX, "role", empty false;
        ImageUrl: URL_BYTES_MAX, "url", empty false;
        Label: NAME_BYTES_MAX, "label", empty true;
        Reason: REASON_BYTES_MAX, "reason", empty true;
        BotName: NAME_BYTES_MAX, "bot", empty false;
        Emoji: NAME_BYTES_MAX, "emoji", empty false;
    }
}
