use serde_json::json;
use snug_client::wire::Code;
use snug_client::wire::messages::MessageDraft;
use snug_client::wire::socket::{Push, Reconnect, SendRequest};
use snug_client::{Error, Event, Events};

use crate::peer::{Peer, connect, connected, listen, message};

fn send() -> SendRequest {
    let draft = MessageDraft::new("01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11".parse().unwrap());
    SendRequest {
        conversation: "c".parse().unwrap(),
        id: draft.id,
        text: Some("hi".parse().unwrap()),
        attributes: None,
        reply_to: None,
        mentions: draft.mentions,
    }
}

/// What an event says, in short.
async fn next(events: &mut Events) -> String {
    match events.next().await {
        Event::Push(push) => match *push {
            Push::Message { rev, .. } => format!("push {}", rev.0.0),
            other => format!("{other:?}"),
        },
        Event::Written(message) => format!("written {}", message.rev.0.0),
        Event::Lagged => "lagged".to_owned(),
        Event::Unknown(_) => "unknown".to_owned(),
        Event::Closed(closed) => format!("closed {:?} {:?}", closed.code, closed.reconnect()),
    }
}

#[tokio::test]
async fn answers_to_writes_stand_among_the_pushes_where_they_came() {
    let (mut peer, session, mut events) = connected().await;
    let server = async {
        let asked = peer.heard().await.unwrap();
        assert_eq!(
            (&asked["op"], &asked["conversation"], &asked["text"]),
            (&json!("send"), &json!("c"), &json!("hi"))
        );
        for rev in [1, 2] {
            peer.say(json!({"push": "message", "conversation": "c", "rev": rev, "message": message(rev, rev), "users": {}}))
                .await;
        }
        peer.say(json!({"n": asked["n"], "ok": {"message": message(3, 3)}})).await;
        peer.say(
            json!({"push": "message", "conversation": "c", "rev": 4, "message": message(4, 4), "users": {}}),
        )
        .await;
        peer.say(json!({"push": "of tomorrow"})).await;
        peer.say(json!({"push": "lagged"})).await;
    };
    let (sent, ()) = tokio::join!(session.send(send()), server);
    assert_eq!(sent.unwrap().rev.0.0, 3);
    for expected in ["push 1", "push 2", "written 3", "push 4", "unknown", "lagged"] {
        assert_eq!(next(&mut events).await, expected);
    }
}

#[tokio::test]
async fn each_answer_finds_who_asked_and_a_refusal_leaves_the_connection() {
    let (mut peer, session, _events) = connected().await;
    let server = async {
        let first = peer.heard().await.unwrap();
        let second = peer.heard().await.unwrap();
        assert_ne!(first["n"], second["n"]);
        peer.say(json!({"n": second["n"], "ok": {}})).await;
        let error = json!({"code": "forbidden", "message": "no", "permission": "message.send"});
        peer.say(json!({"n": first["n"], "error": error})).await;
        let third = peer.heard().await.unwrap();
        peer.say(json!({"n": third["n"], "ok": {}})).await;
    };
    let asking = async {
        let (sent, pinged) = tokio::join!(session.send(send()), session.ping());
        pinged.unwrap();
        let refused = sent.unwrap_err();
        assert_eq!(refused.code(), Some(Code::Forbidden));
        assert!(!refused.is_unanswered());
        session.ping().await.unwrap();
    };
    tokio::join!(server, asking);
}

#[tokio::test]
async fn a_close_ends_what_is_unanswered_and_says_what_to_do() {
    for (code, expected) in [
        (4000, Reconnect::Now),
        (4401, Reconnect::WithFreshToken),
        (4403, Reconnect::Never),
        (1011, Reconnect::WithBackoff),
    ] {
        let (mut peer, session, mut events) = connected().await;
        let server = async {
            peer.heard().await.unwrap();
            peer.close(code, "why").await;
        };
        let (sent, ()) = tokio::join!(session.send(send()), server);
        let error = sent.unwrap_err();
        assert!(error.is_unanswered());
        assert!(
            matches!(&error, Error::Closed(closed) if closed.code == Some(code) && closed.reason == "why"),
            "{error}"
        );
        let ended = format!("closed Some({code}) {expected:?}");
        assert_eq!(next(&mut events).await, ended);
        assert_eq!(next(&mut events).await, ended);
        assert!(session.ping().await.unwrap_err().is_unanswered());
    }
}

#[tokio::test]
async fn a_hello_that_is_not_answered_says_why() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.heard().await.unwrap();
        peer.close(4401, "unauthenticated").await;
    };
    let (connected, ()) = tokio::join!(connect(&endpoint), server);
    assert!(
        matches!(connected.unwrap_err(), Error::Closed(closed) if closed.reconnect() == Reconnect::WithFreshToken)
    );
    drop(listener);
    assert!(matches!(connect(&endpoint).await.unwrap_err(), Error::Transport(_)));
}

#[tokio::test]
async fn one_who_does_not_take_events_is_told_and_misses_no_end() {
    let (mut peer, session, mut events) = connected().await;
    let server = async {
        for rev in 1..=3_000 {
            peer.say(json!({"push": "message", "conversation": "c", "rev": rev, "message": message(rev, rev), "users": {}}))
                .await;
        }
        // Answered after all of them were read.
        let ping = peer.heard().await.unwrap();
        peer.say(json!({"n": ping["n"], "ok": {}})).await;
    };
    let (pinged, ()) = tokio::join!(session.ping(), server);
    pinged.unwrap();
    assert_eq!(next(&mut events).await, "lagged");
    let push = json!({"push": "message", "conversation": "c", "rev": 3_001, "message": message(1, 3_001), "users": {}});
    peer.say(push).await;
    assert_eq!(next(&mut events).await, "push 3001");
}

#[tokio::test]
async fn the_connection_ends_with_its_events_or_by_closing_it() {
    let (mut peer, session, events) = connected().await;
    drop(events);
    assert_eq!(peer.heard().await, None);
    assert!(session.ping().await.is_err());

    let (mut peer, session, mut events) = connected().await;
    let (heard, ()) = tokio::join!(peer.heard(), session.close());
    assert_eq!(heard, None);
    assert_eq!(next(&mut events).await, "closed None WithBackoff");
}
