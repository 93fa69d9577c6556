//! Jobs: work that was committed together with the change that causes it.

use std::collections::BTreeSet;

use snug_model::{AppKey, JobId, Permission, Rev, Seq, Timestamp, UserKey, members::Access, roles};
use snug_store::{
    AppRef, JobKind, JobRow, JobState, MemberEdit, Once, RevocationRow, RoleUseRow, StoreError, UserRef,
    WalkFrom,
};
use tokio::task::JoinSet;

use crate::bench::{App, Bench, Conversation, deletion, id_mac, mac, seal};

on_both! {
    a_job_is_found_in_its_app
    a_job_is_claimed_by_one
    a_claimed_job_is_free_again_when_its_lease_ends
    jobs_are_claimed_in_the_order_in_which_they_are_due
    a_deleted_conversation_is_emptied_in_steps
    an_erased_user_leaves_its_conversations
    a_deleted_app_leaves_nothing_behind
    work_on_nothing_is_not_found
}

/// How long a job is lent, in milliseconds.
const LEASE_MS: i64 = 60_000;

async fn found(app: &App, id: &JobId) -> JobRow {
    app.store.job(&app.system().await, id).await.expect("jobs can be read").expect("the job is there")
}

async fn claim(app: &App, now: Timestamp) -> Option<JobRow> {
    app.store.claim_job(now, now.plus_ms(LEASE_MS)).await.expect("jobs can be claimed")
}

/// Works in steps of `rows` until the job is done; how many steps it took.
async fn work(app: &App, id: &JobId, rows: i64) -> usize {
    let mut progress = 0;
    for step in 1..10_000 {
        let now = app.now();
        let after =
            app.store.work_job(id, rows, now, now.plus_ms(LEASE_MS)).await.expect("a job can be worked on");
        let dealt = after.progress - progress;
        assert!((0..=rows).contains(&dealt), "a step dealt with {dealt} rows instead of {rows}");
        progress = after.progress;
        if after.state == JobState::Done {
            assert!(after.done_at.is_some());
            return step;
        }
        assert_eq!((after.state, after.done_at), (JobState::Running, None));
        assert_eq!(after.run_at, now.plus_ms(LEASE_MS), "a step prolongs the lease");
    }
    panic!("the job does not end");
}

/// Every sealed value in the store, as text.
async fn sealed(bench: &Bench) -> Vec<(AppKey, String)> {
    let (mut all, mut from) = (Vec::new(), Some(WalkFrom::default()));
    while let Some(part) = from {
        let page = bench.store.walk(part, 50).await.expect("the store can be walked");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        all.extend(page.values.iter().map(|value| (value.app, text(&value.sealed.0))));
        from = page.next;
    }
    all
}

async fn a_job_is_found_in_its_app(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let conversation = app.conversation("c", &[]).await;
    let job = app.job(JobKind::PurgeConversation(conversation.key));
    app.store.delete_conversation(&conversation.system().await, deletion(job.clone())).await.unwrap();
    assert_eq!(found(&app, &job.id).await, job);
    assert_eq!(other.store.job(&other.system().await, &job.id).await.unwrap(), None);
    assert_eq!(app.store.job(&app.system().await, &JobId::from_random("nobody")).await.unwrap(), None);
}

async fn a_job_is_claimed_by_one(bench: &mut Bench) {
    let app = bench.app("one").await;
    assert_eq!(claim(&app, app.now()).await, None);
    let mut made = BTreeSet::new();
    for number in 0..5 {
        made.insert(app.conversation(&format!("{number}"), &[]).await.delete().await);
    }
    let now = app.now();
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let app = app.clone();
        tasks.spawn(async move { claim(&app, now).await });
    }
    let claimed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    for job in &claimed {
        assert_eq!((job.state, job.attempts, job.run_at), (JobState::Running, 1, now.plus_ms(LEASE_MS)));
        assert_eq!(&found(&app, &job.id).await, job);
    }
    assert_eq!(claimed.len(), 5, "each by one, and none by nobody");
    assert_eq!(claimed.into_iter().map(|job| job.id).collect::<BTreeSet<_>>(), made);
    assert_eq!(claim(&app, now).await, None);
}

