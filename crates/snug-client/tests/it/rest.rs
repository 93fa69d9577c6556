use serde_json::{Value, json};
use snug_client::follower::Position;
use snug_client::wire::Code;
use snug_client::wire::conversations::ConversationReplacement;
use snug_client::wire::ids::{ConversationId, Seq, UserId};
use snug_client::wire::members::MemberReplacement;
use snug_client::wire::messages::MessageDraft;
use snug_client::wire::paging::{HistoryQuery, Limit, LookUpIds, RemovalQuery, UsersQuery};
use snug_client::{Backend, Error};
use snug_model::{Epoch, Rev};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{app, listen, message};

/// What a server got: the request's head, and its body.
struct Got {
    head: String,
    body: Value,
}

/// Does `ask` against a server that answers the one request with `status` and `body`, and tells what it got.
async fn ask<A>(
    status: &str,
    body: &str,
    ask: impl AsyncFnOnce(Backend) -> Result<A, Error>,
) -> (Got, Result<A, Error>) {
    let (listener, endpoint) = listen().await;
    let backend = Backend::new(&endpoint, app(), "sk_1_secret").unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        loop {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
                continue;
            }
            let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
            break Got { head: head.to_owned(), body };
        }
        .answer(&mut stream, status, body_of(body))
        .await
    };
    tokio::join!(server, ask(backend))
}

