//! The floor's deliveries: each message is encoded once, and what a batch has for a connection leaves in one write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tokio::runtime::Handle;

use super::connection::{frame, write};
use super::{Committed, Connection, Online};

/// Writes what is committed to whom it concerns, until nothing is committed any more.
pub(super) fn work(batches: &Receiver<Vec<Committed>>, online: &Online, runtime: &Handle) {
    let mut queues: HashMap<u64, (Arc<Connection>, Vec<u8>)> = HashMap::new();
    while let Ok(batch) = batches.recv() {
        let conversations = online.conversations.lock();
        for message in &batch {
            let (push, answer) = encode(message);
            let sender = message.asked.connection.number;
            for member in conversations.get(&message.asked.conversation).into_iter().flatten() {
                let queue = queues.entry(member.number).or_insert_with(|| (Arc::clone(member), Vec::new()));
                queue.1.extend(if member.number == sender { &answer } else { &push });
            }
        }
        drop(conversations);
        queues.retain(|_, (connection, queue)| {
            if queue.is_empty() {
                // Nothing for a whole batch: it may be gone.
                return false;
            }
            let written = match connection.stream.try_write(queue) {
                Ok(written) if written == queue.len() => true,
                Ok(written) => runtime.block_on(write(&connection.stream, &queue[written..])).is_ok(),
                Err(_) => runtime.block_on(write(&connection.stream, queue)).is_ok(),
            };
            queue.clear();
            written
        });
    }
}

/// The push of a message and the answer to its sender: as many bytes as Snug's.
fn encode(message: &Committed) -> (Vec<u8>, Vec<u8>) {
    let Committed { asked, seq, at_ms } = message;
    let (conversation, user) = (asked.conversation, &asked.connection.user);
    let object = object(conversation, *seq, asked.id, user, *at_ms, &asked.text);
    let push = format!(
        r#"{{"push":"message","conversation":"c{conversation}","rev":{seq},"message":{object},"users":{{"{user}":{{"name":null,"avatar_url":null}}}}}}"#
    );
    (frame(&push), frame(&format!(r#"{{"n":{},"ok":{{"message":{object}}}}}"#, asked.n)))
}

/// A message, as many bytes as Snug's.
pub(super) fn object(
    conversation: u64,
    seq: i64,
    id: uuid::Uuid,
    user: &str,
    at_ms: i64,
    text: &str,
) -> String {
    let text = serde_json::to_string(text).unwrap_or_default();
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    format!(
        r#"{{"id":"{id}","conversation":"c{conversation}","seq":{seq},"rev":{seq},"sender":{{"user":"{user}"}},"via":null,"text":{text},"attributes":{{}},"reply_to":null,"mentions":[],"reactions":{{}},"attachments":[],"created_at":"{at:.3}","edited_at":null,"deleted_at":null}}"#
    )
}
