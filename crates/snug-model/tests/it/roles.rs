//! The roles of a new app grant the least with which one can chat.

use snug_model::{PermissionSet, permissions::Scope, roles};

#[test]
fn a_new_apps_roles_grant_this_and_no_more() {
    let moderation =
        ["member.remove", "member.ban", "member.mute", "message.delete_any", "message.read_versions"];
    let observer = ["conversation.leave", "read.mark"];
    let chatting = [
        "message.send",
        "message.react",
        "message.edit_own",
        "message.delete_own",
        "read.see",
        "typing.send",
    ];
    let of_conversation = [
        "conversation.edit",
        "conversation.freeze",
        "conversation.archive",
        "conversation.delete",
        "member.add",
        "member.invite",
        "member.edit",
        "message.send_attachment",
        "message.edit_any",
        "message.pin",
        "presence.see",
    ];
    let expected: [(Scope, &str, Vec<&[&str]>); 6] = [
        (Scope::App, "user", vec![]),
        (Scope::App, "moderator", vec![&moderation, &["user.ban", "user.mute", "user.list"]]),
        (Scope::Conversation, "observer", vec![&observer]),
        (Scope::Conversation, "member", vec![&observer, &chatting]),
        (Scope::Conversation, "moderator", vec![&observer, &chatting, &moderation]),
        (Scope::Conversation, "owner", vec![&observer, &chatting, &moderation, &of_conversation]),
    ];
    for ((scope, name, granted), (expected_scope, expected_name, groups)) in
        roles::defaults().into_iter().zip(expected)
    {
        assert_eq!((scope, name), (expected_scope, expected_name));
        let mut names: Vec<_> = granted.iter().map(|permission| permission.name()).collect();
        let mut expected: Vec<_> = groups.concat();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{} role {name}", scope.name());
    }
}

#[test]
fn conversation_roles_stay_within_the_conversation() {
    for (scope, name, granted) in roles::defaults() {
        if scope == Scope::Conversation {
            assert!(PermissionSet::all_of_conversation().covers(granted), "{name}");
        }
    }
}
