//! The lock of an app, between the comparison of a permit and the commit of what it allows; and deadlocks.

use std::sync::Arc;

use futures_util::future::{join, join_all, join4};
use snug_model::{Permit, RoleKey, Seq, Timestamp, UserKey, members::Access, roles};
use snug_store::{
    Appended, ConversationEdit, MemberEdit, NewMessage, SanctionRow, SenderRow, Store, StoreError,
    StoreResult, UserWrite,
    postgres::{Control, Options},
};
use tokio::task::JoinHandle;

use super::{CONNECTIONS, LIMIT, Session, open, two, with_settings};
use crate::bench::{App, Bench, Conversation, on_postgres, seal};

/// What a second act did while the first was held up before its commit.
#[derive(Debug, PartialEq, Eq)]
enum Second {
    Waited,
    Passed,
}

/// A ban of Ann from the app, and a message of hers whose permit was decided before: one is held up, the other comes.
struct Race {
    app: App,
    ann: UserKey,
    conversation: Conversation,
    permit: Permit,
    /// Holds the first up.
    blocker: Session,
    watcher: Session,
}

impl Race {
    async fn new(bench: &Bench, control: Option<Control>) -> Self {
        let store = open(bench.postgres_url(), Options { control, ..Options::default() }).await;
        let (app, ann, conversation) = two(bench).await;
        let permit = conversation.client(ann).await;
        Self {
            app: app.through(&store),
            ann,
            conversation: conversation.through(&store),
            permit,
            blocker: Session::start(bench.postgres_url()).await,
            watcher: Session::start(bench.postgres_url()).await,
        }
    }

    fn append(&self) -> JoinHandle<StoreResult<Appended>> {
        let message = self.conversation.message(SenderRow::User(self.ann), "hi");
        append(&self.app.store, &self.permit, message)
    }

    async fn ban(&self) -> JoinHandle<StoreResult<()>> {
        let (store, permit) = (Arc::clone(&self.app.store), self.app.system().await);
        let (ann, at) = (self.ann, self.app.now());
        let ban = SanctionRow { until: Timestamp::NEVER, note: None, since: at };
        tokio::spawn(async move { store.set_user_ban(&permit, ann, Some(ban), at, None).await })
    }

    /// What the second act does while the first waits for the blocker.
    async fn look_at<T>(&self, second: &JoinHandle<T>) -> Second {
        let look = async {
            loop {
                if second.is_finished() {
                    return Second::Passed;
                }
                if self.watcher.waiting().await == 2 {
                    return Second::Waited;
                }
            }
        };
        tokio::time::timeout(LIMIT, look).await.expect("the second act does something")
    }
}

fn append(store: &Arc<dyn Store>, permit: &Permit, message: NewMessage) -> JoinHandle<StoreResult<Appended>> {
    let (store, permit) = (Arc::clone(store), permit.clone());
    tokio::spawn(async move { store.append(&permit, message).await })
}

/// A message whose permit was compared, and that is not committed yet, is met by a ban.
async fn ban_during_an_append(bench: &Bench, control: Option<Control>) -> Second {
    let race = Race::new(bench, control).await;
    // The sender's read mark is what an append writes last.
    race.blocker.run("BEGIN; SELECT FROM members FOR UPDATE").await;
    let append = race.append();
    race.watcher.until_waiting(1).await;
    let ban = race.ban().await;
    let second = race.look_at(&ban).await;
    race.blocker.run("ROLLBACK").await;
    append.await.unwrap().expect("it was compared before the ban");
    ban.await.unwrap().expect("the user can be banned");
    let late = race.append().await.unwrap();
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    second
}

/// A ban that is not committed yet is met by a message.
async fn append_during_a_ban(bench: &Bench, control: Option<Control>) -> (Second, StoreResult<Appended>) {
    let race = Race::new(bench, control).await;
    race.blocker.run("BEGIN; SELECT FROM users FOR UPDATE").await;
    let ban = race.ban().await;
    race.watcher.until_waiting(1).await;
    let append = race.append();
    let second = race.look_at(&append).await;
    race.blocker.run("ROLLBACK").await;
    ban.await.unwrap().expect("the user can be banned");
    (second, append.await.unwrap())
}

