//! Scopes of keys and sets of them.

use proptest::prelude::*;
use snug_model::keys::{Scope, ScopeSet};

/// What the contract lists, in the order in which it does.
const PROMISED: [&str; 14] = [
    "installation",
    "app",
    "keys",
    "roles",
    "tokens",
    "users",
    "conversations",
    "messages",
    "messages.as_user",
    "import",
    "export",
    "audit",
    "events",
    "bot_messages",
];

fn any_set() -> impl Strategy<Value = ScopeSet> {
    proptest::collection::vec((0..PROMISED.len(), any::<bool>()), 0..20).prop_map(|picked| {
        picked.into_iter().fold(ScopeSet::EMPTY, |set, (index, whole)| {
            if whole { set.with(Scope::ALL[index]) } else { set.with_read(Scope::ALL[index]) }
        })
    })
}

/// The bits are stored: a scope that moves changes what every stored key may do.
#[test]
fn the_promised_scopes_have_their_bits_for_good() {
    assert_eq!(Scope::ALL.len(), PROMISED.len());
    for (bit, name) in PROMISED.iter().enumerate() {
        let reading = format!("{name}:read");
        let whole = ScopeSet::EMPTY.with_name(name).unwrap();
        let read = ScopeSet::EMPTY.with_name(&reading).unwrap();
        assert_eq!(whole.bits(), 1 << bit | 1 << (bit + 32), "{name}");
        assert_eq!(read.bits(), 1 << (bit + 32), "{reading}");
        assert_eq!(whole.names().collect::<Vec<_>>(), [*name]);
        assert_eq!(read.names().collect::<Vec<_>>(), [reading]);
    }
}

#[test]
fn a_name_that_nobody_knows_is_none() {
    for bad in ["", ":read", "user", "users:write", "users:read:read", "Users"] {
        assert_eq!(ScopeSet::EMPTY.with_name(bad), None, "{bad:?}");
    }
}

#[test]
fn an_apps_key_never_has_the_installations_scope() {
    let all = ScopeSet::all_of_app();
    assert!(!all.has(Scope::Installation) && !all.has_read(Scope::Installation));
    assert_eq!(all.names().count(), PROMISED.len() - 1);
}

#[test]
fn bits_that_nobody_knows_allow_nothing() {
    let everything = Scope::ALL.iter().fold(ScopeSet::EMPTY, |set, scope| set.with(*scope));
    assert_eq!(ScopeSet::from_bits(-1), everything);
    assert_eq!(ScopeSet::from_bits(1 << 31), ScopeSet::EMPTY);
}

proptest! {
    #[test]
    fn whoever_may_write_may_read(set in any_set()) {
        for scope in Scope::ALL {
            prop_assert!(!set.has(*scope) || set.has_read(*scope), "{}", scope.name());
        }
    }

    #[test]
    fn a_set_is_what_its_bits_and_names_say(set in any_set()) {
        prop_assert_eq!(ScopeSet::from_bits(set.bits()), set);
        let named = set.names().try_fold(ScopeSet::EMPTY, |set, name| set.with_name(name));
        prop_assert_eq!(named, Some(set));
    }

    #[test]
    fn covering_means_lacking_nothing(a in any_set(), b in any_set()) {
        let lacks = |scope: &Scope| (b.has(*scope) && !a.has(*scope)) || (b.has_read(*scope) && !a.has_read(*scope));
        prop_assert_eq!(a.covers(b), !Scope::ALL.iter().any(lacks));
    }
}
