//! Which ids are read, and what of them prints.

use proptest::prelude::*;
use snug_model::{
    AppId, ConversationId, Epoch, JobId, KeyId, MessageId, Rev, Seq, SessionId, UserId, ids::Region,
};

#[test]
fn an_id_of_snug_has_its_prefix_and_letters_and_digits() {
    for good in ["key_a", "key_0Zz9", &format!("key_{}", "a".repeat(64))] {
        assert_eq!(KeyId::parse(good).unwrap().as_str(), good);
    }
    let long = format!("key_{}", "a".repeat(65));
    for bad in ["", "key", "key_", "a", "KEY_a", "ses_a", "key_a_b", "key_a-b", "key_ä", "key_a ", &long] {
        assert!(KeyId::parse(bad).is_err(), "{bad:?} is no key's id");
    }
    assert!(SessionId::parse("ses_1").is_ok() && SessionId::parse("key_1").is_err());
    assert!(JobId::parse("job_1").is_ok() && JobId::parse("ses_1").is_err());
    assert_eq!(KeyId::from_random("abc").as_str(), "key_abc");
    assert_eq!(KeyId::parse("key_abc").unwrap().random(), "abc");
}

#[test]
fn an_apps_id_names_its_region() {
    let id = AppId::from_random(&Region::parse("eu-1").unwrap(), "x9");
    assert_eq!((id.as_str(), id.region()), ("app_eu-1_x9", "eu-1"));
    assert_eq!(AppId::parse("app_eu-1_x9").unwrap(), id);
    for bad in ["", "app_", "app_eu", "app_eu_", "app__x", "app_EU_x", "app_eu_x_y", "key_eu_x", "app_eu_ü"]
    {
        assert!(AppId::parse(bad).is_err(), "{bad:?} is no app's id");
    }
}

#[test]
fn a_region_is_short_and_plain() {
    assert!(Region::parse("eu-1").is_ok() && Region::parse(&"a".repeat(32)).is_ok());
    for bad in ["", "Eu", "eu_1", "eü", &"a".repeat(33)] {
        assert!(Region::parse(bad).is_err(), "{bad:?} is no region");
    }
}

#[test]
fn a_customers_id_is_up_to_256_bytes_without_control_characters() {
    let longest = "x".repeat(256);
    for good in ["1", " ", "a/b", "ann@example.com", "…", ".a", "Auto", "auto1", &longest, &"é".repeat(128)]
    {
        assert_eq!(UserId::parse(good).unwrap().as_str(), good);
        assert_eq!(ConversationId::parse(good).unwrap().as_str(), good);
    }
    let (too_long, too_many_bytes) = ("x".repeat(257), "é".repeat(129));
    for bad in ["", ".", "..", "auto", "a\nb", "\u{7f}", "\u{85}", "a\0", &too_long, &too_many_bytes] {
        assert_eq!(UserId::parse(bad).unwrap_err().field, "user", "{bad:?}");
        assert_eq!(ConversationId::parse(bad).unwrap_err().field, "conversation", "{bad:?}");
    }
}

#[test]
fn a_customers_id_does_not_print() {
    let id = UserId::parse("ann@example.com").unwrap();
    assert_eq!(format!("{id:?}"), "UserId(…)");
    let refused = UserId::parse("ann\n@example.com").unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("example"), "an error repeats what it refused");
}

#[test]
fn a_visitor_has_snugs_prefix() {
    assert!(UserId::parse("vis_1").unwrap().is_visitor());
    assert!(!UserId::parse("vis-1").unwrap().is_visitor());
}

#[test]
fn a_message_id_is_a_hyphenated_uuid() {
    let text = "01920000-0000-7000-8000-00000000abcd";
    assert_eq!(MessageId::parse(text).unwrap().to_string(), text);
    assert_eq!(MessageId::parse(&text.to_uppercase()).unwrap().to_string(), text);
    let simple = text.replace('-', "");
    for bad in ["", "1", &simple, &format!("{{{text}}}"), &format!("urn:uuid:{text}"), &text[1..]] {
        assert!(MessageId::parse(bad).is_err(), "{bad:?} is no message's id");
    }
}

#[test]
fn counters_count_from_what_they_are() {
    assert_eq!(Seq(1).next(), Seq(2));
    assert_eq!(Rev(0).next(), Rev(1));
}

proptest! {
    #[test]
    fn an_epoch_reads_what_it_writes(number: u64) {
        let written = Epoch(number).to_string();
        prop_assert_eq!(written.len(), 16);
        prop_assert_eq!(Epoch::parse(&written), Some(Epoch(number)));
        prop_assert_eq!(Epoch::parse(&written[1..]), None);
    }

    #[test]
    fn an_epoch_reads_nothing_else(text in "\\PC{0,20}") {
        if let Some(epoch) = Epoch::parse(&text) {
            prop_assert_eq!(epoch.to_string(), text);
        }
    }

    #[test]
    fn a_customers_id_is_kept_byte_for_byte(text in "\\PC{0,80}") {
        if let Ok(id) = UserId::parse(&text) {
            prop_assert_eq!(id.as_str(), text);
        }
    }
}

#[test]
fn an_epoch_has_one_form() {
    for bad in ["", "+000000000000001", "0x00000000000001", "ABCDEF0123456789", "00000000000000001"] {
        assert_eq!(Epoch::parse(bad), None, "{bad:?}");
    }
}
