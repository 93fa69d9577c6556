//! What erasing and deleting destroys: secrets, before the job is done; and what others see after it.

use std::{future::poll_fn, sync::Arc, task::Poll};

use reqwest::Method;
use serde_json::{Value, json};
use snug_model::{AppId, AppKey};
use snug_store::{Kept, KeyStore, SecretName, SecretsOf};

use crate::harness::{Backend, Node, new_id};

on_both! {
    an_erased_persons_secret_is_destroyed_before_the_job_is_done
    what_an_erased_person_wrote_is_there_without_its_words
    a_deleted_conversations_secret_is_destroyed_and_its_name_still_told
    a_deleted_app_leaves_no_secret
}

/// A node's key store, beside the node, and its app.
async fn beside(node: &Node) -> (Arc<dyn KeyStore>, AppKey) {
    let app = node.core.system_actor(&AppId::parse(&node.app).unwrap()).await.unwrap().app();
    (node.place().open().await.unwrap().1, app)
}

/// The names of the secrets of an app that are there.
async fn names(keys: &Arc<dyn KeyStore>, app: AppKey) -> Vec<SecretName> {
    let listed = keys.list_secrets(app, SecretsOf::Everything, None, 1_000).await.unwrap();
    listed.into_iter().map(|(name, _)| name).collect()
}

/// The secret that `made` brings into the world.
async fn made_by(keys: &Arc<dyn KeyStore>, app: AppKey, made: impl Future<Output = ()>) -> SecretName {
    let before = names(keys, app).await;
    made.await;
    let mut new = names(keys, app).await;
    new.retain(|name| !before.contains(name));
    assert_eq!(new.len(), 1, "{new:?}");
    new[0]
}

