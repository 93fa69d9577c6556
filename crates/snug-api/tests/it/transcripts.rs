//! Transcripts of conversations, and the end of a conversation of which one has it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use snug_model::{AppId, ConversationId, Seq};

use crate::harness::{Answer, Backend, Node, new_app, new_id};

on_both! {
    a_transcript_has_every_message_and_ends_its_conversation
    nothing_ends_that_was_not_read
    what_changes_while_one_reads_is_not_ended
    a_transcript_that_was_cut_goes_on
    a_receipt_is_good_for_one_transcript_of_one_conversation
    an_archived_conversation_is_read_and_out_of_the_inbox
    a_table_is_run_by_no_spreadsheet
    a_page_runs_nothing
}

/// More than two pages of a list.
const MESSAGES: usize = 430;

fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// A conversation of ann and bob, in which there is every kind of message, and many.
async fn talked(backend: Backend) -> Node {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c", &[("ann", "owner"), ("bob", "member")]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let edited = node.say(&ann, "c", "first").await;
    let deleted = node.say(&bob, "c", "a secret").await;
    let message = |message: &Value| format!("/conversations/c/messages/{}", message["id"].as_str().unwrap());
    node.ask(Method::PATCH, &message(&edited), &ann, Some(json!({ "text": "edited" }))).await.is(200);
    let react = format!("{}/reactions/%F0%9F%91%8D", message(&edited));
    node.ask(Method::PUT, &react, &bob, None).await.is(200);
    node.ask(Method::DELETE, &message(&deleted), &bob, None).await.is(204);
    let bot =
        json!({ "id": new_id(), "as": { "bot": "Helper" }, "text": "Hello!", "reply_to": edited["id"] });
    node.back_end(Method::POST, "/conversations/c/messages", bot).await.is(201);
    fill(&node, MESSAGES - 3).await;
    node
}

/// Has ann say so much.
async fn fill(node: &Node, count: usize) {
    let said = |n| json!({ "id": new_id(), "as": { "user": "ann" }, "text": format!("message {n}") });
    for from in (0..count).step_by(100) {
        let messages: Vec<Value> = (from..count.min(from + 100)).map(said).collect();
        let batch = json!({ "messages": messages });
        node.back_end(Method::POST, "/conversations/c/messages/batch", batch).await.is(200);
    }
}

/// The text of an export, and its headers.
async fn export(node: &Node, query: &str) -> (String, reqwest::header::HeaderMap) {
    let path = format!("/v1/apps/{}/conversations/c/export{query}", node.app);
    let answer = node.request(Method::GET, &path).bearer_auth(&node.key).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let headers = answer.headers().clone();
    (answer.text().await.unwrap(), headers)
}

/// The lines of a transcript, and its last one.
async fn transcript(node: &Node) -> (String, Value) {
    let (text, headers) = export(node, "").await;
    assert_eq!(headers["content-type"], "application/x-ndjson");
    let end = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
    let (lines, last) = text.split_at(end);
    (lines.to_owned(), serde_json::from_str(last).unwrap())
}

async fn end(node: &Node, last: &Value) -> Answer {
    let body = json!({ "sha256": last["sha256"], "receipt": last["receipt"] });
    node.back_end(Method::POST, "/conversations/c/end", body).await
}

async fn is_there(node: &Node) -> bool {
    node.back_end(Method::GET, "/conversations/c", Value::Null).await.status == 200
}

async fn a_transcript_has_every_message_and_ends_its_conversation(backend: Backend) {
    let node = talked(backend).await;
    let (lines, last) = transcript(&node).await;
    assert_eq!((&last["count"], &last["sha256"]), (&json!(MESSAGES), &json!(sha256(&lines))));
    let (mut listed, mut path) = (Vec::new(), "/conversations/c/messages?limit=200&after=0".to_owned());
    loop {
        let mut page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
        listed.append(page["items"].as_array_mut().unwrap());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/conversations/c/messages?limit=200&after=0&cursor={next}");
    }
    let exported: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, listed);
    assert!(exported[1]["deleted_at"].is_string() && !lines.contains("a secret"), "a tombstone says nothing");

    let job = end(&node, &last).await.is(202);
    assert!(!is_there(&node).await);
    end(&node, &last).await.refused(404, "not_found");
    node.run();
    node.done(&job).await;
}

