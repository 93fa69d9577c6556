//! Tokens that are none, tokens that ended, and tokens that the wrong ones vouch for.

use super::*;
use crate::{
    harness::new_app,
    signing::{base64url, by_key},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, get_current_timestamp};

/// Claims of a token that is good for two hours from a minute ago on; with more, or with others.
pub(super) fn claims(node: &Node, user: &str, more: Value) -> Value {
    let now = get_current_timestamp();
    let good = json!({ "iat": now - 60, "exp": now + 7_200 });
    let mut claims = crate::signing::claims(node, user, good);
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// What a token says.
fn said(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// A token by HMAC under any secret.
fn by_secret(kid: &str, secret: &[u8], claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::default() };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

impl Making<'_> {
    /// What was good once, and what ended it. Afterwards the clock shows now.
    pub(super) async fn what_ends(&mut self) {
        let node = self.node;
        let of_app = self.mint(json!({ "user": "member" })).await;
        self.does(Method::POST, "/tokens/revoke", json!({ "app": true })).await;
        let one = self.mint(json!({ "user": "member" })).await;
        let (revoked_key, revoked) = self.key(json!({ "name": "k", "scopes": ["tokens", "users"] })).await;
        let (voided_key, voided) = self.key(json!({ "name": "k", "scopes": ["tokens"] })).await;
        let ends = jiff::Timestamp::from_millisecond(self.clock.now().0 + REHEARSAL_MS / 2).unwrap();
        let ending =
            json!({ "name": "k", "scopes": ["tokens", "users"], "expires_at": format!("{ends:.3}") });
        let (_, ending) = self.key(ending).await;
        let token = |user: &'static str| json!({ "user": user });
        let of_revoked_key = mint(node, &revoked, token("member")).await;
        let of_ended_key = mint(node, &ending, token("member")).await;
        let of_voided_key = mint(node, &voided, token("member")).await;
        let of_revoked_user = self.mint(token("revoked")).await;
        let of_erased_user = self.mint(token("erased")).await;
        let of_banned_user = self.mint(token("banished")).await;
        let jti = said(&one)["jti"].clone();
        self.does(Method::POST, "/tokens/revoke", json!({ "jti": jti })).await;
        self.does(Method::POST, "/tokens/revoke", json!({ "key": voided_key })).await;
        self.does(Method::DELETE, &format!("/keys/{revoked_key}"), Value::Null).await;
        self.does(Method::POST, "/users/revoked/revoke_tokens", Value::Null).await;
        self.does(Method::DELETE, "/users/erased", Value::Null).await;
        self.does(Method::POST, "/users/banished/ban", Value::Null).await;
        for (kind, token) in [
            ("of-revoked-app", of_app),
            ("of-revoked-token", one),
            ("of-revoked-key", of_revoked_key),
            ("of-ended-key", of_ended_key),
            ("of-keys-revoked-tokens", of_voided_key),
        ] {
            let member = self.member(token);
            self.add(kind, member);
        }
        for (kind, user, token) in [
            ("of-revoked-user", "revoked", of_revoked_user),
            ("of-erased-user", "erased", of_erased_user),
            ("from-before-a-ban", "banished", of_banned_user),
        ] {
            self.add(kind, Actor { user: user.to_owned(), ..Actor::bearer(token) });
        }
        self.clock.0.store(0, Ordering::SeqCst);
        self.add("key-revoked", Actor::bearer(revoked));
        self.add("key-expired", Actor::bearer(ending));
    }

    /// Tokens of the member that are not good for what they say, or by whom; and those that are, by whoever vouches.
    pub(super) async fn bad_tokens(&mut self, issuer: &Pair) {
        let node = self.node;
        let claims = |more: Value| claims(node, "member", more);
        let by_key = |more: Value| by_key(&node.key, Header::default(), &claims(more));
        let now = get_current_timestamp();
        let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        let kid = format!("key_{id}");
        let head = json!({ "alg": "none", "kid": kid });
        let unsigned =
            format!("{}.{}.", base64url(head.to_string()), base64url(claims(json!({})).to_string()));
        let other = new_app(&node.core).await;
        let (_, scopeless) = self.key(json!({ "name": "k", "scopes": ["users"] })).await;
        let (scopeless_id, scopeless) = scopeless.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        let (es256, eddsa) = (Pair::es256(), Pair::eddsa());
        let (es256_id, eddsa_id) = (self.registered(&es256).await, self.registered(&eddsa).await);
        let deleted = self.registered(issuer).await;
        self.does(Method::DELETE, &format!("/token_keys/{deleted}"), Value::Null).await;
        let good = claims(json!({}));
        let of_issuer = |more: Value| foreign::issued(node, more);
        for (kind, token) in [
            ("malformed", "not.a.token".to_owned()),
            ("unsigned", unsigned),
            ("other-secret", by_secret(&kid, b"another secret than the key's own", &good)),
            ("unknown-key", by_secret("key_nobody", secret.as_bytes(), &good)),
            ("too-long", by_key(json!({ "exp": now + 86_400 }))),
            ("expired", by_key(json!({ "exp": now - 10 }))),
            ("not-yet", by_key(json!({ "nbf": now + 3_600 }))),
            ("from-the-future", by_key(json!({ "iat": now + 3_600 }))),
            ("for-another-app", by_key(json!({ "aud": other.0 }))),
            ("unknown-permission", by_key(json!({ "can": ["message.send", "message.fly"] }))),
            (
                "of-another-app",
                crate::signing::by_key(&other.1, Header::default(), &claims(json!({ "aud": other.0 }))),
            ),
            ("of-key-without-scope", by_secret(&format!("key_{scopeless_id}"), scopeless.as_bytes(), &good)),
            ("of-deleted-public-key", issuer.token(&deleted, &good)),
            ("of-strangers-es256", Pair::es256().token(&es256_id, &good)),
            ("of-strangers-eddsa", Pair::eddsa().token(&eddsa_id, &good)),
            ("of-es256-as-secret", by_secret(&es256_id, es256.pem.as_bytes(), &good)),
            ("issuer-other-key", Pair::es256().token(foreign::KID, &of_issuer(json!({})))),
            ("issuer-expired", issuer.token(foreign::KID, &of_issuer(json!({ "exp": now - 10 })))),
            ("issuer-for-another", issuer.token(foreign::KID, &of_issuer(json!({ "aud": other.0 })))),
            (
                "issuer-unknown",
                issuer.token(foreign::KID, &of_issuer(json!({ "iss": "https://elsewhere.example" }))),
            ),
            ("by-key", by_key(json!({}))),
            ("by-es256", es256.token(&es256_id, &good)),
            ("by-eddsa", eddsa.token(&eddsa_id, &good)),
            ("by-issuer", issuer.token(foreign::KID, &of_issuer(json!({})))),
        ] {
            let member = self.member(token);
            self.add(kind, member);
        }
        self.add("no-credential", Actor::of(Credential::None));
        self.add("key-of-another-app", Actor::bearer(other.1));
    }

    async fn registered(&self, pair: &Pair) -> String {
        let draft = json!({ "name": "signer", "jwk": pair.jwk });
        let key = self.node.back_end(Method::POST, "/token_keys", draft).await.is(201);
        key["id"].as_str().unwrap().to_owned()
    }
}
