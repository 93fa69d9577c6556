//! When the readers of a conversation come, drop and return: moments of its plan, chosen by the seed.

use std::collections::{BTreeMap, HashMap, HashSet};

use rand::Rng;
use rand::seq::SliceRandom;

use crate::ids;
use crate::plan::{Act, Plan};

/// One reader in so many drops and returns.
const ONE_DROPS_IN: usize = 3;
/// How often a reader that drops does so at most.
const DROPS_MAX: usize = 3;
/// Beside so many readers who follow from the start, one comes late.
const ONE_LATE_IN: usize = 4;

/// What a reader does before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Connects for the first time.
    Come(String),
    /// Loses its connection.
    Drop(String),
    /// Connects again.
    Return(String),
}

/// The readers of one conversation, and what they do when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Who reads to the end, in order of coming.
    pub readers: Vec<String>,
    /// What is done before the step at each place of [`Plan::steps`], in order.
    pub moves: BTreeMap<usize, Vec<Move>>,
}

impl Schedule {
    /// Chooses the readers of `plan`: `seats` of its members from the start (or all, where they are fewer), half of them
    /// those who write most, and beside them some who come late. A third drops and returns.
    pub fn new(plan: &Plan, seats: usize, seed: u64) -> Self {
        let mut random = ids::random(seed, "readers", &plan.source);
        let mut talkers = by_lines(plan);
        talkers.truncate(seats.div_ceil(2));
        let mut others = plan.members.clone();
        others.shuffle(&mut random);
        let mut chosen = HashSet::new();
        let mut readers: Vec<String> = talkers.into_iter().map(str::to_owned).chain(others).collect();
        readers.retain(|user| chosen.insert(user.clone()));
        readers.truncate(seats);
        chosen.retain(|user| readers.contains(user));

        let mut moves: BTreeMap<usize, Vec<Move>> = BTreeMap::new();
        let mut came: HashMap<String, usize> = HashMap::new();
        for user in &readers {
            moves.entry(0).or_default().push(Move::Come(user.clone()));
            came.insert(user.clone(), 0);
        }
        let windows = plan.windows();
        let mut late: Vec<&str> = plan.people();
        late.retain(|user| !chosen.contains(*user));
        late.shuffle(&mut random);
        for user in late.into_iter().take(seats.div_ceil(ONE_LATE_IN)) {
            let joined =
                windows.get(user).and_then(|windows| windows.first()).map_or(0, |window| window.after);
            // Who joins with the last step of all has none left to come at.
            let Some(first) = plan.steps.iter().position(|step| step.changes_before >= joined) else {
                continue;
            };
            let step = random.random_range(first..plan.steps.len());
            moves.entry(step).or_default().push(Move::Come(user.to_owned()));
            came.insert(user.to_owned(), step);
            readers.push(user.to_owned());
        }

        let mut droppers = readers.clone();
        droppers.shuffle(&mut random);
        droppers.truncate(readers.len().div_ceil(ONE_DROPS_IN));
        for user in droppers {
            let mut moments: Vec<usize> = (0..2 * random.random_range(1..=DROPS_MAX))
                .map(|_| random.random_range(came[&user]..plan.steps.len()) + 1)
                .collect();
            moments.sort_unstable();
            for pair in moments.chunks_exact(2) {
                moves.entry(pair[0]).or_default().push(Move::Drop(user.clone()));
                moves.entry(pair[1]).or_default().push(Move::Return(user.clone()));
            }
        }
        Self { readers, moves }
    }

    /// How many readers drop.
    pub fn droppers(&self) -> usize {
        let drops = self.moves.values().flatten().filter_map(|step| match step {
            Move::Drop(user) => Some(user),
            Move::Come(_) | Move::Return(_) => None,
        });
        drops.collect::<HashSet<_>>().len()
    }
}

/// The members from the start, those who write most first.
fn by_lines(plan: &Plan) -> Vec<&str> {
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for act in plan.steps.iter().flat_map(|step| &step.acts) {
        if let Act::Send(place) = act
            && let Some(author) = &plan.messages[*place].author
        {
            *lines.entry(author).or_default() += 1;
        }
    }
    let mut members: Vec<&str> = plan.members.iter().map(String::as_str).collect();
    members.sort_by_key(|user| std::cmp::Reverse(lines.get(user).copied().unwrap_or(0)));
    members
}
