//! A token is read by who made it, for the use that it was made for, and otherwise refused.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_core::sealing::{InvalidToken, TokenKind, TokenUse, Tokens};
use snug_model::{Actor, KeyActor, KeyId, UserActor, Voucher, actor::Grant};

use super::*;

fn ann(user: UserKey) -> Actor {
    let token = Grant {
        voucher: Voucher::ApiKey(KeyId::from_random("k")),
        jti: None,
        issued_at: NOON,
        expires_at: NOON,
        only: None,
        can: None,
        newcomer: None,
    };
    Actor::User(UserActor { app: APP, user, token, session: None, from: None })
}

fn read(tokens: &Tokens, used: TokenUse<'_>, token: &str) -> Result<(i64, i64), InvalidToken> {
    tokens.read(used, token)
}

#[tokio::test]
async fn a_token_says_what_it_was_made_to_say_for_its_use_alone() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    let (keyed, other_app) = (sealer.keyed(APP).await.unwrap(), sealer.new_app(AppKey(2)).await.unwrap());
    let actor = ann(ANN);
    let used = TokenUse { kind: TokenKind::Cursor, actor: &actor, query: "users?order=asc" };
    let value = (i64::MAX, -1);
    let token = keyed.tokens.make(used, &value).unwrap();
    assert_eq!(read(&keyed.tokens, used, &token), Ok(value));
    // A new session of the same person, on a server that was just started, goes on with it.
    let restarted = installation.server().await.keyed(APP).await.unwrap();
    assert_eq!(read(&restarted.tokens, used, &token), Ok(value));

    let key = Actor::Key(KeyActor { app: APP, key: KeyId::from_random("k"), from: None });
    let other = ann(UserKey(21));
    for wrong in [
        TokenUse { kind: TokenKind::Sync, ..used },
        TokenUse { actor: &other, ..used },
        TokenUse { actor: &key, ..used },
        TokenUse { actor: &Actor::System(APP), ..used },
        TokenUse { query: "users?order=desc", ..used },
        TokenUse { query: "", ..used },
    ] {
        assert_eq!(read(&keyed.tokens, wrong, &token), Err(InvalidToken), "{:?} {}", wrong.kind, wrong.query);
    }
    assert_eq!(read(&other_app.tokens, used, &token), Err(InvalidToken));
}

#[tokio::test]
async fn whatever_is_no_token_is_refused() {
    let keyed = Installation::new().await.server().await.keyed(APP).await.unwrap();
    let actor = ann(ANN);
    let used = TokenUse { kind: TokenKind::Sync, actor: &actor, query: "" };
    let token = keyed.tokens.make(used, &(1_i64, 2_i64)).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(read(&keyed.tokens, used, &changed), Err(InvalidToken), "bit {bit}");
    }
    for cut in 0..token.len() {
        assert_eq!(read(&keyed.tokens, used, &token[..cut]), Err(InvalidToken), "cut to {cut}");
    }
    for wrong in ["", "AA", "ÄÖ", "a b", "=", &format!("{token}="), &"A".repeat(100_000)] {
        assert_eq!(read(&keyed.tokens, used, wrong), Err(InvalidToken));
    }
}

#[tokio::test]
async fn a_token_shows_nothing_of_what_it_says() {
    let keyed = Installation::new().await.server().await.keyed(APP).await.unwrap();
    let actor = ann(ANN);
    let used = TokenUse { kind: TokenKind::Cursor, actor: &actor, query: "" };
    let tokens: BTreeSet<_> = [0, 0, 1, 1 << 40, i64::MAX]
        .into_iter()
        .map(|n: i64| keyed.tokens.make(used, &(n, n)).unwrap())
        .collect();
    assert_eq!(tokens.len(), 5, "equal values have different tokens");
    let lengths: BTreeSet<_> = tokens.iter().map(String::len).collect();
    assert_eq!(lengths.len(), 1, "small and large numbers have tokens of one length");
}
