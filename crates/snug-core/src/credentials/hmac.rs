//! An identity signature: the HMAC-SHA256 of a user's id, in hexadecimal, as TalkJS and many others have it.
//!
//! It never ends and says nothing of when it was made, so it is good for a short session alone, and for nobody once the user's
//! tokens were revoked.

use aws_lc_rs::hmac as mac;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use snug_model::{UserId, identity::SchemeSecret};

use super::{Proven, signer};

/// Verifies that one of `secrets` signed this very id. Whatever else a client says of who it is does not come here.
pub fn verify(user: &UserId, signature: &str, secrets: &[SchemeSecret]) -> Option<Proven> {
    let mut given = [0; 32];
    // What is no signature is compared too, with a text that no secret signs, so that it costs the same.
    let readable = hex::decode_to_slice(signature, &mut given).is_ok();
    let secret = signer(secrets, mac::HMAC_SHA256, user.as_str().as_bytes(), &given);
    let good = readable && !user.is_visitor() && !is_token(user.as_str());
    secret.filter(|_| good).map(|secret| Proven {
        user: user.clone(),
        issued_at: None,
        expires_at: None,
        vouched_by: secret.id.clone(),
    })
}

/// Whether an id is what somebody would have signed to get a token made: a `.` behind which stands base64url of a JSON object. Its
/// identity signature would be the signature of a TalkJS token, which has the same secret and says who it likes.
fn is_token(id: &str) -> bool {
    id.split('.').skip(1).any(|part| {
        let part = part.trim_end_matches('=');
        let read = |alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(part).ok();
        let json = read(&alphabet::URL_SAFE).or_else(|| read(&alphabet::STANDARD));
        json.is_some_and(|json| {
            serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(&json).is_ok()
        })
    })
}

/// Reads more than any reader of tokens does: here it is safe to see a token in too much.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
