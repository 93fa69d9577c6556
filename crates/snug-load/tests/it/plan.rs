use serde_json::json;
use snug_load::log::{Kind, Line};
use snug_load::plan::{Act, Change, Plan, Window, plans};

/// One conversation from `(kind, user, text, reply_to)`, numbered 0, 1, 2 …
pub(crate) fn lines(rows: &[(Kind, &str, &str, &[u64])]) -> Vec<Line> {
    let line = |(n, (kind, user, text, reply_to)): (u64, &(Kind, &str, &str, &[u64]))| Line {
        conversation: "talk".to_owned(),
        n,
        at: "2004-12-25T09:14:00Z".parse().unwrap(),
        kind: *kind,
        user: (*user).to_owned(),
        text: (*text).to_owned(),
        reply_to: reply_to.to_vec(),
    };
    (0..).zip(rows).map(line).collect()
}

pub(crate) fn plan_of(lines: Vec<Line>, seed: u64) -> Plan {
    let lines = lines.into_iter().map(Ok::<_, std::convert::Infallible>);
    let Ok(mut plans) = plans(lines, seed);
    assert_eq!(plans.len(), 1);
    plans.remove(0)
}

fn plan(rows: &[(Kind, &str, &str, &[u64])]) -> Plan {
    plan_of(lines(rows), 7)
}

fn add(user: &str) -> Act {
    Act::Add(user.to_owned())
}

fn remove(user: &str) -> Act {
    Act::Remove(user.to_owned())
}

fn acts(plan: &Plan) -> Vec<&[Act]> {
    plan.steps.iter().map(|step| step.acts.as_slice()).collect()
}

#[test]
fn who_is_not_first_seen_joining_is_a_member_from_the_start() {
    let plan = plan(&[
        (Kind::Message, "ann", "hi", &[]),
        (Kind::Join, "bob", "", &[]),
        (Kind::Leave, "cid", "bye", &[]),
        (Kind::Rename, "dan", "dan_", &[]),
        (Kind::Message, "dan_", "hm", &[]),
        (Kind::Notice, "", "*** split", &[]),
        (Kind::Action, "eve", "waves", &[]),
    ]);
    assert_eq!(plan.members, ["ann", "cid", "dan", "eve"]);
    assert_eq!(plan.people(), ["ann", "cid", "dan", "eve", "bob", "dan_"]);
    assert_eq!(plan.windows()["bob"], [Window { after: 2, until: None }]);
    assert_eq!(plan.windows()["cid"], [Window { after: 0, until: Some(3) }]);
    assert!(!plan.windows().contains_key("nobody"));
}

#[test]
fn joins_leaves_and_lines_after_a_leave_change_membership() {
    let plan = plan(&[
        (Kind::Join, "ann", "", &[]),
        (Kind::Join, "ann", "", &[]),
        (Kind::Leave, "ann", "", &[]),
        (Kind::Leave, "ann", "", &[]),
        (Kind::Message, "ann", "back", &[]),
    ]);
    let expected: [&[Act]; 5] =
        [&[add("ann")], &[add("ann")], &[remove("ann")], &[remove("ann")], &[add("ann"), Act::Send(0)]];
    assert_eq!(acts(&plan), expected);
    // What changes nothing is asked for, and seen by nobody.
    let added = Change::Added("ann".to_owned());
    assert_eq!(plan.changes, [added.clone(), Change::Removed("ann".to_owned()), added, Change::Message(0)]);
    assert_eq!(plan.message_changes, [4]);
    assert_eq!(
        plan.windows()["ann"],
        [Window { after: 1, until: Some(2) }, Window { after: 3, until: None }]
    );
}

