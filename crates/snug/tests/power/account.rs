//! What the server has told, against what it has.

use std::collections::{HashMap, HashSet};

use snug_client::wire::{ids::MessageId, messages::Message};

/// What is wrong with a conversation, counted. All zero where nothing is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Messages that were acknowledged or pushed, and are not there.
    pub(crate) lost: usize,
    /// Messages that are there otherwise than was told: with another text, or in another place.
    pub(crate) altered: usize,
    /// Messages that are there a second time.
    pub(crate) doubled: usize,
    /// Messages that nobody has sent, or whose sender was told that they were not.
    pub(crate) foreign: usize,
    /// Places that are not just above the one before.
    pub(crate) gaps: usize,
}

impl Faults {
    /// Counts those of another conversation too.
    pub(crate) fn add(&mut self, other: &Faults) {
        let Faults { lost, altered, doubled, foreign, gaps } = other;
        self.lost += lost;
        self.altered += altered;
        self.doubled += doubled;
        self.foreign += foreign;
        self.gaps += gaps;
    }
}

/// Compares the messages that a conversation was `told` to have, some of them more than once, with what is `found` there, from
/// the first on. Those that are `unanswered` may be there or not.
pub(crate) fn faults(told: &[&Message], unanswered: &HashSet<&MessageId>, found: &[Message]) -> Faults {
    let by_id: HashMap<&MessageId, &Message> = found.iter().map(|message| (&message.id, message)).collect();
    let known: HashSet<&MessageId> = told.iter().map(|message| &message.id).collect();
    let as_found = |message: &Message| by_id.get(&message.id).copied();
    let is_gap = |(above, message): (i64, &Message)| message.seq.0.0 != above;
    Faults {
        lost: told.iter().filter(|message| as_found(message).is_none()).count(),
        altered: told
            .iter()
            .filter(|message| as_found(message).is_some_and(|found| found != **message))
            .count(),
        doubled: found.len() - by_id.len(),
        foreign: by_id.keys().filter(|id| !known.contains(*id) && !unanswered.contains(*id)).count(),
        gaps: (1..).zip(found).filter(|&place| is_gap(place)).count(),
    }
}

/// A message as the server would answer with it.
fn message(n: u8, seq: u8, text: &str) -> Message {
    serde_json::from_value(serde_json::json!({
        "id": format!("01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e{n:02x}"),
        "conversation": "c", "seq": seq, "rev": seq, "sender": {"user": "ann"}, "via": "api", "text": text,
        "attributes": {}, "reply_to": null, "mentions": [], "reactions": {}, "attachments": [],
        "created_at": "2026-01-01T00:00:00.000Z", "edited_at": null, "deleted_at": null,
    }))
    .unwrap()
}

#[test]
fn every_fault_is_counted() {
    let (first, second) = (message(1, 1, "one"), message(2, 2, "two"));
    let (third, unanswered) = (message(3, 3, "three"), message(9, 3, "nine"));
    let told = [&first, &second];
    let found = |found: &[&Message]| {
        let found: Vec<Message> = found.iter().copied().cloned().collect();
        faults(&told, &HashSet::from([&unanswered.id]), &found)
    };
    assert_eq!(found(&[&first, &second]), Faults::default());
    assert_eq!(found(&[&first, &second, &unanswered]), Faults::default());
    assert_eq!(found(&[&first]), Faults { lost: 1, ..Faults::default() });
    assert_eq!(found(&[&second]), Faults { lost: 1, gaps: 1, ..Faults::default() });
    assert_eq!(found(&[&first, &message(2, 2, "2")]), Faults { altered: 1, ..Faults::default() });
    assert_eq!(found(&[&first, &second, &third]), Faults { foreign: 1, ..Faults::default() });
    let again = message(2, 3, "two");
    assert_eq!(found(&[&first, &second, &again]), Faults { altered: 1, doubled: 1, ..Faults::default() });
}
