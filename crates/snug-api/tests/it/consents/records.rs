//! What is kept of a consent, and who says so.

use super::*;

on_both! {
    a_consent_is_kept_once_and_a_new_version_asks_again
    what_is_not_demanded_cannot_be_accepted
    a_back_end_accepts_for_a_user_and_is_named
    records_are_listed_to_whom_they_concern
    who_is_banned_accepts_nothing
    a_narrowed_token_accepts_and_gains_nothing
    records_go_with_who_is_erased
}

async fn a_consent_is_kept_once_and_a_new_version_asks_again(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "send").await;
    let token = node.token("bob").await;
    let record = accept(&node, &token, "bob", "1").await.is(201);
    let said = |field: &str| record[field].clone();
    assert_eq!(
        [said("user"), said("id"), said("version"), said("locale"), said("digest"), said("by")],
        [
            json!("bob"),
            json!("terms"),
            json!("1"),
            json!("en"),
            json!(sha256(TEXT)),
            json!({ "user": "bob" })
        ]
    );
    assert!(record["accepted_at"].is_string());
    // Again, in whatever language, it answers what was kept.
    assert_eq!(accept(&node, &token, "bob", "1").await.is(200), record);
    let german = json!({ "id": "terms", "version": "1", "locale": "de", "digest": sha256("Seid nett.") });
    let again = node.ask(Method::POST, "/users/bob/consents", &token, Some(german)).await.is(200);
    assert_eq!(again, record);
    node.say(&token, "c1", "hi").await;

    demand(&node, "2", "send").await;
    let send = json!({ "id": new_id(), "text": "hi" });
    let path = "/conversations/c1/messages";
    let refused = node.ask(Method::POST, path, &token, Some(send)).await.refused(403, "consent_required");
    shows(&refused["consent"], "2", "send");
    accept(&node, &token, "bob", "1").await.refused(409, "conflict");
    accept(&node, &token, "bob", "2").await.is(201);
    node.say(&token, "c1", "hi").await;
    // A text that changes within its version asks again, too; before what it is demanded does not.
    demand(&node, "2", "read").await;
    node.say(&token, "c1", "hi").await;
    let texts = json!([{ "locale": "en", "text": "Be kind." }]);
    let patch = json!({ "settings": { "consent": { "texts": texts } } });
    node.back_end(Method::PATCH, "", patch).await.is(200);
    node.ask(Method::GET, "/users/bob", &token, None).await.refused(403, "consent_required");
    // Back at what it has accepted, and at nothing, it is not asked.
    demand(&node, "2", "read").await;
    node.ask(Method::GET, "/users/bob", &token, None).await.is(200);
    demand_nothing(&node).await;
    node.say(&token, "c1", "hi").await;
    let listed = node.ask(Method::GET, "/users/bob/consents", &token, None).await.is(200);
    let versions: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|item| item["version"].clone()).collect();
    assert_eq!(versions, [json!("1"), json!("2")]);
    assert_eq!(listed["items"][0], record);
}

async fn what_is_not_demanded_cannot_be_accepted(backend: Backend) {
    let (node, _) = scene(backend).await;
    let token = node.token("bob").await;
    accept(&node, &token, "bob", "1").await.refused(409, "conflict");
    demand(&node, "1", "send").await;
    let mut socket = open(&node, "bob").await;
    let with = |field: &str, value: &str| {
        let mut accepted = accepted("1");
        accepted[field] = value.into();
        accepted
    };
    for outdated in [
        with("id", "privacy"),
        with("version", "0"),
        with("locale", "fr"),
        with("digest", &sha256("other words")),
        with("digest", &sha256("Seid nett.")),
    ] {
        for credential in [&token, &node.key] {
            let answer = node.ask(Method::POST, "/users/bob/consents", credential, Some(outdated.clone()));
            answer.await.refused(409, "conflict");
        }
        let mut request = outdated.clone();
        request["op"] = "consent".into();
        assert_eq!(socket.ask(request).await["error"]["code"], "conflict");
    }
    for unreadable in [with("digest", "00"), with("digest", &sha256(TEXT).to_uppercase()), with("id", "")] {
        let answer = node.ask(Method::POST, "/users/bob/consents", &token, Some(unreadable)).await;
        answer.refused(400, "invalid");
    }
    let listed = node.back_end(Method::GET, "/consents", Value::Null).await.is(200);
    assert_eq!(listed["items"], json!([]));
}