#[test]
fn a_rename_moves_the_membership_unless_the_old_name_is_seen_again() {
    let gone = plan(&[(Kind::Rename, "ann", "anna", &[]), (Kind::Message, "anna", "me", &[])]);
    assert_eq!(gone.members, ["ann"]);
    assert_eq!(gone.steps[0].acts, [add("anna"), remove("ann")]);

    let stays = plan(&[(Kind::Rename, "ann", "anna", &[]), (Kind::Message, "ann", "still here", &[])]);
    assert_eq!(stays.steps[0].acts, [add("anna")]);
    assert_eq!(stays.steps[1].acts, [Act::Send(0)]);

    let returns = plan(&[(Kind::Rename, "ann", "anna", &[]), (Kind::Rename, "anna", "ann", &[])]);
    assert_eq!(acts(&returns), [&[add("anna")] as &[Act], &[add("ann"), remove("anna")]]);
    assert_eq!(returns.changes.len(), 2);

    let same = plan(&[(Kind::Rename, "ann", "ann", &[])]);
    assert_eq!(same.steps[0].acts, [add("ann")]);
    assert_eq!(same.changes, []);
}

#[test]
fn notices_actions_and_empty_texts() {
    let plan = plan(&[
        (Kind::Notice, "", "*** split", &[]),
        (Kind::Action, "ann", "waves", &[]),
        (Kind::Message, "ann", "", &[]),
        (Kind::Action, "ann", "", &[]),
    ]);
    let drafts: Vec<_> = plan
        .messages
        .iter()
        .map(|draft| (draft.author.as_deref(), draft.text.as_deref(), json!(draft.attributes)))
        .collect();
    let ann = Some("ann");
    let expected = [
        (None, Some("*** split"), json!({})),
        (ann, Some("waves"), json!({"action": true})),
        (ann, None, json!({"empty": true})),
        (ann, None, json!({"action": true, "empty": true})),
    ];
    assert_eq!(drafts, expected);
}

#[test]
fn the_first_reply_to_a_message_is_the_reply_and_the_rest_an_attribute() {
    let plan = plan(&[
        (Kind::Join, "ann", "", &[]),
        (Kind::Message, "ann", "one", &[]),
        (Kind::Notice, "", "two", &[]),
        (Kind::Message, "ann", "to a join and two messages", &[0, 2, 1]),
        (Kind::Message, "ann", "to a join", &[0]),
        (Kind::Message, "ann", "to a message", &[1]),
        (Kind::Rename, "ann", "anna", &[1]),
    ]);
    let id = |place: usize| plan.messages[place].id;
    let replies: Vec<_> =
        plan.messages.iter().map(|draft| (draft.reply_to, json!(draft.attributes))).collect();
    let expected = [
        (None, json!({})),
        (None, json!({})),
        (Some(id(1)), json!({"also_replies_to": [0, 1]})),
        (None, json!({"also_replies_to": [0]})),
        (Some(id(0)), json!({})),
    ];
    assert_eq!(replies, expected);
}

#[test]
fn ids_follow_from_seed_conversation_and_line() {
    let rows: &[(Kind, &str, &str, &[u64])] =
        &[(Kind::Message, "ann", "one", &[]), (Kind::Message, "ann", "one", &[])];
    let ids = |plan: &Plan| plan.messages.iter().map(|draft| draft.id).collect::<Vec<_>>();
    let seven = plan_of(lines(rows), 7);
    assert_eq!(seven, plan_of(lines(rows), 7));
    assert_ne!(ids(&seven), ids(&plan_of(lines(rows), 8)));
    assert_ne!(seven.conversation, plan_of(lines(rows), 8).conversation);
    let mut elsewhere = lines(rows);
    elsewhere.iter_mut().for_each(|line| line.conversation = "other".to_owned());
    assert_ne!(ids(&seven), ids(&plan_of(elsewhere, 7)));
    assert!(ids(&seven).is_sorted() && seven.messages[0].id != seven.messages[1].id);
    assert!(ids(&seven).iter().all(|id| id.get_version_num() == 7));
}

#[test]
fn interleaved_conversations_become_a_plan_each() {
    let mut rows = lines(&[
        (Kind::Message, "ann", "one", &[]),
        (Kind::Message, "bob", "two", &[]),
        (Kind::Message, "ann", "three", &[0]),
    ]);
    rows[1].conversation = "aside".to_owned();
    let Ok(plans) = plans(rows.into_iter().map(Ok::<_, std::convert::Infallible>), 7);
    let sizes: Vec<_> = plans.iter().map(|plan| (plan.source.as_str(), plan.messages.len())).collect();
    assert_eq!(sizes, [("talk", 2), ("aside", 1)]);
}
