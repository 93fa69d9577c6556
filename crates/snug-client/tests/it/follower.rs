use proptest::prelude::*;
use snug_client::follower::{Answered, Ask, Follower, HELD_MAX, Next, Position};
use snug_model::{Epoch, Rev};

fn at(rev: i64) -> Position {
    Position { epoch: Epoch(1), rev: Rev(rev) }
}

fn to(rev: i64) -> Answered {
    Answered { to: at(rev), more: false, reset: false }
}

fn ask(since: i64) -> Option<Ask> {
    Some(Ask { since: at(since), after_pause: false })
}

fn next(apply: &[i64], ask: Option<Ask>) -> Next<i64> {
    Next { apply: apply.iter().map(|rev| (Rev(*rev), *rev)).collect(), ask }
}

/// A follower that is given each rev as the change itself.
fn follower(rev: i64) -> Follower<i64> {
    Follower::new(at(rev))
}

#[test]
fn what_follows_is_applied_and_what_is_known_is_not() {
    let mut f = follower(3);
    assert_eq!(f.hear(Rev(4), 4), next(&[4], None));
    assert_eq!(f.hear(Rev(4), 4), next(&[], None));
    assert_eq!(f.hear(Rev(2), 2), next(&[], None));
    assert_eq!(f.position(), at(4));
}

#[test]
fn a_gap_asks_once_and_keeps_what_comes_meanwhile() {
    let mut f = follower(3);
    assert_eq!(f.hear(Rev(5), 5), next(&[], ask(3)));
    assert_eq!(f.hear(Rev(6), 6), next(&[], None));
    assert!(f.is_asking());
    assert_eq!(f.answered(to(5)), next(&[6], None));
    assert_eq!(f.position(), at(6));
    assert!(!f.is_asking());
}

#[test]
fn it_asks_again_while_it_has_heard_of_more() {
    let mut f = follower(3);
    assert_eq!(f.hear(Rev(5), 5), next(&[], ask(3)));
    assert_eq!(f.hear(Rev(9), 9), next(&[], None));
    // The held 5 fills the gap between the answer and 6; 9 is still beyond.
    assert_eq!(f.answered(to(4)), next(&[5], ask(5)));
    assert_eq!(f.answered(Answered { more: true, ..to(6) }), next(&[], ask(6)));
    assert_eq!(f.answered(to(8)), next(&[9], None));
}

#[test]
fn an_answer_with_more_is_followed_by_another() {
    let mut f = follower(0);
    assert_eq!(f.resume(), next(&[], ask(0)));
    assert_eq!(f.answered(Answered { more: true, ..to(200) }), next(&[], ask(200)));
    assert_eq!(f.answered(to(250)), next(&[], None));
}

#[test]
fn an_answer_that_brings_nothing_is_asked_for_again_after_a_pause() {
    let mut f = follower(3);
    f.hear(Rev(5), 5);
    let Next { apply, ask } = f.answered(to(3));
    assert!(apply.is_empty());
    assert_eq!(ask, Some(Ask { since: at(3), after_pause: true }));
    assert_eq!(f.answered(to(4)), next(&[5], None));
}

#[test]
fn news_without_content_asks() {
    let mut f = follower(3);
    assert_eq!(f.hear_of(Rev(3)), next(&[], None));
    assert_eq!(f.hear_of(Rev(4)), next(&[], ask(3)));
    assert_eq!(f.hear_of(Rev(5)), next(&[], None));
    assert_eq!(f.answered(to(5)), next(&[], None));
}

#[test]
fn a_fresh_connection_asks_from_where_it_stands() {
    let mut f = follower(3);
    f.hear(Rev(5), 5);
    assert_eq!(f.resume(), next(&[], ask(3)));
    assert_eq!(f.answered(to(4)), next(&[5], None));
}

#[test]
fn a_reset_moves_to_another_epoch_and_forgets_its_revs() {
    let mut f = follower(500);
    f.hear(Rev(502), 502);
    let other = Position { epoch: Epoch(2), rev: Rev(20) };
    let reset = Answered { to: other, more: false, reset: true };
    // 502 was heard after the question, so it may be of either epoch: only asking tells.
    let Next { ask, .. } = f.answered(reset);
    assert_eq!(ask.map(|ask| ask.since), Some(other));

    let mut f = follower(500);
    f.hear_of(Rev(502));
    assert_eq!(f.answered(reset), next(&[], None));
    assert_eq!(f.position().epoch, Epoch(2));
    assert_eq!(f.hear(Rev(21), 21), next(&[21], None));
}

