use std::collections::HashMap;

use proptest::prelude::*;
use snug_load::schedule::{Move, Schedule};

use crate::histories::cases;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Readers come when they may, are there before they drop, and return after it; and the seed alone decides.
    #[test]
    fn readers_come_drop_and_return_in_order(case in cases(), seats in 1_usize..8, seed: u64) {
        let plan = &case.plan;
        let schedule = Schedule::new(plan, seats, seed);
        prop_assert_eq!(&schedule, &Schedule::new(plan, seats, seed));

        let windows = plan.windows();
        let mut online: HashMap<&str, bool> = HashMap::new();
        for (step, moves) in &schedule.moves {
            prop_assert!(*step <= plan.steps.len());
            for one in moves {
                match one {
                    Move::Come(user) => {
                        let before = plan.steps[*step].changes_before;
                        prop_assert!(windows[user].first().is_some_and(|window| window.after <= before));
                        prop_assert_eq!(online.insert(user, true), None);
                    }
                    Move::Drop(user) => prop_assert_eq!(online.insert(user, false), Some(true)),
                    Move::Return(user) => prop_assert_eq!(online.insert(user, true), Some(false)),
                }
            }
        }
        prop_assert!(online.values().all(|online| *online));
        let mut readers: Vec<&str> = schedule.readers.iter().map(String::as_str).collect();
        let mut came: Vec<&str> = online.into_keys().collect();
        readers.sort_unstable();
        came.sort_unstable();
        prop_assert_eq!(&readers, &came);

        let from_start = schedule.moves.get(&0).map_or(0, |moves| {
            moves.iter().filter(|one| matches!(one, Move::Come(user) if plan.members.contains(user))).count()
        });
        prop_assert!(from_start >= seats.min(plan.members.len()));
        prop_assert!(3 * schedule.droppers() >= readers.len());
    }
}