async fn nothing_ends_that_was_not_read(backend: Backend) {
    let node = talked(backend).await;
    let token = node.token("ann").await;
    let (lines, _) = transcript(&node).await;
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let first = format!("/conversations/c/messages/{}", first["id"].as_str().unwrap());
    let react = format!("{first}/reactions/%F0%9F%8E%89");
    let changes = [
        (Method::POST, "/conversations/c/messages", json!({ "id": new_id(), "text": "one more" })),
        (Method::PATCH, first.as_str(), json!({ "text": "edited again" })),
        (Method::PUT, react.as_str(), Value::Null),
        (Method::DELETE, first.as_str(), Value::Null),
        (Method::PATCH, "/conversations/c", json!({ "name": "renamed" })),
        (Method::DELETE, "/conversations/c/members/bob", Value::Null),
    ];
    for (method, path, body) in changes {
        let (_, last) = transcript(&node).await;
        let changed = node.ask(method, path, &token, Some(body).filter(|body| !body.is_null())).await;
        assert!(changed.status < 300, "{path}: {}", changed.body);
        let refused = end(&node, &last).await.refused(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("since it was exported"), "{refused}");
        assert!(is_there(&node).await);
    }
    // What nobody else sees changes nothing of it.
    let (_, last) = transcript(&node).await;
    node.ask(Method::PUT, "/conversations/c/read", &token, Some(json!({ "seq": 5 }))).await.is(200);
    end(&node, &last).await.is(202);
}

async fn what_changes_while_one_reads_is_not_ended(backend: Backend) {
    let node = talked(backend).await;
    let actor = node.core.system_actor(&AppId::parse(&node.app).unwrap()).await.unwrap();
    let id = ConversationId::parse("c").unwrap();
    let first = node.core.transcript(&actor, &id, Seq(0), 200).await.unwrap();
    assert!(first.more && first.messages.len() == 200);
    let edited = format!("/conversations/c/messages/{}", first.messages[0].id);
    node.ask(Method::PATCH, &edited, &node.token("ann").await, Some(json!({ "text": "unread" })))
        .await
        .is(200);
    let rest = node.core.transcript(&actor, &id, Seq(200), 1_000).await.unwrap();
    assert!(!rest.more);
    let digest = snug_model::consents::TextDigest([7; 32]);
    for (as_of, good) in [(first.as_of, false), (rest.as_of, true)] {
        let receipt = node.core.transcript_receipt(&actor, as_of, &digest).await.unwrap();
        let ended = node.core.end_conversation(&actor, &id, &digest, &receipt).await;
        assert_eq!(ended.is_ok(), good, "{ended:?}");
        assert_eq!(is_there(&node).await, !good);
    }
}

async fn a_transcript_that_was_cut_goes_on(backend: Backend) {
    let node = talked(backend).await;
    let (whole, _) = export(&node, "").await;
    for had in [0, 1, 199, 200, 201, MESSAGES - 1, MESSAGES] {
        let (rest, _) = export(&node, &format!("?after={had}")).await;
        let without_receipt = |text: &str| text[..text.rfind(",\"receipt\"").unwrap()].to_owned();
        let had: String = whole.split_inclusive('\n').take(had).collect();
        assert_eq!(without_receipt(&(had + &rest)), without_receipt(&whole));
    }
    let last: Value =
        serde_json::from_str(export(&node, "?after=400").await.0.lines().last().unwrap()).unwrap();
    end(&node, &last).await.is(202);
    let path = format!("/conversations/{}/export?after=-1", "c");
    node.back_end(Method::GET, &path, Value::Null).await.refused(400, "invalid");
    node.back_end(Method::GET, "/conversations/c/export?format=pdf", Value::Null)
        .await
        .refused(400, "invalid");
}