async fn a_claimed_job_is_free_again_when_its_lease_ends(bench: &mut Bench) {
    let app = bench.app("one").await;
    let id = app.conversation("c", &[]).await.delete().await;
    let now = app.now();
    assert_eq!(claim(&app, now).await.map(|job| job.id), Some(id.clone()));
    let end = now.plus_ms(LEASE_MS);
    assert_eq!(claim(&app, Timestamp(end.0 - 1)).await, None);
    let again = claim(&app, Timestamp(end.0 + 1)).await.expect("its lease is over");
    assert_eq!((again.id, again.attempts), (id.clone(), 2));
    work(&app, &id, 100).await;
    assert_eq!(
        claim(&app, Timestamp::NEVER.plus_ms(-LEASE_MS)).await,
        None,
        "a job that is done is not done again"
    );
}

async fn jobs_are_claimed_in_the_order_in_which_they_are_due(bench: &mut Bench) {
    let app = bench.app("one").await;
    let now = app.now();
    let mut ids = Vec::new();
    for (name, due) in [("late", now.plus_ms(500)), ("now", now), ("early", now.plus_ms(-500))] {
        let conversation = app.conversation(name, &[]).await;
        let job = JobRow { run_at: due, ..app.job(JobKind::PurgeConversation(conversation.key)) };
        app.store.delete_conversation(&conversation.system().await, deletion(job.clone())).await.unwrap();
        ids.push(job.id);
    }
    let claimed = async |now| claim(&app, now).await.map(|job| job.id);
    assert_eq!(claimed(now).await.as_ref(), Some(&ids[2]));
    assert_eq!(claimed(now).await.as_ref(), Some(&ids[1]));
    assert_eq!(claimed(now).await, None, "the last is not due yet");
    assert_eq!(claimed(now.plus_ms(500)).await.as_ref(), Some(&ids[0]));
}

async fn talk(conversation: &Conversation, people: &[UserKey]) {
    for number in 0..12 {
        let sent = conversation.send(people[number % people.len()], &format!("text {number}")).await;
        conversation.react(people[0], sent.id, "emoji", true).await.unwrap();
        if number % 3 == 0 {
            conversation.edit(sent.id, 2, &format!("text {number} edited")).await.unwrap();
        }
    }
}

async fn a_deleted_conversation_is_emptied_in_steps(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (kept, conversation) =
        (app.conversation("kept", &[ann, bob]).await, app.conversation("c", &[ann, bob]).await);
    for conversation in [&kept, &conversation] {
        talk(conversation, &[ann, bob]).await;
        let label = MemberEdit { profile: Some((seal("label"), 1)), ..conversation.member_edit(bob) };
        conversation.edit_member(label).await.unwrap();
        conversation.ban(bob, Some(Timestamp::NEVER)).await;
    }
    let before = sealed(bench).await.len();
    let of_kept = kept.row().await;
    let id = conversation.delete().await;
    assert!(claim(&app, app.now()).await.is_some());
    let steps = work(&app, &id, 5).await;
    assert!(steps > 5, "it takes its steps: {steps}");
    let progress = found(&app, &id).await.progress;
    assert!(progress >= 12 + 12 + 4, "messages, reactions and versions count: {progress}");
    let left = sealed(bench).await;
    let texts = left.iter().filter(|(_, text)| text.contains("text ")).count();
    assert_eq!(texts, 16, "what was said in the other conversation, and no more");
    assert!(before - left.len() >= 12 + 4 + 12);
    assert_eq!(left.iter().filter(|(_, text)| text == "sealed label").count(), 1);
    assert_eq!(left.iter().filter(|(_, text)| text == "sealed why").count(), 1);
    assert_eq!(kept.row().await, of_kept);
    let again = app.store.work_job(&id, 5, app.now(), app.now()).await.unwrap();
    assert_eq!((again.state, again.progress), (JobState::Done, progress), "what is done stays done");
}

