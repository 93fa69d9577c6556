//! Replays one conversation, step by step, while its readers come and go.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use snug_client::follower::Position;
use snug_client::wire::conversations::{Conversation, ConversationReplacement};
use snug_client::wire::ids::{ConversationId, UserId};
use snug_client::wire::members::{MemberAddition, MemberBatch, MemberDraft, MemberReplacement};
use snug_client::wire::messages::Message;
use snug_client::wire::paging::RemovalQuery;
use tokio::sync::Barrier;

use super::cast::Cast;
use super::seat::{Memory, Place};
use super::whole;
use super::wire;
use super::world::{Patience, World};
use crate::acks::Ack;
use crate::checker::{Reader, Truth, difference};
use crate::findings::{Fault, Findings};
use crate::history::Seen;
use crate::plan::{Act, Change, Plan};
use crate::schedule::{Move, Schedule};

/// Members that are added at once.
const BATCH_MAX: usize = 1_000;

/// How long the last push may take to arrive: far longer than any does.
const LAST_PUSH_LIMIT: Duration = Duration::from_secs(30);

/// Replays one conversation and checks every reader of it. Where there is an `overture`, all who have one wait until
/// each of them has its readers online, so that they are online together.
///
/// # Errors
/// What keeps the replay from going on; what readers saw wrong is counted instead.
pub(super) async fn conduct(
    world: &Arc<World>,
    plan: Plan,
    seats: usize,
    seed: u64,
    overture: Option<&Barrier>,
) -> Result<()> {
    let schedule = Schedule::new(&plan, seats, seed);
    let place = Arc::new(prepare(world, plan).await?);
    let mut conductor = Conductor {
        cast: Cast::new(world, &place),
        world: Arc::clone(world),
        users: users(&place.truth)?,
        place: Arc::clone(&place),
    };
    conductor.moves(schedule.moves.get(&0)).await?;
    if let Some(overture) = overture {
        for reader in schedule.moves.get(&0).into_iter().flatten() {
            let (Move::Come(user) | Move::Drop(user) | Move::Return(user)) = reader;
            conductor.cast.session(user).await?;
        }
        overture.wait().await;
    }
    let truth = Arc::clone(&place.truth);
    for (at, step) in truth.plan().steps.iter().enumerate() {
        if at > 0 {
            conductor.moves(schedule.moves.get(&at)).await?;
        }
        for act in &step.acts {
            conductor
                .act(act)
                .await
                .with_context(|| format!("line {} of {}", step.n, truth.plan().source))?;
        }
        world.tally.sent(step.kind);
    }
    conductor.moves(schedule.moves.get(&truth.plan().steps.len())).await?;
    conductor.finish(&schedule.readers).await
}

/// Makes the conversation with its members from the start, and learns where it stands then.
async fn prepare(world: &World, plan: Plan) -> Result<Place> {
    let id: ConversationId = plan.conversation.parse().context("a conversation's id")?;
    let all: Vec<UserId> = plan.people().into_iter().map(wire::user_id).collect::<Result<_>>()?;
    world.make_people(&all).await?;
    let empty = ConversationReplacement::default();
    let made = world.until_answered(|| world.backend.put_conversation(&id, &empty, None)).await?;
    let Conversation { head_seq, member_count, .. } = made.value;
    ensure!(
        head_seq.0.0 == 0 && member_count == 0,
        "conversation {:?} is there already: replay with another --seed, or into another app",
        id.as_str()
    );
    let members: Vec<MemberDraft> =
        plan.members.iter().map(|user| wire::user_id(user).map(member)).collect::<Result<_>>()?;
    for batch in members.chunks(BATCH_MAX) {
        let addition = MemberAddition { members: MemberBatch(batch.to_vec()) };
        world.until_answered(|| world.backend.add_members(&id, &addition)).await?;
    }
    let Conversation { epoch, rev, .. } = world.until_answered(|| world.backend.conversation(&id)).await?;
    Ok(Place {
        start: Position { epoch: epoch.0, rev: snug_model::Rev(0) },
        truth: Arc::new(Truth::new(plan, wire::number(rev.0.0))),
        conversation: id,
        repeats: Default::default(),
    })
}

fn member(user: UserId) -> MemberDraft {
    MemberDraft {
        user,
        role: None,
        access: None,
        label: None,
        attributes: None,
        notify: None,
        read_seq: None,
    }
}

fn users(truth: &Truth) -> Result<HashMap<String, UserId>> {
    let people = truth.plan().people().into_iter();
    people.map(|user| Ok((user.to_owned(), wire::user_id(user)?))).collect()
}

struct Conductor {
    world: Arc<World>,
    place: Arc<Place>,
    cast: Cast,
    users: HashMap<String, UserId>,
}

