//! Tokens of other systems at the door. What each scheme reads stands in the tests of `snug-core`; here, that each comes through.

use super::*;

on_both! {
    a_token_of_each_vendor_lets_its_user_in
}

async fn a_token_of_each_vendor_lets_its_user_in(backend: Backend) {
    let node = Node::start(backend).await;
    let stream = json!({ "user_id": "ann", "exp": now_s() + 600 });
    let talkjs = json!({ "tokenType": "user", "iss": "t1", "sub": "ann", "exp": now_s() + 600 });
    let proof = |scheme: &str, token: String| json!({ "scheme": scheme, "token": token });
    let proofs = [proof("stream", jwt(&stream, SECRET)), proof("talkjs", jwt(&talkjs, OTHER_SECRET))];
    for proof in &proofs {
        node.enter(proof.clone()).await.refused(401, "unauthenticated");
    }
    node.identity(json!({ "schemes": {
        "stream": { "enabled": true, "secrets": { "s": { "secret": SECRET } } },
        "talkjs": { "enabled": true, "app_id": "t1", "secrets": { "s": { "secret": OTHER_SECRET } } },
    } }))
    .await;
    for proof in proofs {
        let session = node.enter(proof.clone()).await.is(201);
        assert_eq!(session["user"], "ann", "{proof}");
        let (_, hello) = node.hello(session["token"].as_str().unwrap()).await;
        assert_eq!(hello["expires_at"], session["expires_at"]);
        // No longer than the vendor's own, although the settings would allow more.
        let exp = claims(session["token"].as_str().unwrap())["exp"].as_f64().unwrap();
        assert!((now_s() + 590..=now_s() + 600).contains(&(exp as i64)), "{session}");
    }
}
