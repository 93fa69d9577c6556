//! The check of what is at rest: it finds nothing in sound data, which the end of every test of the suite says, and it
//! finds what was spoiled.

use snug_model::{Timestamp, roles};
use snug_store::{ConversationEdit, MemberEdit, Once, SenderRow};

use crate::bench::{Bench, mac, seal};

on_both! {
    every_planted_fault_is_found
}

/// A fault: what is spoiled, the SQL that does it, and the SQL that mends it.
struct Fault {
    what: &'static str,
    plant: &'static str,
    mend: &'static str,
}

/// Numbers far away from those that are in use.
const FAULTS: &[Fault] = &[
    Fault {
        what: "a gap in seq",
        plant: "UPDATE messages SET seq = seq + 1000 WHERE seq = 3",
        mend: "UPDATE messages SET seq = seq - 1000 WHERE seq > 1000",
    },
    Fault {
        what: "a head above the last message",
        plant: "UPDATE conversations SET head_seq = head_seq + 1 WHERE head_seq > 4",
        mend: "UPDATE conversations SET head_seq = head_seq - 1 WHERE head_seq > 4",
    },
    Fault {
        what: "a rev above the last change",
        plant: "UPDATE conversations SET rev = rev + 1 WHERE head_seq > 4",
        mend: "UPDATE conversations SET rev = rev - 1 WHERE head_seq > 4",
    },
    Fault {
        what: "a message with a rev of the future",
        plant: "UPDATE messages SET rev = rev + 1000 WHERE seq = 1",
        mend: "UPDATE messages SET rev = rev - 1000 WHERE rev > 1000",
    },
    Fault {
        what: "a change at another rev",
        plant: "UPDATE changes SET rev = rev + 1000 WHERE kind = 3",
        mend: "UPDATE changes SET rev = rev - 1000 WHERE rev > 1000",
    },
    Fault {
        what: "a change with another head",
        plant: "UPDATE changes SET head_seq = head_seq + 1 WHERE kind = 3",
        mend: "UPDATE changes SET head_seq = head_seq - 1 WHERE kind = 3",
    },
    Fault {
        what: "a tombstone that still says something",
        plant: "UPDATE messages SET body = draft WHERE deleted_at IS NOT NULL",
        mend: "UPDATE messages SET body = NULL WHERE deleted_at IS NOT NULL",
    },
    Fault {
        what: "a deletion that left the body",
        plant: "UPDATE messages SET deleted_at = created_at WHERE seq = 1",
        mend: "UPDATE messages SET deleted_at = NULL WHERE seq = 1",
    },
    Fault {
        what: "a version that was lost",
        plant: "UPDATE message_versions SET version = version + 1000 WHERE version = 1",
        mend: "UPDATE message_versions SET version = version - 1000 WHERE version > 1000",
    },
    Fault {
        what: "a version of no message",
        plant: "UPDATE message_versions SET seq = seq + 1000",
        mend: "UPDATE message_versions SET seq = seq - 1000",
    },
    Fault {
        what: "a reaction to no message",
        plant: "UPDATE reactions SET seq = seq + 1000",
        mend: "UPDATE reactions SET seq = seq - 1000",
    },
    Fault {
        what: "a reaction of nobody",
        plant: "UPDATE reactions SET \"user\" = \"user\" + 1000000",
        mend: "UPDATE reactions SET \"user\" = \"user\" - 1000000",
    },
    Fault {
        what: "a message of nobody",
        plant: "UPDATE messages SET sender = sender + 1000000",
        mend: "UPDATE messages SET sender = sender - 1000000",
    },
    Fault {
        what: "a message in no conversation",
        plant: "UPDATE messages SET conversation = conversation + 1000000 WHERE seq = 1",
        mend: "UPDATE messages SET conversation = conversation - 1000000 WHERE conversation > 1000000",
    },
    Fault {
        what: "a count of members that is wrong",
        plant: "UPDATE conversations SET member_count = member_count + 1 WHERE head_seq > 4",
        mend: "UPDATE conversations SET member_count = member_count - 1 WHERE head_seq > 4",
    },
    Fault {
        what: "a member who is no user",
        plant: "UPDATE members SET \"user\" = \"user\" + 1000000 WHERE access = 0",
        mend: "UPDATE members SET \"user\" = \"user\" - 1000000 WHERE access = 0",
    },
    Fault {
        what: "a member of no conversation",
        plant: "UPDATE members SET conversation = conversation + 1000000 WHERE access = 0",
        mend: "UPDATE members SET conversation = conversation - 1000000 WHERE access = 0",
    },
    Fault {
        what: "a member whose role is not there",
        plant: "UPDATE members SET role = role + 1000000",
        mend: "UPDATE members SET role = role - 1000000",
    },
    Fault {
        what: "a read mark above the head",
        plant: "UPDATE members SET read_seq = read_seq + 1000",
        mend: "UPDATE members SET read_seq = read_seq - 1000",
    },
    Fault {
        what: "a removed member whose view ends in the future",
        plant: "UPDATE members SET frozen_rev = frozen_rev + 1000 WHERE frozen_rev IS NOT NULL",
        mend: "UPDATE members SET frozen_rev = frozen_rev - 1000 WHERE frozen_rev IS NOT NULL",
    },
    Fault {
        what: "a present member with a frozen view",
        plant: "UPDATE members SET access = 2 WHERE access = 0",
        mend: "UPDATE members SET access = 0 WHERE frozen_rev IS NOT NULL",
    },
    Fault {
        what: "a place in an inbox that is wrong",
        plant: "UPDATE members SET place = place - 1 WHERE access > 0 AND place IS NOT NULL",
        mend: "UPDATE members SET place = place + 1 WHERE access > 0 AND place IS NOT NULL",
    },
    Fault {
        what: "a conversation that is missing in an inbox",
        plant: "UPDATE members SET place = NULL, read_at = place WHERE access > 0 AND place IS NOT NULL AND read_at IS NULL",
        mend: "UPDATE members SET place = read_at, read_at = NULL WHERE access > 0 AND place IS NULL AND read_at IS NOT NULL",
    },
    Fault {
        what: "a user whose role is not there",
        plant: "UPDATE users SET role = role + 1000000",
        mend: "UPDATE users SET role = role - 1000000",
    },
    Fault {
        what: "settings with a role that is not there",
        plant: "UPDATE apps SET member_role = member_role + 1000000",
        mend: "UPDATE apps SET member_role = member_role - 1000000",
    },
    Fault {
        what: "a key that may give a role that is not there",
        plant: "UPDATE keys SET may_mint = may_mint + 1000000",
        mend: "UPDATE keys SET may_mint = may_mint - 1000000",
    },
    Fault {
        what: "an erased user who still has an id",
        plant: "UPDATE users SET id = id_mac WHERE erased_at IS NOT NULL",
        mend: "UPDATE users SET id = NULL WHERE erased_at IS NOT NULL",
    },
    Fault {
        what: "an erased user whose tokens still hold",
        plant: "UPDATE users SET updated_at = tokens_not_before, tokens_not_before = NULL WHERE erased_at IS NOT NULL",
        mend: "UPDATE users SET tokens_not_before = updated_at WHERE erased_at IS NOT NULL",
    },
    Fault {
        what: "a conversation of no app",
        plant: "UPDATE conversations SET app = app + 1000000 WHERE head_seq = 0",
        mend: "UPDATE conversations SET app = app - 1000000 WHERE head_seq = 0",
    },
    Fault {
        what: "a user of no app",
        plant: "UPDATE users SET app = app + 1000000",
        mend: "UPDATE users SET app = app - 1000000",
    },
    Fault {
        what: "a request of no app",
        plant: "UPDATE idempotency SET app = app + 1000000",
        mend: "UPDATE idempotency SET app = app - 1000000",
    },
    Fault {
        what: "a consent of nobody",
        plant: "UPDATE consents SET \"user\" = \"user\" + 1000000",
        mend: "UPDATE consents SET \"user\" = \"user\" - 1000000",
    },
    Fault {
        what: "a consent of no app",
        plant: "UPDATE consents SET app = app + 1000000",
        mend: "UPDATE consents SET app = app - 1000000",
    },
    Fault {
        what: "a consent that is not there",
        plant: "UPDATE users SET consented = id_mac WHERE consented IS NOT NULL",
        mend: "UPDATE users SET consented = (SELECT mark FROM consents) WHERE consented IS NOT NULL",
    },
    Fault {
        what: "a job that is done and does not know when",
        plant: "UPDATE jobs SET state = 2 WHERE state = 0",
        mend: "UPDATE jobs SET state = 0 WHERE done_at IS NULL",
    },
    Fault {
        what: "a job about nothing",
        plant: "UPDATE jobs SET reference = reference + 1000000 WHERE kind = 3",
        mend: "UPDATE jobs SET reference = reference - 1000000 WHERE kind = 3",
    },
];

