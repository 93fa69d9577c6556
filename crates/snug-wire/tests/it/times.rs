//! Times.

use proptest::prelude::*;
use snug_model::Timestamp;
use snug_wire::time::Time;

fn read(text: &str) -> Option<i64> {
    serde_json::from_value::<Time>(text.into()).ok().map(|time| time.0.0)
}

fn written(ms: i64) -> String {
    let json = serde_json::to_value(Time(Timestamp(ms))).expect("JSON");
    json.as_str().expect("a string").to_owned()
}

#[test]
fn written_in_utc_with_milliseconds() {
    assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(written(1_767_323_045_678), "2026-01-02T03:04:05.678Z");
    assert_eq!(written(-1), "1969-12-31T23:59:59.999Z");
    assert_eq!(written(i64::MAX), "9999-12-30T22:00:00.999Z");
}

#[test]
fn read_in_every_form_of_the_rfc() {
    for (text, ms) in [
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T03:04:05.6Z", 1_767_323_045_600),
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
        ("2026-01-02T03:04:05.678999999Z", 1_767_323_045_678),
        ("2026-01-02T04:34:05.678+01:30", 1_767_323_045_678),
        ("2026-01-01T19:04:05.678-08:00", 1_767_323_045_678),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ] {
        assert_eq!(read(text), Some(ms), "{text}");
    }
}

#[test]
fn nothing_else_is_a_time() {
    for text in [
        "",
        "now",
        "1767323045678",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-01-02t03:04:05z",
        "20260102T030405Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,678Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05Z[UTC]",
        "2026-13-02T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "+002026-01-02T03:04:05Z",
        "-002026-01-02T03:04:05Z",
        "2026-W01-5T03:04:05Z",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z ",
        "２026-01-02T03:04:05Z",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(ms in -62_135_596_800_000_i64..253_402_207_200_000) {
        prop_assert_eq!(read(&written(ms)), Some(ms));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[-0-9T:.Z+]{0,40}") {
        let _ = read(&text);
    }
}