impl Conductor {
    async fn moves(&mut self, moves: Option<&Vec<Move>>) -> Result<()> {
        for one in moves.into_iter().flatten() {
            match one {
                Move::Come(user) | Move::Return(user) => self.cast.read(user)?,
                Move::Drop(user) => self.cast.cut(user).await?,
            }
        }
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> Result<()> {
        let (world, conversation) = (Arc::clone(&self.world), &self.place.conversation);
        match act {
            Act::Add(user) => {
                let (user, member) = (self.user(user)?, MemberReplacement::default());
                let put = || world.backend.put_member(conversation, user, &member);
                world.until_answered(put).await.map(drop)
            }
            Act::Remove(user) => {
                let (user, query) = (self.user(user)?, RemovalQuery { forget: false });
                let remove = || world.backend.remove_member(conversation, user, &query);
                world.until_answered(remove).await
            }
            Act::Send(message) => {
                let answer = self.send(*message).await?;
                self.acknowledged(*message, answer)
            }
        }
    }

    fn user(&self, name: &str) -> Result<&UserId> {
        self.users.get(name).with_context(|| format!("{name:?} is nobody of this conversation"))
    }

    /// Sends a message, until it is acknowledged, always under the same id.
    async fn send(&mut self, message: usize) -> Result<Message> {
        let (world, place) = (Arc::clone(&self.world), Arc::clone(&self.place));
        let draft = &place.truth.plan().messages[message];
        let mut patience = Patience::default();
        loop {
            let sent = match &draft.author {
                Some(author) => {
                    let request = wire::send_request(&place.conversation, draft)?;
                    let session = self.cast.session(author).await?;
                    world.sending(session.send(request)).await
                }
                None => {
                    let request = wire::message_draft(draft)?;
                    world.wait_until_up().await?;
                    world.sending(world.backend.send(&place.conversation, &request)).await
                }
            };
            match sent {
                Ok(message) => return Ok(message),
                Err(error) if world.may_pass(&error) => {
                    place.repeats.lock().unwrap_or_else(PoisonError::into_inner).insert(draft.id);
                    world.tally.repeated.add(1);
                    patience.pause(error).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes the acknowledgement down, and compares it with what was sent and where that has to stand.
    fn acknowledged(&self, message: usize, answer: Message) -> Result<()> {
        let (truth, source) = (&self.place.truth, &self.place.truth.plan().source);
        let draft = &truth.plan().messages[message];
        let held = wire::held(answer)?;
        self.world.acks.write(&Ack {
            app: self.world.backend.app().as_str().to_owned(),
            conversation: self.place.conversation.as_str().to_owned(),
            seq: held.seq,
            rev: held.rev,
            draft: draft.clone(),
        })?;
        self.world.tally.acknowledged.add(1);
        let mut findings = Findings::default();
        if held.id != draft.id || (held.seq, held.rev) != truth.numbers(message) {
            findings.add(Fault::Reordered, || {
                format!("{source}: {} is acknowledged as {}, {}", draft.id, held.seq, held.rev)
            });
        }
        if let Some(field) = difference(draft, &held) {
            findings.add(Fault::Difference, || {
                format!("{source}: {} is acknowledged with another {field}", draft.id)
            });
        }
        self.world.tally.found(findings);
        Ok(())
    }

    /// Has every reader return, waits until each has heard the last of what is for it, and checks all of them.
    async fn finish(mut self, readers: &[String]) -> Result<()> {
        let truth = Arc::clone(&self.place.truth);
        let ends = ends(&truth);
        for reader in readers {
            self.cast.read(reader)?;
        }
        let all_heard = async {
            for reader in readers {
                let end = ends.get(reader).copied().unwrap_or(0);
                self.cast.reached(reader, end).await?;
            }
            anyhow::Ok(())
        };
        // Who has not heard it by then never will, which checking tells.
        if let Ok(heard) = tokio::time::timeout(LAST_PUSH_LIMIT, all_heard).await {
            heard?;
        }
        let mut memories = self.cast.dismiss().await?;
        let tally = &self.world.tally;
        for reader in readers {
            let Memory { reader, .. } = memories.remove(reader).context("a reader was lost")?;
            tally.found(reader.finish());
            tally.readers.add(1);
        }
        for Memory { reader, .. } in memories.into_values() {
            tally.found(reader.leave());
            tally.writers.add(1);
        }
        let whole = whole::read(&self.world, &self.place.conversation, truth.head()).await?;
        let mut back_end = Reader::back_end(truth);
        back_end.take(Seen::Sync(whole));
        tally.found(back_end.finish());
        Ok(())
    }
}

/// Up to which rev each reader hears everything: to the head, or to just before its removal, of which only its own `left`
/// speaks.
fn ends(truth: &Truth) -> HashMap<String, u64> {
    let mut ends: HashMap<String, u64> =
        truth.plan().people().into_iter().map(|user| (user.to_owned(), truth.head())).collect();
    let base = truth.head() - truth.plan().changes.len() as u64;
    for (change, rev) in truth.plan().changes.iter().zip(base..) {
        match change {
            Change::Added(user) => drop(ends.insert(user.clone(), truth.head())),
            Change::Removed(user) => drop(ends.insert(user.clone(), rev)),
            Change::Message(_) => {}
        }
    }
    ends
}
