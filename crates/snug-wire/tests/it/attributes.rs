//! Attributes: canonical form, and merging by RFC 7396.

use insta::assert_snapshot;
use serde_json::{Value, json};
use snug_model::{Invalid, limits, text};
use snug_wire::{
    attributes::{Attributes, AttributesPatch, merge},
    json::parse,
    users::{UserDraft, UserPatch},
};

use crate::samples;

fn patch(json: &Value) -> text::AttributesPatch {
    let patch: UserPatch = parse(json!({ "attributes": json }).to_string().as_bytes()).expect("a patch");
    patch.attributes.expect("it is there").0
}

fn merged(current: Value, with: &Value) -> Result<String, Invalid> {
    merge(&samples::attributes(current), &patch(with)).map(|attributes| attributes.as_json().to_owned())
}

/// Equal objects are equal bytes, whatever their keys' order and the space between them.
#[test]
fn the_compact_form_is_canonical() {
    let draft: UserDraft =
        parse(br#"{"attributes":{ "b" : [1, {"d":"\u00e9\u0000/\/","c":null}] ,"a":{} }}"#).expect("a draft");
    assert_snapshot!(draft.attributes.expect("it is there").0.as_json(), @r#"{"a":{},"b":[1,{"c":null,"d":"é\u0000//"}]}"#);
}

/// However often they are read and written: a parser that rounds loosely moves a number by its last bit each time.
#[test]
fn numbers_stay_as_they_are() {
    let json = r#"{"a":3.687912031627405e+112,"b":7.333969505002879e-215,"c":0.1,"d":9007199254740993}"#;
    let draft: UserDraft = parse(format!(r#"{{"attributes":{json}}}"#).as_bytes()).expect("a draft");
    let mut attributes = draft.attributes.expect("it is there").0;
    assert_eq!(attributes.as_json(), json);
    for _ in 0..3 {
        attributes = merge(&attributes, &patch(&json!({ "e": null }))).expect("within the limits");
    }
    assert_eq!(attributes.as_json(), json);
}

/// The examples of RFC 7396, appendix A, as far as both sides are objects.
#[test]
fn merging_follows_the_rfc() {
    for (current, with, result) in [
        (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
        (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
        (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        (json!({ "a": [1, 2] }), json!({ "a": { "a": "b", "c": null } }), json!({ "a": { "a": "b" } })),
        (json!({ "a": "b" }), json!(null), json!({})),
        (json!({ "a": "b" }), json!({}), json!({ "a": "b" })),
    ] {
        assert_eq!(merged(current.clone(), &with), Ok(result.to_string()), "{current} with {with}");
    }
}

#[test]
fn the_result_of_merging_is_bounded() {
    let long = |bytes: u64| "x".repeat(bytes as usize);
    let room = limits::ATTRIBUTES_BYTES_MAX - r#"{"a":"","b":1}"#.len() as u64;
    assert!(merged(json!({ "b": 1 }), &json!({ "a": long(room) })).is_ok());
    let refused = merged(json!({ "b": 1 }), &json!({ "a": long(room + 1) })).expect_err("it is too long");
    assert_snapshot!(refused.to_string(), @"attributes: must have at most 4096 bytes as compact JSON");
    // What makes room in the same patch counts.
    assert!(merged(json!({ "b": 1 }), &json!({ "a": long(room + 1), "b": null })).is_ok());

    let nested = |depth: u64| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    assert!(merged(json!({}), &nested(limits::ATTRIBUTES_DEPTH_MAX)).is_ok());
    let refused = merged(json!({}), &nested(limits::ATTRIBUTES_DEPTH_MAX + 1)).expect_err("it is too deep");
    assert_snapshot!(refused.to_string(), @"attributes: must nest at most 8 deep");
}

#[test]
fn a_client_makes_them_of_objects() {
    let Value::Object(object) = json!({ "b": 1, "a": 2 }) else { unreachable!("it is an object") };
    let attributes = Attributes::of(object.clone()).expect("within the limits");
    assert_eq!(attributes.to_object().expect("an object"), object);
    assert!(Attributes::default().is_empty() && !attributes.is_empty());
    assert_eq!(AttributesPatch::of(object).0, patch(&json!({ "a": 2, "b": 1 })));
}