fn body_of(body: &str) -> String {
    format!("content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

impl Got {
    async fn answer(self, stream: &mut tokio::net::TcpStream, status: &str, rest: String) -> Self {
        stream.write_all(format!("HTTP/1.1 {status}\r\n{rest}").as_bytes()).await.unwrap();
        self
    }

    fn first_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

fn conversation(id: &str) -> ConversationId {
    id.parse().unwrap()
}

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

#[tokio::test]
async fn ids_stay_in_their_segments() {
    let (got, done) = ask("204 No Content", "", async |backend| {
        backend
            .remove_member(&conversation("a/b?c#d%2F é"), &user("../x+&"), &RemovalQuery { forget: true })
            .await
    })
    .await;
    done.unwrap();
    let path = "/v1/apps/app_eu_1/conversations/a%2Fb%3Fc%23d%252F%20%C3%A9/members/..%2Fx%2B%26";
    assert_eq!(got.first_line(), format!("DELETE {path}?forget=true HTTP/1.1"));
    assert!(got.has("authorization: Bearer sk_1_secret"), "{}", got.head);
}

#[tokio::test]
async fn queries_leave_out_what_is_not_asked_and_repeat_lists() {
    let page = r#"{"items":[],"next":null,"users":{}}"#;
    let (got, done) = ask("200 OK", page, async |backend| {
        let query =
            HistoryQuery { after: Some(Seq(snug_model::Seq(7))), limit: Limit(2), ..HistoryQuery::default() };
        backend.history(&conversation("c"), &query).await
    })
    .await;
    assert_eq!(done.unwrap().next, None);
    assert_eq!(got.first_line(), "GET /v1/apps/app_eu_1/conversations/c/messages?after=7&limit=2 HTTP/1.1");

    let (got, done) = ask("200 OK", page, async |backend| {
        let ids = LookUpIds(vec![user("ann"), user("bob & co")]);
        backend.people(&UsersQuery { ids, ..UsersQuery::default() }).await
    })
    .await;
    done.unwrap();
    assert!(got.first_line().contains("ids=ann&ids=bob+%26+co"), "{}", got.first_line());
}

#[tokio::test]
async fn a_put_says_whether_it_made_something_and_on_what_condition() {
    let member = json!({
        "conversation": "c", "user": "ann", "role": "member", "access": "full", "label": null, "attributes": {},
        "notify": "all", "read_seq": 0, "read_at": null, "joined_at": "2026-01-02T03:04:05.678Z", "new_field": 1,
    });
    for (status, is_new) in [("201 Created", true), ("200 OK", false)] {
        let (got, put) = ask(status, &member.to_string(), async |backend| {
            backend.put_member(&conversation("c"), &user("ann"), &MemberReplacement::default()).await
        })
        .await;
        assert_eq!(put.unwrap().is_new, is_new);
        assert_eq!(got.body, json!({}));
    }
    let (got, _) = ask("412 Precondition Failed", "", async |backend| {
        let position = Position { epoch: Epoch(0x1f), rev: Rev(5) };
        backend
            .put_conversation(&conversation("c"), &ConversationReplacement::default(), Some(position))
            .await
    })
    .await;
    assert!(got.has("if-match: \"000000000000001f.5\""), "{}", got.head);
}

#[tokio::test]
async fn a_send_answers_the_message_and_may_carry_an_idempotency_key() {
    let body = json!({ "message": message(1, 1) }).to_string();
    let (got, sent) = ask("201 Created", &body, async |backend| {
        let draft = MessageDraft {
            text: Some("hi".parse().unwrap()),
            ..MessageDraft::new("01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11".parse().unwrap())
        };
        backend.with_idempotency_key("once").unwrap().send(&conversation("c"), &draft).await
    })
    .await;
    assert_eq!(sent.unwrap().seq.0.0, 1);
    assert_eq!(got.body, json!({"id": "01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11", "text": "hi"}));
    assert!(got.has("idempotency-key: once"), "{}", got.head);
}

#[tokio::test]
async fn a_refusal_is_told_from_something_else_in_between() {
    let problem = json!({
        "type": "/problems/not_found", "title": "Not found", "status": 404, "detail": "No.", "code": "not_found",
    });
    let read = async |backend: Backend| backend.conversation(&conversation("c")).await;
    let (_, refused) = ask("404 Not Found", &problem.to_string(), read).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Some(Code::NotFound));
    assert_eq!(error.to_string(), "not_found: No.");

    let (_, refused) = ask("502 Bad Gateway", "<html>", read).await;
    assert!(matches!(refused.unwrap_err(), Error::Answer(_)));
    let (_, refused) = ask("200 OK", "{}", read).await;
    assert!(matches!(refused.unwrap_err(), Error::Answer(_)));
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let (_, refused) =
        ask("302 Found\r\nlocation: http://127.0.0.1:1/", "", async |backend| backend.read_app().await).await;
    assert!(matches!(refused.unwrap_err(), Error::Answer(_)));
}

#[test]
fn the_key_is_not_printed() {
    let endpoint = snug_client::Endpoint::new("http://127.0.0.1:1").unwrap();
    let backend = Backend::new(&endpoint, app(), "sk_1_verysecret").unwrap();
    assert!(!format!("{backend:?}").contains("verysecret"));
}

#[tokio::test]
async fn an_export_is_whole_or_an_error() {
    let record = |user: &str| {
        let digest = "0".repeat(64);
        json!({
            "user": user, "id": "terms", "version": "1", "locale": "en", "digest": digest,
            "accepted_at": "2026-01-02T03:04:05.678Z", "by": { "user": user },
        })
    };
    let end = |count: u64| json!({ "count": count, "sha256": "0".repeat(64) });
    let lines = |lines: &[Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let whole = lines(&[record("ann"), record("bob"), end(2)]);
    let mut users = Vec::new();
    let export = async |backend: Backend| backend.export_consents(|record| users.push(record.user)).await;
    let (got, count) = ask("200 OK", &whole, export).await;
    assert_eq!(got.first_line(), "GET /v1/apps/app_eu_1/consents/export HTTP/1.1");
    assert_eq!((count.unwrap(), users), (2, vec![user("ann"), user("bob")]));
    for cut in [lines(&[record("ann")]), lines(&[record("ann"), end(2)]), whole[..whole.len() - 1].to_owned()]
    {
        let export = async |backend: Backend| backend.export_consents(drop).await;
        let (_, count) = ask("200 OK", &cut, export).await;
        assert!(matches!(count, Err(Error::Answer(_))), "{count:?}");
    }
}
