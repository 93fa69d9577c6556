//! Permissions and sets of them.

use proptest::prelude::*;
use snug_model::{Permission, PermissionSet, permissions::Scope};

/// What the contract lists, in the order in which it does.
const PROMISED: [&str; 32] = [
    "conversation.create",
    "conversation.join",
    "conversation.edit",
    "conversation.freeze",
    "conversation.archive",
    "conversation.delete",
    "conversation.leave",
    "member.add",
    "member.invite",
    "member.edit",
    "member.remove",
    "member.ban",
    "message.send",
    "message.send_attachment",
    "message.react",
    "message.edit_own",
    "message.edit_any",
    "message.delete_own",
    "message.delete_any",
    "message.read_versions",
    "message.pin",
    "read.mark",
    "read.see",
    "typing.send",
    "presence.see",
    "user.edit_own",
    "user.erase_own",
    "user.edit_any",
    "user.ban",
    "user.list",
    "member.mute",
    "user.mute",
];

fn any_set() -> impl Strategy<Value = PermissionSet> {
    any::<i64>().prop_map(PermissionSet::from_bits)
}

/// The bits are stored: a permission that moves changes what every stored role grants.
#[test]
fn the_promised_permissions_have_their_bits_for_good() {
    for (bit, name) in PROMISED.iter().enumerate() {
        let permission = Permission::from_name(name).unwrap_or_else(|| panic!("{name} is not known"));
        assert_eq!(permission.name(), *name);
        assert_eq!([permission].into_iter().collect::<PermissionSet>().bits(), 1 << bit, "{name}");
    }
    assert_eq!(Permission::ALL.len(), PROMISED.len());
}

#[test]
fn a_permission_says_what_it_allows() {
    for permission in Permission::ALL {
        assert!(permission.sentence().ends_with('.'), "{permission}");
    }
    assert_eq!(Permission::from_name("message.SEND"), None);
    assert_eq!(Permission::from_name(""), None);
}

#[test]
fn conversation_roles_grant_nothing_of_the_app() {
    let of_app = PROMISED.iter().filter(|name| {
        name.starts_with("user.") || matches!(**name, "conversation.create" | "conversation.join")
    });
    for name in of_app {
        let permission = Permission::from_name(name).unwrap();
        assert_eq!(permission.scope(), Scope::App, "{name}");
        assert!(!PermissionSet::all_of_conversation().has(permission), "{name}");
    }
    assert_eq!(PermissionSet::all_of_conversation().iter().count(), 24);
}

#[test]
fn bits_that_nobody_knows_grant_nothing() {
    assert_eq!(PermissionSet::from_bits(-1), PermissionSet::all());
    assert!(PermissionSet::from_bits(i64::MIN).is_empty());
}

proptest! {
    #[test]
    fn a_set_is_what_its_bits_say(set in any_set()) {
        prop_assert_eq!(PermissionSet::from_bits(set.bits()), set);
        prop_assert_eq!(set.iter().collect::<PermissionSet>(), set);
        prop_assert_eq!(set.is_empty(), set.iter().next().is_none());
    }

    #[test]
    fn sets_combine_permission_by_permission(a in any_set(), b in any_set()) {
        for permission in Permission::ALL {
            prop_assert_eq!(a.union(b).has(*permission), a.has(*permission) || b.has(*permission));
            prop_assert_eq!(a.intersection(b).has(*permission), a.has(*permission) && b.has(*permission));
        }
    }

    #[test]
    fn covering_means_lacking_nothing(a in any_set(), b in any_set()) {
        let lacking = Permission::ALL.iter().copied().find(|permission| b.has(*permission) && !a.has(*permission));
        prop_assert_eq!(a.first_lacking(b), lacking);
        prop_assert_eq!(a.covers(b), lacking.is_none());
    }
}