#[test]
fn one_who_left_asks_for_nothing_more() {
    let mut f = follower(3);
    f.hear(Rev(7), 7);
    f.left();
    assert!(!f.is_asking());
    assert_eq!(f.hear_of(Rev(3)), next(&[], None));
    // Added again, it goes on from where it stood.
    assert_eq!(f.hear_of(Rev(9)), next(&[], ask(3)));
}

#[test]
fn what_is_held_is_bounded_and_still_nothing_is_missed() {
    let mut f = follower(0);
    f.resume();
    let last = 2 * HELD_MAX as i64;
    for rev in 1..=last {
        assert_eq!(f.hear(Rev(rev), rev), next(&[], None));
    }
    let Next { apply, ask } = f.answered(to(0));
    assert_eq!(apply.len(), HELD_MAX);
    assert_eq!(ask.map(|ask| ask.since), Some(at(HELD_MAX as i64)));
    assert_eq!(f.answered(to(last)), next(&[], None));
}

/// What can happen between a server and a client.
#[derive(Clone, Debug)]
enum Happening {
    /// A change is committed, and pushed unless it is lost on the way.
    Commit { lost: bool },
    /// The client takes the oldest push that is under way.
    Deliver,
    /// The server answers the sync that is asked for, with at most `page` changes.
    Answer { page: i64 },
    /// The client takes the answer.
    TakeAnswer,
    /// The connection breaks: what is under way is gone.
    Break,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => prop::bool::weighted(0.2).prop_map(|lost| Happening::Commit { lost }),
        4 => Just(Happening::Deliver),
        2 => (1_i64..5).prop_map(|page| Happening::Answer { page }),
        2 => Just(Happening::TakeAnswer),
        1 => Just(Happening::Break),
    ];
    proptest::collection::vec(one, 0..120)
}

/// A server whose changes are the numbers 1, 2, 3 …, a link, and a client that writes down what it applies.
struct World {
    head: i64,
    pushes: std::collections::VecDeque<i64>,
    question: Option<Ask>,
    answer: Option<(i64, Answered)>,
    client: Follower<i64>,
    applied: Vec<i64>,
}

impl World {
    fn new() -> Self {
        let mut client = follower(0);
        let question = client.resume().ask;
        let (pushes, applied) = (std::collections::VecDeque::new(), Vec::new());
        Self { head: 0, pushes, question, answer: None, client, applied }
    }

    fn take(&mut self, next: Next<i64>) {
        for (rev, change) in next.apply {
            assert_eq!(rev, Rev(change));
            self.applied.push(change);
        }
        if let Some(ask) = next.ask {
            assert!(self.question.is_none() && self.answer.is_none(), "asked twice");
            assert_eq!(
                ask.since.rev,
                Rev(self.applied.len() as i64),
                "asked from elsewhere than where it stands"
            );
            self.question = Some(ask);
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Commit { lost } => {
                self.head += 1;
                if !lost {
                    self.pushes.push_back(self.head);
                }
            }
            Happening::Deliver => {
                if let Some(rev) = self.pushes.pop_front() {
                    let next = self.client.hear(Rev(rev), rev);
                    self.take(next);
                }
            }
            Happening::Answer { page } => {
                if let Some(ask) = self.question.take() {
                    let rev = self.head.min(ask.since.rev.0 + page);
                    let answer = Answered { to: at(rev), more: rev < self.head, reset: false };
                    self.answer = Some((ask.since.rev.0, answer));
                }
            }
            Happening::TakeAnswer => {
                if let Some((since, answer)) = self.answer.take() {
                    self.applied.extend(since + 1..=answer.to.rev.0);
                    let next = self.client.answered(answer);
                    self.take(next);
                }
            }
            Happening::Break => {
                self.pushes.clear();
                self.question = None;
                self.answer = None;
                let next = self.client.resume();
                self.take(next);
            }
        }
    }
}

proptest! {
    /// Whatever is lost, late or broken off: nothing is applied twice, out of order, or left out.
    #[test]
    fn it_ends_where_the_server_stands(happenings in happenings()) {
        let mut world = World::new();
        for happening in &happenings {
            world.happen(happening);
            prop_assert!((1..).zip(&world.applied).all(|(rev, applied)| rev == *applied), "{:?}", world.applied);
        }
        // One more push that arrives is enough to find out what was lost.
        world.happen(&Happening::Commit { lost: false });
        for _ in 0..=4 * world.head {
            world.happen(&Happening::Deliver);
            world.happen(&Happening::Answer { page: 3 });
            world.happen(&Happening::TakeAnswer);
        }
        prop_assert_eq!(world.applied, (1..=world.head).collect::<Vec<_>>());
        prop_assert!(!world.client.is_asking());
    }
}
