//! Errors on REST.

use insta::assert_snapshot;
use snug_model::{Invalid, limits};
use snug_wire::{Code, Problem, socket::Refusal};

use crate::{objects::shown, samples};

/// The table of the contract.
#[test]
fn every_code_has_its_status() {
    let table = Code::ALL.iter().map(|code| format!("{} {} {}", code.status(), code.name(), code.title()));
    assert_snapshot!(table.collect::<Vec<_>>().join("\n"), @r#"
    400 invalid Invalid request
    401 unauthenticated Not authenticated
    403 forbidden Forbidden
    403 banned Banned
    403 consent_required Consent required
    404 not_found Not found
    409 conflict Conflict
    410 gone Gone
    421 misdirected Misdirected
    422 refused Refused
    429 rate_limited Too many requests
    503 unavailable Unavailable
    500 internal Internal error
    "#);
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).expect("JSON"), code.name());
    }
}

#[test]
fn problem_documents() {
    assert_snapshot!("problem_not_found", shown(&Problem::of(Code::NotFound)));
    assert_snapshot!("problem_invalid", shown(&Problem::from(Invalid::new("members[3].user", "is missing"))));
    assert_snapshot!("problem_unreadable", shown(&Problem::from(Invalid::new("", "must be a JSON object"))));
    assert_snapshot!("problem_too_large", shown(&Problem::too_large(limits::BODY_BYTES_MAX)));
    assert_snapshot!("problem_forbidden", shown(&Problem::lacking("member.add")));
    assert_snapshot!("problem_banned", shown(&Problem::banned(samples::at(60))));
    assert_snapshot!("problem_consent_required", shown(&Problem::consent_required(&samples::consent())));
    assert_snapshot!("problem_rate_limited", shown(&Problem::rate_limited(1_500)));
    let location = Some("https://us.example.com".to_owned());
    assert_snapshot!("problem_misdirected", shown(&Problem::misdirected(location)));
    assert_snapshot!("problem_internal", shown(&Problem::internal("4tZqk0bGx2".to_owned())));
}

#[test]
fn the_socket_has_the_short_form() {
    let problem = Problem::of(Code::Conflict).saying("Another message has this id.");
    let frame = Refusal::frame(7, problem).expect("it can be written");
    assert_snapshot!(String::from_utf8_lossy(&frame), @r#"{"n":7,"error":{"code":"conflict","message":"Another message has this id."}}"#);
}