async fn a_receipt_is_good_for_one_transcript_of_one_conversation(backend: Backend) {
    let mut node = Node::start_still(backend).await;
    node.conversation("c", &[]).await;
    let (_, last) = transcript(&node).await;
    let forged = |field: &str, value: &str| {
        let mut last = last.clone();
        last[field] = value.into();
        last
    };
    let receipt = last["receipt"].as_str().unwrap();
    let mut flipped = receipt.to_owned();
    flipped.replace_range(40..41, if receipt.as_bytes()[40] == b'A' { "B" } else { "A" });
    for last in
        [forged("sha256", &sha256("something else")), forged("receipt", &flipped), forged("receipt", "")]
    {
        let refused = end(&node, &last).await.refused(400, "invalid");
        assert_eq!(refused["field"], "receipt");
    }
    // The one of another conversation, also of one that had the same id, and of another app.
    node.back_end(Method::DELETE, "/conversations/c", Value::Null).await.is(204);
    node.conversation("c", &[]).await;
    end(&node, &last).await.refused(400, "invalid");
    let (_, here) = transcript(&node).await;
    let (app, key) = new_app(&node.core).await;
    let (own_app, own_key) = (std::mem::replace(&mut node.app, app), std::mem::replace(&mut node.key, key));
    node.conversation("c", &[]).await;
    end(&node, &here).await.refused(400, "invalid");
    (node.app, node.key) = (own_app, own_key);
    end(&node, &here).await.is(202);
}

async fn an_archived_conversation_is_read_and_out_of_the_inbox(backend: Backend) {
    let node = talked(backend).await;
    let ann = node.token("ann").await;
    let inbox = async || node.hello(&ann).await.1["inbox"]["items"].as_array().unwrap().len();
    assert_eq!(inbox().await, 1);
    let archive = json!({ "state": "archived" });
    node.back_end(Method::PATCH, "/conversations/c", archive).await.is(200);
    assert_eq!(inbox().await, 0);
    let said = json!({ "id": new_id(), "text": "too late" });
    node.ask(Method::POST, "/conversations/c/messages", &ann, Some(said)).await.refused(403, "forbidden");
    node.ask(Method::GET, "/conversations/c/messages", &ann, None).await.is(200);
    let (_, last) = transcript(&node).await;
    assert_eq!(last["count"], MESSAGES);
    end(&node, &last).await.is(202);
}

/// What people write who mean ill.
const HOSTILE: [&str; 10] = [
    "=HYPERLINK(\"http://evil.example\",\"click\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\n=1+1",
    "＝1+1",
    "\",=1+1,\"\r\n=2+2",
    "<script>fetch('//evil.example')</script><img src=x onerror=alert(1)>",
    "</p></article><style>*{display:none}</style><base href=//evil.example>\u{202e}",
];

/// A conversation in which somebody of this name says what is hostile.
async fn hostile(backend: Backend) -> Node {
    let node = Node::start_still(backend).await;
    node.back_end(Method::PUT, "/users/@evil", json!({ "name": "=<b>evil</b>" })).await.is(201);
    node.conversation("c", &[("@evil", "member")]).await;
    for text in HOSTILE {
        let said =
            json!({ "id": new_id(), "as": { "user": "@evil" }, "text": text, "attributes": { "k": text } });
        node.back_end(Method::POST, "/conversations/c/messages", said).await.is(201);
    }
    node
}

async fn a_table_is_run_by_no_spreadsheet(backend: Backend) {
    let node = hostile(backend).await;
    let (text, headers) = export(&node, "?format=csv").await;
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"transcript.csv\"");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let place = |heading| table.headers().unwrap().iter().position(|it| it == heading).unwrap();
    let [seq, sender, name, said] = ["seq", "sender", "name", "text"].map(place);
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), HOSTILE.len());
    for (row, written) in rows.iter().zip(HOSTILE) {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{cell:?}");
        }
        assert_eq!((&row[sender], &row[name]), ("'@evil", "'=<b>evil</b>"));
        assert_eq!(row[said].trim_start_matches('\''), written, "nothing is lost");
    }
    let (rest, _) = export(&node, "?format=csv&after=8").await;
    let mut rest = csv::Reader::from_reader(rest.as_bytes());
    let seqs: Vec<String> = rest.records().map(|row| row.unwrap()[seq].to_owned()).collect();
    assert_eq!(seqs, ["9", "10"]);
}

async fn a_page_runs_nothing(backend: Backend) {
    let node = hostile(backend).await;
    let (page, headers) = export(&node, "?format=html").await;
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"transcript.html\"");
    let lower = page.to_lowercase();
    for tag in ["<script", "<img", "<base", "<b>evil", "onerror=alert(1)>"] {
        assert!(!lower.contains(tag), "{tag}");
    }
    assert_eq!(lower.matches("<style>").count(), 1);
    assert_eq!(lower.matches("<article").count(), HOSTILE.len());
    // What it has of a style is that which its policy lets it have.
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    assert!(page.contains(&format!("default-src 'none'; style-src 'sha256-{hash}'")), "{hash}");
}