#[tokio::test]
async fn a_ban_waits_for_what_was_compared_before_it() {
    on_postgres(async |bench| assert_eq!(ban_during_an_append(bench, None).await, Second::Waited)).await;
}

#[tokio::test]
async fn without_the_lock_a_ban_is_answered_before_what_was_compared_is_committed() {
    on_postgres(async |bench| {
        assert_eq!(ban_during_an_append(bench, Some(Control::SkipLock)).await, Second::Passed);
    })
    .await;
}

#[tokio::test]
async fn an_append_waits_for_a_ban_and_compares_after_it() {
    on_postgres(async |bench| {
        let (second, appended) = append_during_a_ban(bench, None).await;
        assert_eq!(second, Second::Waited);
        assert!(matches!(appended, Err(StoreError::Stale)), "{appended:?}");
    })
    .await;
}

#[tokio::test]
async fn without_the_lock_an_append_does_not_see_the_ban_that_is_being_committed() {
    on_postgres(async |bench| {
        let (second, appended) = append_during_a_ban(bench, Some(Control::SkipLock)).await;
        assert_eq!(second, Second::Passed);
        assert!(matches!(appended, Ok(Appended::New { .. })), "{appended:?}");
    })
    .await;
}

/// Ann's message is held up before its commit, and shares the lock of the app meanwhile.
#[tokio::test]
async fn only_what_narrows_a_permission_waits_for_others() {
    on_postgres(async |bench| {
        let (app, ann, conversation) = two(bench).await;
        let people = [app.user("carl").await, app.user("dora").await, app.user("emma").await];
        let [carl, dora, emma] = people;
        let other = app.conversation("other", &people).await;
        let third = app.conversation("third", &people).await;
        let (blocker, watcher) =
            (Session::start(bench.postgres_url()).await, Session::start(bench.postgres_url()).await);
        blocker.run(&format!("BEGIN; SELECT FROM members WHERE \"user\" = {ann} FOR UPDATE")).await;
        let message = conversation.message(SenderRow::User(ann), "hi");
        let held_up = append(&app.store, &conversation.client(ann).await, message);
        watcher.until_waiting(1).await;

        let permit = app.system().await;
        let name = profile(&app, carl, "new", app.user_row(carl).await.role).await;
        app.store.write_user(&permit, name).await.expect("a profile narrows nothing");
        let name = ConversationEdit { profile: seal("new"), ..other.unchanged().await };
        other.edit_conversation(name).await.expect("a name narrows nothing");
        let same = MemberEdit { role: Some(app.role(roles::MEMBER)), ..other.member_edit(carl) };
        other.edit_member(same).await.expect("the same role narrows nothing");
        other.add(&people).await;
        app.store
            .set_user_ban(&permit, carl, None, app.now(), None)
            .await
            .expect("lifting a ban narrows nothing");

        let role = profile(&app, carl, "new", app.app_role(roles::MODERATOR)).await;
        let narrowing = join4(
            app.store.write_user(&permit, role),
            third.edit_conversation(ConversationEdit { frozen: true, ..third.unchanged().await }),
            other.edit_member(MemberEdit { access: Some(Access::Read), ..other.member_edit(dora) }),
            other.remove(emma),
        );
        tokio::pin!(narrowing);
        tokio::select! {
            biased;
            _ = &mut narrowing => panic!("they wait for nobody"),
            () = watcher.until_waiting(5) => {}
        }
        blocker.run("ROLLBACK").await;
        held_up.await.unwrap().expect("it was compared before them");
        let (user, frozen, member, _) = narrowing.await;
        assert_eq!(user.unwrap().role, app.app_role(roles::MODERATOR));
        assert!(frozen.unwrap().frozen);
        assert_eq!(member.unwrap().members[0].access, Access::Read);
    })
    .await;
}

/// A change of a user's name and role.
async fn profile(app: &App, user: UserKey, name: &str, role: RoleKey) -> UserWrite {
    let row = app.user_row(user).await;
    UserWrite {
        key: user,
        id_mac: row.id_mac,
        id: row.id.expect("the user was not erased"),
        profile: seal(name),
        profile_version: row.profile_version + 1,
        role,
        at: app.now(),
    }
}

