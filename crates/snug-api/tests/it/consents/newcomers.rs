//! People whom nobody knows, before they consent: nothing is stored of them.

use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::refusals::witness::Witness;

on_both! {
    nothing_is_stored_of_a_newcomer_before_it_consents
    a_visitor_consents_before_it_writes_and_can_return
    a_back_end_makes_a_newcomer_and_its_socket_goes_on
    once_no_consent_is_demanded_a_newcomer_is_made
    where_no_users_are_made_a_newcomer_is_nobody
    first_consents_at_once_make_one_person
}

/// A back end's token for somebody whom nobody knows.
async fn newcomer(node: &Node) -> String {
    node.token("new").await
}

async fn nothing_is_stored_of_a_newcomer_before_it_consents(backend: Backend) {
    let (node, _) = scene(backend).await;
    for before in ["read", "send"] {
        demand(&node, before, before).await;
        let (id, path) = (format!("{before}@example.com"), format!("/users/{before}@example.com"));
        let (token, witness) = (node.token(&id).await, Witness::of(&node).await);
        let stored = witness.digest().await;
        let (mut socket, hello) = node.hello(&token).await;
        shows(&hello["consent"], before, before);
        assert_eq!((&hello["user"]["id"], &hello["user"]["role"]), (&json!(id), &json!("user")));
        assert!(socket.ask(json!({ "op": "token", "token": token })).await["ok"].is_object());
        assert!(socket.ask(json!({ "op": "ping" })).await["ok"].is_object());
        let inbox = socket.ask(json!({ "op": "inbox" })).await;
        assert_eq!(inbox["error"]["code"] == "consent_required", before == "read", "{inbox}");
        let named = json!({ "name": "New" });
        node.ask(Method::PATCH, &path, &token, Some(named)).await.refused(403, "consent_required");
        node.ask(Method::POST, "/conversations", &token, Some(json!({})))
            .await
            .refused(403, "consent_required");
        // Nor by what it may not accept.
        accept(&node, &token, &id, "outdated").await.refused(409, "conflict");
        node.back_end(Method::GET, &path, Value::Null).await.refused(404, "not_found");
        assert_eq!(witness.digest().await, stored, "a row changed");
        // Its consent makes the person, whose socket goes on.
        accept(&node, &token, &id, before).await.is(201);
        let user = node.back_end(Method::GET, &path, Value::Null).await.is(200);
        assert_eq!(user["id"], json!(id));
        node.conversation(before, &[(&id, "member")]).await;
        let sent = json!({ "op": "send", "conversation": before, "id": new_id(), "text": "hi" });
        let sent = socket.ask(sent).await;
        assert_eq!(sent["ok"]["message"]["sender"]["user"], json!(id), "{sent}");
        // Erased, it is no newcomer to an old token; made anew by a back end it is another person, who is asked.
        node.back_end(Method::DELETE, &path, Value::Null).await.is(202);
        assert_eq!(socket.closed().await, Some(4401));
        node.ask(Method::GET, &path, &token, None).await.refused(401, "unauthenticated");
        node.users(&[&id]).await;
        let fresh = node.token(&id).await;
        node.ask(Method::PATCH, &path, &fresh, Some(json!({ "name": "New" })))
            .await
            .refused(403, "consent_required");
    }
}

async fn a_visitor_consents_before_it_writes_and_can_return(backend: Backend) {
    let (node, _) = scene(backend).await;
    node.identity(json!({ "schemes": { "visitor": { "enabled": true } } })).await;
    let role = json!({ "permissions": ["conversation.create"] });
    node.back_end(Method::PUT, "/roles/app/user", role).await.is(200);
    demand(&node, "1", "send").await;
    let witness = Witness::of(&node).await;
    let stored = witness.digest().await;
    let first = node.enter(json!({ "scheme": "visitor" })).await.is(201);
    let again = node.enter(json!({ "scheme": "visitor", "resume": first["resume"] })).await.is(201);
    let (token, id) = (again["token"].as_str().unwrap(), again["user"].as_str().unwrap());
    node.ask(Method::POST, "/conversations", token, Some(json!({}))).await.refused(403, "consent_required");
    assert_eq!(witness.digest().await, stored, "a row changed");
    accept(&node, token, id, "1").await.is(201);
    node.ask(Method::POST, "/conversations", token, Some(json!({}))).await.is(201);
    // It returns by what it was given last, and by that alone.
    let resume = |from: &Value| json!({ "scheme": "visitor", "resume": from["resume"] });
    node.enter(resume(&first)).await.refused(401, "unauthenticated");
    let third = node.enter(resume(&again)).await.is(201);
    assert_eq!(third["user"], again["user"]);
    node.enter(resume(&again)).await.refused(401, "unauthenticated");
}

async fn a_back_end_makes_a_newcomer_and_its_socket_goes_on(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let token = newcomer(&node).await;
    let (mut socket, _) = node.hello(&token).await;
    node.users(&["new"]).await;
    node.conversation("c2", &[("new", "member")]).await;
    assert_eq!(socket.ask(json!({ "op": "inbox" })).await["error"]["code"], "consent_required");
    let mut request = accepted("1");
    request["op"] = "consent".into();
    assert!(socket.ask(request).await["ok"].is_object());
    let inbox = socket.ask(json!({ "op": "inbox" })).await;
    assert_eq!(inbox["ok"]["items"][0]["conversation"]["id"], "c2", "{inbox}");
    let user = node.ask(Method::GET, "/users/new", &token, None).await.is(200);
    assert_eq!(user["name"], "NEW");
}

async fn once_no_consent_is_demanded_a_newcomer_is_made(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "send").await;
    let (mut socket, _) = node.hello(&newcomer(&node).await).await;
    demand_nothing(&node).await;
    node.back_end(Method::GET, "/users/new", Value::Null).await.refused(404, "not_found");
    assert!(socket.ask(json!({ "op": "inbox" })).await["ok"].is_object());
    node.back_end(Method::GET, "/users/new", Value::Null).await.is(200);
}

async fn where_no_users_are_made_a_newcomer_is_nobody(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "send").await;
    let token = newcomer(&node).await;
    let (mut socket, _) = node.hello(&token).await;
    node.back_end(Method::PATCH, "", json!({ "settings": { "auto_create_users": false } })).await.is(200);
    accept(&node, &token, "new", "1").await.refused(401, "unauthenticated");
    let mut request = accepted("1");
    (request["op"], request["n"]) = ("consent".into(), 2.into());
    socket.write(Message::text(request.to_string())).await;
    assert_eq!(socket.closed().await, Some(4401));
}

async fn first_consents_at_once_make_one_person(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let token = newcomer(&node).await;
    let accepts = (0..8).map(|_| accept(&node, &token, "new", "1"));
    let answers = futures_util::future::join_all(accepts).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let listed = node.back_end(Method::GET, "/consents", Value::Null).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}
