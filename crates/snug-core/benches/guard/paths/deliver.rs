//! Delivering an event of a conversation to 500 sessions, and handing it to who writes their sockets.

use std::{convert::Infallible, hint::black_box, sync::Arc};

use bytes::Bytes;
use snug_core::hub::{Encoded, Event, Hub, Listener, Narrowing, Outbox, Session, Turn, Wake, frame};
use snug_model::{AppKey, ConversationKey, KeyId, Rev, Seq, SessionId, UserKey, facts::IdMac};

use crate::client::grant;

/// Members, each with one session.
const MEMBERS: i64 = 500;

const APP: AppKey = AppKey(1);
const CONVERSATION: ConversationKey = ConversationKey(2);

/// A writer that looks by itself.
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

pub(crate) async fn path(turns: usize) {
    let hub = Hub::default();
    let sessions: Vec<_> = (1..=MEMBERS).map(|number| session(&hub, number)).collect();
    let lane = hub.lane(APP, CONVERSATION);
    let members = (1..=MEMBERS).map(listener).collect();
    lane.start(async { Ok::<_, Infallible>((Rev(0), members)) }).await.expect("a lane");
    let push = frame(&[b'x'; 400]);
    let narrowing = Narrowing { conversation: IdMac([2; 32]), needs: None };
    let mut taken: Vec<Encoded> = Vec::new();
    for number in 1..=turns as i64 {
        let event = Event {
            push: Some(push.clone()),
            seq: Some(Seq(number)),
            narrowing: Some(narrowing),
            ..Event::default()
        };
        Turn::new(&hub, Arc::clone(&lane)).publish(Rev(number), event);
        for session in &sessions {
            session.outbox().take(&mut taken);
        }
        assert_eq!(black_box(&taken).len(), sessions.len(), "everybody hears of it once");
        taken.clear();
    }
}

fn listener(number: i64) -> Listener {
    Listener {
        user: UserKey(number),
        from_seq: Seq(1),
        sees_reads: true,
        sees_presence: true,
        sees_versions: false,
    }
}

/// A session that has had its answer to `hello`.
fn session(hub: &Hub, number: i64) -> Arc<Session> {
    let outbox = Outbox::new(Arc::new(NoWake), Encoded::whole(Bytes::new()));
    let id = SessionId::from_random(&format!("session{number}"));
    let session = Arc::new(Session::new(id, APP, UserKey(number), grant(KeyId::from_random("key")), outbox));
    hub.directory.enter(&session, 1).expect("room for a session");
    session.outbox().release(Encoded::whole(Bytes::new()));
    session.outbox().take(&mut Vec::new());
    session
}