async fn a_back_end_accepts_for_a_user_and_is_named(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let id = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap().0.to_owned();
    let once = || {
        let path = format!("/v1/apps/{}/users/bob/consents", node.app);
        let request = node.request(Method::POST, &path).bearer_auth(&node.key);
        request.header("Idempotency-Key", "once").body(accepted("1").to_string())
    };
    let record = node.send(once()).await.is(201);
    assert_eq!((&record["user"], &record["by"]), (&json!("bob"), &json!({ "key": format!("key_{id}") })));
    assert_eq!(node.send(once()).await.is(201), record, "the first answer");
    // Bob himself finds it done.
    let token = node.token("bob").await;
    assert_eq!(accept(&node, &token, "bob", "1").await.is(200), record);
    node.ask(Method::GET, "/users/bob", &token, None).await.is(200);
    accept(&node, &node.key, "nobody", "1").await.refused(404, "not_found");
    let weak = json!({ "name": "weak", "scopes": ["users:read", "messages"] });
    let weak = node.back_end(Method::POST, "/keys", weak).await.is(201);
    let key = weak["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    let weak = format!("sk_{key}_{}", weak["secret"].as_str().unwrap());
    accept(&node, &weak, "ann", "1").await.refused(403, "forbidden");
    node.ask(Method::GET, "/consents", &weak, None).await.is(200);
}

async fn records_are_listed_to_whom_they_concern(backend: Backend) {
    let (node, _) = scene(backend).await;
    for version in ["1", "2"] {
        demand(&node, version, "send").await;
        for user in ["ann", "bob"] {
            accept(&node, &node.token(user).await, user, version).await.is(201);
        }
    }
    let token = node.token("bob").await;
    // Others' are hidden, and so is whether there are others.
    for user in ["ann", "nobody"] {
        let path = format!("/users/{user}/consents");
        node.ask(Method::GET, &path, &token, None).await.refused(404, "not_found");
        accept(&node, &token, user, "2").await.refused(404, "not_found");
    }
    node.ask(Method::GET, "/consents", &token, None).await.refused(403, "forbidden");
    let mine = node.ask(Method::GET, "/users/bob/consents", &token, None).await.is(200);
    let same = node.back_end(Method::GET, "/users/bob/consents", Value::Null).await.is(200);
    assert_eq!((mine["items"].as_array().unwrap().len(), &mine["items"]), (2, &same["items"]));
    let (mut all, mut path) = (Vec::new(), "/consents?limit=3".to_owned());
    loop {
        let page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
        all.extend(
            page["items"].as_array().unwrap().iter().map(|it| (it["user"].clone(), it["version"].clone())),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/consents?limit=3&cursor={next}");
    }
    let expected = [("ann", "1"), ("bob", "1"), ("ann", "2"), ("bob", "2")];
    assert_eq!(all, expected.map(|(user, version)| (json!(user), json!(version))));
    // A record of this app is none of another's.
    let (other, key) = crate::harness::new_app(&node.core).await;
    let path = format!("/v1/apps/{other}/consents");
    let theirs = node.send(node.request(Method::GET, &path).bearer_auth(&key)).await.is(200);
    assert_eq!(theirs["items"], json!([]));
    node.ask(Method::GET, "/consents", &key, None).await.refused(401, "unauthenticated");
}

async fn who_is_banned_accepts_nothing(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let before = node.token("bob").await;
    node.back_end(Method::POST, "/users/bob/ban", Value::Null).await.is(204);
    accept(&node, &before, "bob", "1").await.refused(401, "unauthenticated");
    let banned = node.back_end(Method::GET, "/users/bob/consents", Value::Null).await.is(200);
    assert_eq!(banned["items"], json!([]));
    // A back end may, for the day on which the ban is lifted.
    accept(&node, &node.key, "bob", "1").await.is(201);
}

async fn a_narrowed_token_accepts_and_gains_nothing(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let narrowed = node.narrowed_token(json!({ "user": "bob", "only": [], "can": [] })).await;
    accept(&node, &narrowed, "bob", "1").await.is(201);
    node.ask(Method::GET, "/conversations/c1", &narrowed, None).await.refused(404, "not_found");
}

async fn records_go_with_who_is_erased(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    for user in ["ann", "bob"] {
        accept(&node, &node.token(user).await, user, "1").await.is(201);
    }
    node.back_end(Method::DELETE, "/users/bob", Value::Null).await.is(202);
    node.back_end(Method::GET, "/users/bob/consents", Value::Null).await.refused(404, "not_found");
    let all = node.back_end(Method::GET, "/consents", Value::Null).await.is(200);
    assert_eq!((all["items"].as_array().unwrap().len(), &all["items"][0]["user"]), (1, &json!("ann")));
    // Made again, it is a new person, who is asked.
    node.users(&["bob"]).await;
    let fresh = node.token("bob").await;
    node.ask(Method::GET, "/users/bob", &fresh, None).await.refused(403, "consent_required");
    accept(&node, &fresh, "bob", "1").await.is(201);
    node.ask(Method::GET, "/users/bob", &fresh, None).await.is(200);
}
