//! Ending what vouched for a session ends the session, before the answer.

use super::*;

on_both! {
    turning_a_scheme_off_ends_its_sessions
    removing_a_secret_ends_its_sessions
    demanding_proof_ends_the_sessions_without
    a_revoked_token_of_the_door_is_like_any_other
}

/// That a socket was closed for want of a credential before an answer came that was asked for after it.
async fn is_closed(socket: &mut Socket) {
    assert_eq!(socket.closed().await, Some(4401));
}

async fn is_open(socket: &mut Socket) {
    assert!(socket.ask(json!({ "op": "ping" })).await["ok"].is_object());
}

async fn turning_a_scheme_off_ends_its_sessions(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    let stream = json!({ "enabled": true, "secrets": { "s": { "secret": OTHER_SECRET } } });
    node.identity(json!({ "schemes": { "stream": stream } })).await;
    let stream = jwt(&json!({ "user_id": "ann", "exp": now_s() + 600 }), OTHER_SECRET);
    let stream = token(node.enter(json!({ "scheme": "stream", "token": stream })).await);
    let by_hmac = token(node.enter(signed("ann")).await);
    let (mut first, _) = node.hello(&by_hmac).await;
    let (mut second, _) = node.hello(&by_hmac).await;
    let (mut by_stream, _) = node.hello(&stream).await;
    let (mut by_key, _) = node.hello(&node.token("ann").await).await;

    let on = |enabled: bool| json!({ "schemes": { "hmac": { "enabled": enabled } } });
    node.identity(on(false)).await;
    is_closed(&mut first).await;
    is_closed(&mut second).await;
    is_open(&mut by_stream).await;
    is_open(&mut by_key).await;
    let inbox = "/users/ann/conversations";
    node.ask(Method::GET, inbox, &by_hmac, None).await.refused(401, "unauthenticated");
    node.enter(signed("ann")).await.refused(401, "unauthenticated");
    // Turned on again, it revives nothing, and lets in who comes anew.
    node.identity(on(true)).await;
    node.ask(Method::GET, inbox, &by_hmac, None).await.refused(401, "unauthenticated");
    let fresh = token(node.enter(signed("ann")).await);
    node.ask(Method::GET, inbox, &fresh, None).await.is(200);
    // What changes nothing of it leaves it alone.
    let (mut third, _) = node.hello(&fresh).await;
    node.identity(on(true)).await;
    node.identity(json!({ "schemes": { "hmac": { "max_ttl_s": 60 }, "stream": { "enabled": false } } }))
        .await;
    is_open(&mut third).await;
    is_closed(&mut by_stream).await;
}

async fn removing_a_secret_ends_its_sessions(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    let last_year = json!({ "last_year": { "secret": OTHER_SECRET } });
    node.identity(json!({ "schemes": { "hmac": { "secrets": last_year } } })).await;
    let older = |user: &str| json!({ "scheme": "hmac", "user": user, "signature": identity_signature(OTHER_SECRET, user) });
    let by_older = token(node.enter(older("ann")).await);
    let (mut old, _) = node.hello(&by_older).await;
    let (mut new, _) = node.hello(&token(node.enter(signed("ann")).await)).await;
    node.identity(json!({ "schemes": { "hmac": { "secrets": { "last_year": null } } } })).await;
    is_closed(&mut old).await;
    is_open(&mut new).await;
    node.enter(older("ann")).await.refused(401, "unauthenticated");
    // Another secret of that name vouches for nothing that came before it.
    let another = json!({ "last_year": { "secret": "another secret altogether" } });
    node.identity(json!({ "schemes": { "hmac": { "secrets": another } } })).await;
    node.ask(Method::GET, "/users/ann/conversations", &by_older, None).await.refused(401, "unauthenticated");
    is_open(&mut new).await;
}

async fn demanding_proof_ends_the_sessions_without(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    let claimed = json!({ "scheme": "hmac", "user": "ann" });
    node.enter(claimed.clone()).await.refused(401, "unauthenticated");
    assert_eq!(node.identity(json!({ "required": false })).await["required"], false);
    let (mut without, _) = node.hello(&token(node.enter(claimed.clone()).await)).await;
    let (mut with, _) = node.hello(&token(node.enter(signed("ann")).await)).await;
    // A signature that is there has to be right.
    let wrong = json!({ "scheme": "hmac", "user": "ann", "signature": identity_signature(SECRET, "bob") });
    node.enter(wrong).await.refused(401, "unauthenticated");
    node.identity(json!({ "required": true })).await;
    is_closed(&mut without).await;
    is_open(&mut with).await;
    node.enter(claimed).await.refused(401, "unauthenticated");
}

async fn a_revoked_token_of_the_door_is_like_any_other(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    node.users(&["ann"]).await;
    for revoke in ["/users/ann/ban", "/users/ann/revoke_tokens"] {
        let (mut socket, _) = node.hello(&token(node.enter(signed("ann")).await)).await;
        node.back_end(Method::POST, revoke, Value::Null).await.is(204);
        let code = if revoke.ends_with("ban") { 4403 } else { 4401 };
        assert_eq!(socket.closed().await, Some(code), "{revoke}");
        for path in ["/users/ann/unban", "/users/ann/allow_proofs"] {
            node.back_end(Method::POST, path, Value::Null).await.is(204);
        }
    }
}
