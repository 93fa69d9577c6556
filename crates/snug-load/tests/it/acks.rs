use std::io::Write;

use snug_load::acks::{Ack, AckFile, Acknowledged, compare, read};
use snug_load::findings::Findings;
use snug_load::history::Held;
use snug_load::log::Kind;
use snug_load::plan::Plan;

use crate::histories::held;
use crate::plan::{lines, plan_of};

fn plan() -> Plan {
    plan_of(
        lines(&[
            (Kind::Message, "ann", "one", &[]),
            (Kind::Join, "bob", "", &[]),
            (Kind::Message, "bob", "", &[0]),
            (Kind::Notice, "", "three", &[]),
        ]),
        7,
    )
}

fn ack(plan: &Plan, place: usize) -> Ack {
    let Held { seq, rev, .. } = held(plan, place);
    let draft = plan.messages[place].clone();
    Ack { app: "app_eu_x".to_owned(), conversation: plan.conversation.clone(), seq, rev, draft }
}

#[test]
fn what_is_written_is_read_back_and_a_torn_last_line_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acks.ndjson");
    let plan = plan();
    let acks: Vec<Ack> = (0..3).map(|place| ack(&plan, place)).collect();
    for ack in &acks {
        // Another replay adds to the same file.
        let file = AckFile::append(&path).unwrap();
        file.write(ack).unwrap();
        file.finish().unwrap();
    }
    let expected =
        vec![Acknowledged { app: "app_eu_x".to_owned(), conversation: plan.conversation.clone(), acks }];
    assert_eq!(read(&path).unwrap(), expected);

    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(br#"{"app":"app_eu_x","conv"#).unwrap();
    assert_eq!(read(&path).unwrap(), expected);
    file.write_all(b"\n").unwrap();
    let error = format!("{:#}", read(&path).unwrap_err());
    assert!(error.contains("acks.ndjson, line 4: "), "{error}");
}

fn compared(corrupt: impl FnOnce(&mut Vec<Held>)) -> [u64; 5] {
    let plan = plan();
    let acks: Vec<Ack> = (0..3).map(|place| ack(&plan, place)).collect();
    let mut history: Vec<Held> = (0..3).map(|place| held(&plan, place)).collect();
    corrupt(&mut history);
    let Findings { lost, duplicated, reordered, gaps, differences, .. } = compare("c", &acks, &history);
    [lost, duplicated, reordered, gaps, differences]
}

#[test]
fn a_server_is_held_to_what_it_acknowledged() {
    assert_eq!(compared(|_| {}), [0; 5]);
    assert_eq!(
        compared(|history| drop(history.pop())),
        [1, 0, 0, 0, 0],
        "an acknowledgement without message"
    );
    assert_eq!(compared(|history| drop(history.remove(1))), [1, 0, 0, 1, 0]);
    assert_eq!(compared(|history| history.insert(1, history[0].clone())), [0, 1, 0, 0, 0]);
    assert_eq!(compared(|history| history.swap(0, 1)), [0, 0, 1, 1, 0]);
    assert_eq!(compared(|history| history[2].rev += 1), [0, 0, 1, 0, 0]);
    assert_eq!(compared(|history| history[0].text = None), [0, 0, 0, 0, 1]);
    assert_eq!(compared(|history| history[1].reply_to = None), [0, 0, 0, 0, 1]);
}

#[test]
fn messages_that_nobody_waited_for_are_no_fault() {
    let plan = plan();
    let history: Vec<Held> = (0..3).map(|place| held(&plan, place)).collect();
    assert!(compare("c", &[ack(&plan, 1)], &history).is_clean());
}