/// Data in which everything occurs that can be spoiled.
async fn sound(bench: &Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    app.conversation("empty", &[ann]).await;
    app.store.accept_consent(&app.system().await, app.consent(ann, "terms"), None).await.unwrap();
    let conversation = app.conversation("c", &[ann, bob]).await;
    let mut sent = Vec::new();
    for number in 1..=5 {
        sent.push(conversation.send(ann, &format!("{number}")).await);
    }
    conversation.edit(sent[1].id, 2, "edited").await.unwrap();
    conversation.react(bob, sent[2].id, "a", true).await.unwrap();
    conversation.delete_message(sent[3].id).await.unwrap();
    let reply = snug_store::NewMessage {
        reply_to: Some(sent[0].id),
        ..conversation.message(SenderRow::System, "reply")
    };
    conversation.append(&conversation.system().await, reply).await.unwrap();
    let renamed = ConversationEdit { profile: seal("new"), ..conversation.unchanged().await };
    conversation.edit_conversation(renamed).await.unwrap();
    let role = MemberEdit { role: Some(app.role(roles::OWNER)), ..conversation.member_edit(ann) };
    conversation.edit_member(role).await.unwrap();
    conversation.ban(bob, Some(Timestamp::NEVER)).await;
    let job = app.job(snug_store::JobKind::EraseUser(cid));
    app.store.erase_user(&app.system().await, cid, job).await.unwrap();
    let once = Once { scope: mac("scope"), body: mac("body"), at: app.now() };
    let revocation = snug_store::RevocationRow::App(app.now());
    app.store.revoke_tokens(&app.system().await, revocation, Some(once)).await.unwrap();
    while app.store.place_inboxes(10).await.unwrap() > 0 {}
}

async fn every_planted_fault_is_found(bench: &mut Bench) {
    sound(bench).await;
    let findings = bench.store.check().await.unwrap();
    assert!(findings.is_empty(), "before anything was spoiled: {findings:#?}");
    for Fault { what, plant, mend } in FAULTS {
        bench.execute(plant).await;
        let findings = bench.store.check().await.unwrap();
        assert!(!findings.is_empty(), "{what} is not found");
        bench.execute(mend).await;
        let findings = bench.store.check().await.unwrap();
        assert!(findings.is_empty(), "{what} was mended: {findings:#?}");
    }
}