/// Lets others run, once.
async fn others() {
    let mut let_others = true;
    poll_fn(|context| {
        if std::mem::take(&mut let_others) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Erases a user, and waits until that is done.
async fn erase(node: &Node, user: &str) {
    let job = node.back_end(Method::DELETE, &format!("/users/{user}"), Value::Null).await.is(202);
    node.done(&job).await;
}

async fn an_erased_persons_secret_is_destroyed_before_the_job_is_done(backend: Backend) {
    let node = Node::start_still(backend).await;
    let (keys, app) = beside(&node).await;
    node.users(&["bob"]).await;
    let anns = made_by(&keys, app, node.users(&["ann"])).await;
    node.conversation("c", &[("ann", "owner"), ("bob", "member")]).await;

    let job = node.back_end(Method::DELETE, "/users/ann", Value::Null).await.is(202);
    let path = format!("/jobs/{}", job["job"].as_str().unwrap());
    assert_eq!(node.back_end(Method::GET, &path, Value::Null).await.is(200)["state"], "waiting");
    assert!(matches!(keys.secrets(&[anns]).await.unwrap()[..], [Kept::Secret(_)]), "its turn has not come");
    node.run();
    node.done(&job).await;
    assert_eq!(keys.secrets(&[anns]).await.unwrap(), [Kept::Destroyed]);

    // Who has the id anew is another person, with a secret of its own.
    let hers = made_by(&keys, app, node.users(&["ann"])).await;
    assert_ne!(hers, anns);
    assert_eq!(keys.secrets(&[anns]).await.unwrap(), [Kept::Destroyed]);
    node.back_end(Method::PUT, "/conversations/c/members/ann", json!({})).await.is(201);
    node.say(&node.token("ann").await, "c", "I am somebody else").await;
}

async fn what_an_erased_person_wrote_is_there_without_its_words(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c", &[("ann", "member"), ("bob", "owner")]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let hers = node.say(&ann, "c", "her words").await;
    let his = node.say(&bob, "c", "his words").await;
    let path = |message: &Value| format!("/conversations/c/messages/{}", message["id"].as_str().unwrap());
    node.ask(Method::PATCH, &path(&hers), &ann, Some(json!({ "text": "her edited words" }))).await.is(200);
    for (message, token) in [(&hers, &bob), (&his, &ann), (&his, &bob)] {
        node.ask(Method::PUT, &format!("{}/reactions/👍", path(message)), token, None).await.is(200);
    }

    erase(&node, "ann").await;
    let history = node.ask(Method::GET, "/conversations/c/messages", &bob, None).await.is(200);
    assert!(!history.to_string().contains("her "), "{history}");
    let shown = node.ask(Method::GET, &path(&hers), &bob, None).await.is(200);
    assert_eq!(
        (&shown["message"]["text"], &shown["message"]["sender"]["user"]),
        (&Value::Null, &Value::Null)
    );
    let shown = node.ask(Method::GET, &path(&his), &bob, None).await.is(200);
    assert_eq!(shown["message"]["text"], "his words");
    assert_eq!(shown["message"]["reactions"]["👍"]["mine"], true, "{shown}");
    let versions = node.back_end(Method::GET, &format!("{}/versions", path(&hers)), Value::Null).await;
    assert!(!versions.is(200).to_string().contains("her "));
    let (_socket, hello) = node.hello(&bob).await;
    assert!(!hello.to_string().contains("her "), "{hello}");

    // There is nothing left to edit; what is left can be deleted.
    let edit = json!({ "text": "put into her mouth" });
    node.back_end(Method::PATCH, &path(&hers), edit).await.refused(404, "not_found");
    node.ask(Method::DELETE, &path(&hers), &bob, None).await.is(204);
    // She cannot come back, nor can anybody in her name.
    let say = json!({ "id": new_id(), "text": "again" });
    node.ask(Method::POST, "/conversations/c/messages", &ann, Some(say))
        .await
        .refused(401, "unauthenticated");
}

async fn a_deleted_conversations_secret_is_destroyed_and_its_name_still_told(backend: Backend) {
    let node = Node::start(backend).await;
    let (keys, app) = beside(&node).await;
    node.users(&["ann"]).await;
    let secret = made_by(&keys, app, node.conversation("c", &[("ann", "owner")])).await;
    let ann = node.token("ann").await;
    let inbox = node.ask(Method::GET, "/users/ann/conversations", &ann, None).await.is(200);
    let since = inbox["sync_token"].as_str().unwrap();
    let by_bot = json!({ "id": new_id(), "text": "by a bot", "as": { "bot": "Helper" } });
    node.back_end(Method::POST, "/conversations/c/messages", by_bot).await.is(201);

    node.back_end(Method::DELETE, "/conversations/c", Value::Null).await.is(204);
    while keys.secrets(&[secret]).await.unwrap() != [Kept::Destroyed] {
        others().await;
    }
    let changed = node.ask(Method::GET, &format!("/users/ann/conversations?since={since}"), &ann, None).await;
    assert_eq!(changed.is(200)["gone"], json!(["c"]));
    let events = node.back_end(Method::GET, "/events", Value::Null).await.is(200);
    let events = events["items"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["event"], "conversation_deleted");
    assert_eq!(events.last().unwrap()["conversation"], "c");
    node.back_end(Method::GET, "/conversations/c", Value::Null).await.refused(404, "not_found");
    let again = made_by(&keys, app, node.conversation("c", &[("ann", "owner")])).await;
    assert_ne!(again, secret, "a new one of the same id is another");
}

async fn a_deleted_app_leaves_no_secret(backend: Backend) {
    let node = Node::start(backend).await;
    let (keys, app) = beside(&node).await;
    node.users(&["ann"]).await;
    node.conversation("c", &[("ann", "owner")]).await;
    let ann = node.token("ann").await;
    node.say(&ann, "c", "hello").await;
    let (mut socket, _) = node.hello(&ann).await;
    assert!(names(&keys, app).await.len() >= 3, "a person's, a conversation's, a day's");
    node.back_end(Method::DELETE, "", Value::Null).await.is(202);
    socket.closed().await;
    while keys.secrets(&[SecretName::App(app)]).await.unwrap() != [Kept::Destroyed] {
        node.back_end(Method::GET, "", Value::Null).await.refused(401, "unauthenticated");
        node.ask(Method::GET, "/users/ann", &ann, None).await.refused(401, "unauthenticated");
    }
    assert!(names(&keys, app).await.is_empty());
    node.back_end(Method::GET, "", Value::Null).await.refused(401, "unauthenticated");
    node.ask(Method::GET, "/users/ann", &ann, None).await.refused(401, "unauthenticated");
}
