//! The export of all that was accepted.

use super::*;
use crate::harness::backend::{Place, files};
use futures_util::future::join_all;
use tokio_postgres::NoTls;

on_both! {
    an_export_has_every_record_and_says_how_many
    an_export_that_is_cut_has_no_last_line
    who_reads_no_further_is_in_nobodys_way
}

/// More than a page has.
const PEOPLE: usize = 203;

/// As many people, all of whom have accepted the text.
async fn accepted_by_many(backend: Backend) -> Node {
    let node = Node::start_still(backend).await;
    demand(&node, "1", "read").await;
    let people: Vec<_> = (0..PEOPLE).map(|n| format!("user{n}")).collect();
    for people in people.chunks(100) {
        let users: Vec<_> = people.iter().map(|id| json!({ "id": id })).collect();
        node.back_end(Method::POST, "/users", json!({ "users": users })).await.is(200);
        let accepts = people.iter().map(|user| accept(&node, &node.key, user, "1"));
        assert!(join_all(accepts).await.iter().all(|answer| answer.status == 201));
    }
    node
}

fn export(node: &Node) -> reqwest::RequestBuilder {
    node.request(Method::GET, &format!("/v1/apps/{}/consents/export", node.app)).bearer_auth(&node.key)
}

async fn an_export_has_every_record_and_says_how_many(backend: Backend) {
    let node = Node::start_still(backend).await;
    let nothing = node.back_end(Method::GET, "/consents/export", Value::Null).await.is(200);
    assert_eq!(nothing, json!([{ "count": 0, "sha256": sha256("") }]));
    let node = accepted_by_many(backend).await;
    node.back_end(Method::DELETE, "/users/user7", Value::Null).await.is(202);
    let answer = export(&node).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    let end = text.trim_end().rfind('\n').unwrap() + 1;
    let (records, last) = text.split_at(end);
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last, json!({ "count": PEOPLE - 1, "sha256": sha256(records) }));
    // It is what the list has, in its order.
    let mut listed = Vec::new();
    let mut path = "/consents?limit=200".to_owned();
    loop {
        let mut page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
        listed.append(page["items"].as_array_mut().unwrap());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/consents?limit=200&cursor={next}");
    }
    let exported: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, listed);
    node.back_end(Method::GET, "/consents/export?limit=1", Value::Null).await.refused(400, "invalid");
}

/// Puts the first record in the place of the last one, where it cannot be opened.
async fn spoil_the_last_record(node: &Node) {
    let spoil = "UPDATE consents SET record = (SELECT record FROM consents ORDER BY consent LIMIT 1)
                 WHERE consent = (SELECT max(consent) FROM consents)";
    match node.place() {
        Place::Sqlite { folder, .. } => {
            let [data, _] = files(folder.path());
            assert_eq!(rusqlite::Connection::open(data).unwrap().execute(spoil, []).unwrap(), 1);
        }
        Place::Postgres { data, .. } => {
            let (client, connection) = tokio_postgres::connect(data, NoTls).await.unwrap();
            tokio::spawn(connection);
            assert_eq!(client.execute(spoil, &[]).await.unwrap(), 1);
        }
    }
}

async fn an_export_that_is_cut_has_no_last_line(backend: Backend) {
    let node = accepted_by_many(backend).await;
    spoil_the_last_record(&node).await;
    let mut came = Vec::new();
    let read = async {
        let mut answer = export(&node).send().await?;
        while let Some(chunk) = answer.chunk().await? {
            came.extend(chunk);
        }
        Ok::<_, reqwest::Error>(())
    };
    // Its first page may have come, or have been on its way still.
    read.await.expect_err("the connection says that there was more");
    let came = String::from_utf8(came).unwrap();
    assert!(came.lines().count() <= 200 && !came.contains("\"count\""), "no last line");
}

async fn who_reads_no_further_is_in_nobodys_way(backend: Backend) {
    let node = accepted_by_many(backend).await;
    for _ in 0..5 {
        let mut answer = export(&node).send().await.unwrap();
        assert!(answer.chunk().await.unwrap().is_some());
    }
    let whole = node.back_end(Method::GET, "/consents/export", Value::Null).await.is(200);
    assert_eq!(whole[PEOPLE]["count"], PEOPLE);
}
