//! The body of `POST …/sessions`, and what of it comes to the scheme that it names.

use snug_core::{FromPage, Proof, credentials::hmac};
use snug_wire::{json, sessions::SessionDraft};

use super::{SECRET, planted, secrets};
use crate::rest::proof;

/// The signature that stands for the right one of whatever user the body names.
const SIGNED: &str = "signed";

/// Takes a body. A signature that is the word `signed` is made here.
pub fn session(input: &[u8]) -> bool {
    let Ok(draft) = json::parse::<SessionDraft>(input) else { return false };
    let again = json::print(&draft).ok().and_then(|json| json::parse::<SessionDraft>(&json).ok());
    assert_eq!(again.as_ref(), Some(&draft), "a body is read as it is written");
    let Ok(proof) = proof(draft, FromPage::default()) else { return false };
    match proof {
        Proof::Signature { user, signature } => {
            let given = signature.as_ref().map_or("", |signature| signature.expose());
            let right = || {
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
                let tag = aws_lc_rs::hmac::sign(&key, user.as_str().as_bytes());
                tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let signature = if given == SIGNED { right() } else { given.to_owned() };
            let proven = hmac::verify(&user, &signature, &secrets("SK1", SECRET));
            assert!(proven.is_none() || given == SIGNED, "nobody guesses a signature");
            planted(proven.is_some_and(|proven| proven.user.as_str().contains("..")));
            true
        }
        Proof::Token(..) | Proof::Visitor { .. } => true,
        Proof::Unknown => false,
    }
}
