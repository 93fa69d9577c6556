//! Identity signatures.

use snug_core::credentials::{hmac, talkjs};

use super::*;

fn sign(secret: &str, id: &str) -> String {
    hex::encode(mac::sign(&mac::Key::new(mac::HMAC_SHA256, secret.as_bytes()), id.as_bytes()))
}

fn proves(id: &str, signature: &str) -> bool {
    hmac::verify(&UserId::parse(id).unwrap(), signature, &secrets()).is_some()
}

/// RFC 4231, test case 2.
#[test]
fn it_is_the_hmac_of_the_id() {
    let secrets = [secret("jefe", "Jefe")];
    let id = UserId::parse("what do ya want for nothing?").unwrap();
    let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(
        said(hmac::verify(&id, signature, &secrets).as_ref()),
        Some((id.as_str(), "jefe", None, None))
    );
}

#[test]
fn either_secret_proves_the_very_person() {
    for (secret, name) in [(OLD, "old"), (NEW, "new")] {
        let signature = sign(secret, "alice");
        let proven = hmac::verify(&alice(), &signature, &secrets());
        assert_eq!(said(proven.as_ref()), Some(("alice", name, None, None)));
        assert!(proves("alice", &signature.to_uppercase()));
        // Checked against the person who is named, whoever else the client has a signature of.
        for other in ["bob", "Alice", "alice ", "alic", "alicee", "ALICE"] {
            assert!(!proves(other, &signature), "{other}");
        }
    }
    assert!(!proves("alice", &sign("another secret", "alice")));
    assert!(hmac::verify(&alice(), &sign(OLD, "alice"), &[]).is_none(), "without a secret nobody is let in");
    assert!(hmac::verify(&alice(), &sign(OLD, "alice"), &secrets()[1..]).is_none(), "a removed secret");
}

#[test]
fn nothing_but_the_whole_signature_will_do() {
    let signature = sign(NEW, "alice");
    for place in 0..64 {
        let mut other = signature.clone().into_bytes();
        other[place] = if other[place] == b'0' { b'1' } else { b'0' };
        assert!(!proves("alice", std::str::from_utf8(&other).unwrap()), "character {place}");
        assert!(!proves("alice", &signature[..place]), "the first {place} characters");
    }
    for other in [format!("{signature}0"), format!(" {signature}"), format!("0x{signature}"), "é".repeat(32)]
    {
        assert!(!proves("alice", &other), "{other}");
    }
    // What an unreadable signature is compared as.
    assert!(!proves("alice", &"0".repeat(64)));
}

/// Whoever signs ids signs what people call themselves.
#[test]
fn an_id_that_is_a_token_to_be_signed_is_refused() {
    let claims = serde_json::json!({
        "tokenType": "user", "iss": "app1", "sub": "bob", "exp": NOW_S + 60 });
    let head = serde_json::json!({ "alg": "HS256" });
    let [head, claims] = [head, claims].map(|json| URL_SAFE_NO_PAD.encode(json.to_string()));
    let id = format!("{head}.{claims}");
    // It is not a fancy: the signature of this id is that of a token for somebody else.
    let forged = format!("{id}.{}", signature("HS256", NEW, &id));
    assert_eq!(talkjs::verify(&forged, "app1", &secrets(), NOW).unwrap().user.as_str(), "bob");

    assert!(!proves(&id, &sign(NEW, &id)));
    let padded = base64::engine::general_purpose::URL_SAFE.encode(r#"{"sub":"bob"}"#);
    let standard = base64::engine::general_purpose::STANDARD.encode(r#"{"sub":">"}"#);
    assert!(padded.ends_with('=') && standard.contains('+'));
    for tail in [claims.as_str(), &padded, &standard, "e30", "e31", "IHsgfSA"] {
        for id in [format!("x.{tail}"), format!(".{tail}"), format!("x.y.{tail}"), format!("x.{tail}.y")] {
            assert!(!proves(&id, &sign(NEW, &id)), "{id}");
        }
    }
    for harmless in ["ann.smith@example.com", "john.example", "a.b.c", "1.5", "x.", "x.WzFd", "e30", "e30.x"]
    {
        assert!(proves(harmless, &sign(NEW, harmless)), "{harmless}");
    }
}

#[test]
fn nobody_becomes_a_visitor() {
    assert!(!proves("vis_1", &sign(NEW, "vis_1")));
}