/// Of two transactions that wait for each other, the server breaks the one that looks first.
#[tokio::test]
async fn what_was_in_a_deadlock_is_done_anew() {
    on_postgres(async |bench| {
        let (app, ann, conversation) = two(bench).await;
        let quick = with_settings(bench.postgres_url(), &[("deadlock_timeout", "100ms")]);
        let store = open(&quick, Options::default()).await;
        // From then on its statements are known to the server, which looks at tables to know one.
        conversation.through(&store).send(ann, "before").await;
        let session = async || Session::start(bench.postgres_url()).await;
        let (other, before, between, watcher) =
            (session().await, session().await, session().await, session().await);
        other.run("SET deadlock_timeout = '1h'; BEGIN; SELECT FROM members FOR UPDATE").await;
        between.run("BEGIN; LOCK TABLE messages IN EXCLUSIVE MODE").await;
        // Which has to look at the conversation first.
        let message =
            NewMessage { after_seq: Some(Seq(1)), ..conversation.message(SenderRow::User(ann), "hi") };
        let append = append(&store, &conversation.client(ann).await, message);
        // It holds its app and the conversation, and is about to insert.
        watcher.until_waiting(1).await;
        // Whoever waits for the app now is let in before the append can begin anew.
        let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({})", app.key);
        let app_is_held = before.run(&lock);
        // The other holds the sender, and wants the conversation.
        let conversation_is_held = other.run("SELECT FROM conversations FOR UPDATE");
        let held = join(app_is_held, conversation_is_held);
        tokio::pin!(held);
        tokio::select! {
            biased;
            _ = &mut held => panic!("the append holds neither"),
            () = watcher.until_waiting(3) => {}
        }
        between.run("ROLLBACK").await;
        // Nothing but its rollback has set both free.
        held.await;
        watcher.until_waiting(1).await;
        assert!(!append.is_finished());
        other.run("COMMIT").await;
        before.run("COMMIT").await;
        let appended = append.await.unwrap();
        assert!(matches!(appended, Ok(Appended::New { .. })), "{appended:?}");
    })
    .await;
}

/// Somebody who forgot a transaction costs an answer, not the server.
#[tokio::test]
async fn a_lock_that_is_not_given_back_is_not_waited_for_without_end() {
    on_postgres(async |bench| {
        let (_, ann, conversation) = two(bench).await;
        let url = with_settings(bench.postgres_url(), &[("lock_timeout", "100ms")]);
        let behind = conversation.through(&open(&url, Options::default()).await);
        let forgotten = Session::start(bench.postgres_url()).await;
        forgotten.run("BEGIN; SELECT FROM conversations FOR UPDATE").await;
        let message = conversation.message(SenderRow::User(ann), "hi");
        let permit = conversation.client(ann).await;
        let refused = behind.app.store.append(&permit, message.clone()).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let refused = behind.app.store.remove_member(&permit, ann, false, conversation.app.now()).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        forgotten.run("ROLLBACK").await;
        behind.append(&permit, message).await.unwrap();
    })
    .await;
}

/// However many acts wait for something, a message has a connection.
#[tokio::test]
async fn acts_that_wait_keep_no_message_waiting() {
    on_postgres(async |bench| {
        let (app, ann, conversation) = two(bench).await;
        let store = open(bench.postgres_url(), Options { committers: 1, ..Options::default() }).await;
        let other = app.conversation("other", &[ann]).await.through(&store);
        let (blocker, watcher) =
            (Session::start(bench.postgres_url()).await, Session::start(bench.postgres_url()).await);
        let (permit, message) = (other.client(ann).await, other.message(SenderRow::User(ann), "hi"));
        let sent = conversation.send(ann, "1").await.id;
        blocker
            .run(&format!(
                "BEGIN; SELECT FROM conversations WHERE conversation = {} FOR UPDATE",
                conversation.key
            ))
            .await;
        let behind = conversation.through(&store);
        let edits = join_all((0..CONNECTIONS).map(|_| behind.edit(sent, 2, "1b")));
        tokio::pin!(edits);
        tokio::select! {
            biased;
            _ = &mut edits => panic!("nothing holds them up"),
            () = watcher.until_waiting(CONNECTIONS as i64) => {}
        }
        other.append(&permit, message).await.unwrap();
        blocker.run("ROLLBACK").await;
        let edits = edits.await;
        assert_eq!(edits.iter().filter(|edit| edit.is_ok()).count(), 1, "{edits:?}");
    })
    .await;
}
