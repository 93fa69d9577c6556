//! How many refusals are entered one by one: who asks for what it may not have, however often, fills no disk. What is beyond that is
//! counted, and entered as a number.

use std::collections::HashMap;

use parking_lot::Mutex;
use snug_model::{AppKey, Timestamp, limits, policy::By};

/// The refusals of this minute, and what of them is to be entered as a number.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    minute: i64,
    apps: HashMap<AppKey, OfApp>,
    more: HashMap<AppKey, i64>,
}

/// What was entered in this minute. It remembers no more actors than entries.
#[derive(Default)]
struct OfApp {
    entered: u64,
    actors: HashMap<By, u64>,
}

impl Refusals {
    /// Whether a refusal of this actor is entered by itself; otherwise it is counted.
    pub(crate) fn is_entered(&self, app: AppKey, by: &By, now: Timestamp) -> bool {
        let counted = &mut *self.0.lock();
        let minute = now.0.div_euclid(60_000);
        if counted.minute != minute {
            counted.minute = minute;
            counted.apps.clear();
        }
        let of_app = counted.apps.entry(app).or_default();
        if of_app.entered < limits::AUDIT_REFUSALS_OF_APP_PER_MINUTE {
            let of_actor = of_app.actors.entry(by.clone()).or_default();
            if *of_actor < limits::AUDIT_REFUSALS_OF_ACTOR_PER_MINUTE {
                *of_actor += 1;
                of_app.entered += 1;
                return true;
            }
        }
        *counted.more.entry(app).or_default() += 1;
        false
    }

    /// Counts so many more of an app.
    pub(crate) fn add(&self, app: AppKey, count: i64) {
        *self.0.lock().more.entry(app).or_default() += count;
    }

    /// What was counted since this was asked last, by app.
    pub(crate) fn take_more(&self) -> Vec<(AppKey, i64)> {
        self.0.lock().more.drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use snug_model::{KeyId, UserKey};

    use super::*;

    const APP: AppKey = AppKey(1);

    #[test]
    fn a_flood_is_entered_as_a_number() {
        let refusals = Refusals::default();
        let (now, ann) = (Timestamp(60_000), By::User(UserKey(1)));
        let entered = (0..1_000).filter(|_| refusals.is_entered(APP, &ann, now)).count() as u64;
        assert_eq!(entered, limits::AUDIT_REFUSALS_OF_ACTOR_PER_MINUTE);
        assert_eq!(refusals.take_more(), [(APP, 1_000 - entered as i64)]);
        assert_eq!(refusals.take_more(), []);
        assert!(
            refusals.is_entered(APP, &By::Key(KeyId::from_random("a")), now),
            "another is not hidden by it"
        );
        assert!(refusals.is_entered(APP, &ann, Timestamp(120_000)), "the next minute begins anew");
    }

    #[test]
    fn many_together_are_no_flood_either() {
        let refusals = Refusals::default();
        let by = |user: i64| By::User(UserKey(user));
        let entered = (0..1_000).filter(|user| refusals.is_entered(APP, &by(*user), Timestamp(0))).count();
        assert_eq!(entered as u64, limits::AUDIT_REFUSALS_OF_APP_PER_MINUTE);
        assert!(refusals.is_entered(AppKey(2), &by(1), Timestamp(0)), "another app has its own");
    }
}
