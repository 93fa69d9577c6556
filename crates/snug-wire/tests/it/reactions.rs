//! What is an emoji.

use snug_model::text;
use snug_wire::reactions::emoji;

fn own() -> Vec<text::Emoji> {
    [":parrot:", "+1"].map(|name| text::Emoji::parse(name).expect("a reaction")).to_vec()
}

#[test]
fn one_rgi_emoji_is_taken() {
    let taken = ["👍", "👍🏽", "❤️", "1️⃣", "#️⃣", "🇩🇪", "🇪🇺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧‍👦", "🧑🏻‍🤝‍🧑🏿", "👩🏻‍❤️‍💋‍👨🏿", "🫱🏻‍🫲🏿", "🐦‍🔥", "🏳️‍🌈", "©️"];
    for written in taken {
        assert_eq!(emoji(written, &[]).map(|emoji| emoji.as_str().to_owned()), Ok(written.to_owned()));
    }
}

/// All ways to write one picture count together.
#[test]
fn variation_selectors_are_set_right() {
    for (written, answered) in [("❤", "❤️"), ("🏳‍🌈", "🏳️‍🌈"), ("1⃣", "1️⃣"), ("©", "©️"), ("👍\u{fe0f}", "👍")]
    {
        assert_eq!(emoji(written, &[]).map(|emoji| emoji.as_str().to_owned()), Ok(answered.to_owned()));
    }
}

#[test]
fn nothing_else_is() {
    for written in [
        "",
        " ",
        "a",
        "1",
        "#",
        "👍👍",
        "👍 ",
        " 👍",
        "🏽",
        "🇩",
        "🇦🇦",
        "\u{200d}",
        "\u{fe0f}",
        "thumbsup",
        ":+1:",
        "☭\u{fe0f}",
    ] {
        let refused = emoji(written, &own()).expect_err(written);
        assert_eq!(refused.field, "emoji");
    }
}

#[test]
fn the_apps_own_are() {
    for written in [":parrot:", "+1"] {
        assert_eq!(emoji(written, &own()).map(|emoji| emoji.as_str().to_owned()), Ok(written.to_owned()));
        assert!(emoji(written, &[]).is_err());
    }
}