async fn an_erased_user_leaves_its_conversations(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut conversations = Vec::new();
    for name in ["1", "2", "3", "4"] {
        conversations.push(app.conversation(name, &[ann, bob]).await);
    }
    let label = MemberEdit { profile: Some((seal("label"), 1)), ..conversations[0].member_edit(bob) };
    conversations[0].edit_member(label).await.unwrap();
    let sent = conversations[0].send(bob, "text").await;
    conversations[3].remove(bob).await;
    let revs: Vec<_> = [2, 0, 0, 1].into_iter().map(Rev).collect();
    let job = app.job(JobKind::EraseUser(bob));
    app.store.erase_user(&app.system().await, bob, job.clone()).await.unwrap();
    work(&app, &job.id, 1).await;
    for (index, conversation) in conversations.iter().enumerate() {
        let row = conversation.member(bob).await.expect("the row stays");
        assert_eq!((row.access, row.profile, row.forgotten), (Access::None, None, true));
        let conversation = conversation.row().await;
        let present = index < 3;
        assert_eq!(conversation.member_count, 1);
        let expected = if present { revs[index].next() } else { revs[index] };
        assert_eq!(conversation.rev, expected, "a removal that others see takes a rev");
    }
    let anns = conversations[0].client(ann).await;
    let missed = conversations[0].sync(&anns, Rev(2), 10).await.unwrap();
    assert_eq!(missed.members.iter().map(|member| member.user).collect::<Vec<_>>(), [bob]);
    assert_eq!(conversations[0].message_row(sent.id).await.seq, Seq(1), "what it wrote is another job's");
}

async fn a_deleted_app_leaves_nothing_behind(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    for app in [&app, &other] {
        let (ann, bob) = (app.user("ann").await, app.user("bob").await);
        let conversation = app.conversation("c", &[ann, bob]).await;
        talk(&conversation, &[ann, bob]).await;
        conversation.remove(bob).await;
        app.conversation("deleted", &[ann]).await.delete().await;
        let key = app.token_key_row(&format!("k{}", app.number()));
        app.store.create_token_key(&app.system().await, key).await.unwrap();
        app.store.put_template(&app.system().await, app.template_row("greeting").await).await.unwrap();
        let (role, permission) = (app.role(roles::MEMBER), Permission::MessageSend);
        let used = RoleUseRow { app: app.key, day: 1, role, permission, count: 1, user: None };
        app.store.add_role_use(vec![used], 0).await.unwrap();
        let jti = RevocationRow::Jti { jti: mac("t"), until: Timestamp::NEVER };
        let once = Once { scope: mac("scope"), body: mac("body"), at: app.now() };
        app.store.revoke_tokens(&app.system().await, jti, Some(once)).await.unwrap();
        app.store.keep_answer(app.key, once.scope, seal("answer")).await.unwrap();
    }
    let theirs = sealed(bench).await.into_iter().filter(|(key, _)| *key == other.key).count();
    let job = app.job(JobKind::DeleteApp);
    app.store.delete_app(&app.system().await, job.clone()).await.unwrap();
    work(&app, &job.id, 7).await;
    assert!(app.store.app(AppRef::Key(app.key), app.now()).await.unwrap().is_none());
    assert!(app.store.key(&app.signer).await.unwrap().is_none());
    let ann = app.store.user(app.key, UserRef::Id(id_mac("ann"))).await.unwrap();
    assert!(ann.is_none());
    let left = sealed(bench).await;
    assert!(left.iter().all(|(key, _)| *key == other.key), "{left:?}");
    assert_eq!(left.len(), theirs, "the other app keeps all that it has");
    assert_eq!(other.record().await.roles.len(), 6);
}

async fn work_on_nothing_is_not_found(bench: &mut Bench) {
    let app = bench.app("one").await;
    let nobody = JobId::from_random("nobody");
    refused!(app.store.work_job(&nobody, 10, app.now(), app.now()), StoreError::NotFound);
}
