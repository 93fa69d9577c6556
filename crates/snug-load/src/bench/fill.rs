//! Storing messages before something is measured.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::link::{Heard, Ids, Link};
use super::stamp;

/// Members who write, and messages that each writes at once: a page of 50 has messages of five of them.
pub(crate) const WRITERS: usize = 10;
pub(crate) const BURST: u64 = 10;

/// From how many on it is told how long they took.
const MANY: u64 = 10_000;

/// Has the members of a conversation who are online write so many messages, rounded up to whole turns; how many those were. In
/// its turn each writes `burst` of them at once.
pub(crate) async fn write(writers: &mut [Link], conversation: u64, messages: u64, burst: u64) -> Result<u64> {
    let a_turn = burst * writers.len() as u64;
    let turns = messages.div_ceil(a_turn);
    let began = Instant::now();
    for _ in 0..turns {
        for writer in &mut *writers {
            for _ in 0..burst {
                writer.send(conversation, &stamp::text(0), Ids::V7).await?;
            }
        }
        for writer in &mut *writers {
            let mut answered = 0;
            for _ in 0..a_turn {
                answered += u64::from(matches!(writer.hear().await?, Heard::Answered(_)));
            }
            ensure!(answered == burst, "{answered} of {burst} messages were acknowledged");
        }
    }
    let written = turns * a_turn;
    if written >= MANY {
        let took_s = began.elapsed().as_secs_f64();
        eprintln!("  {written} messages took {took_s:.0} s, {:.0} a second", written as f64 / took_s);
    }
    Ok(written)
}
