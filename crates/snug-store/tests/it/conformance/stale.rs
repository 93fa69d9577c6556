//! No act is done, and nothing is read, with a permit of which a fact has changed.

use snug_model::{
    Action, ConversationKey, KeyId, Permission, PermissionSet, Permit, Rev, RoleKey, Seq, Timestamp, UserKey,
    Version, facts::TargetFacts, members::Notify, messages::Window, permissions::Scope, policy::Fact, roles,
};
use snug_store::{
    AppEdit, ConversationEdit, ConversationFilter, DueQuery, HoldOn, InboxQuery, JobKind, MemberEdit,
    MessageEdit, NewMessage, Page, PurgeStep, ReadMark, RevocationRow, SenderRow, StoreError, StoreResult,
    SyncFrom,
};

use crate::bench::{App, Bench, Conversation, deletion, id_mac, role_row, seal};

on_both! {
    every_method_holds_with_fresh_facts
    every_method_is_stale_after_a_change_of_the_app
    every_method_is_stale_after_a_change_of_the_key
    every_method_is_stale_after_a_change_of_the_user
    every_method_is_stale_after_a_change_of_the_conversation
    every_method_is_stale_after_a_change_of_the_member
    every_method_is_stale_after_a_change_of_a_target
    every_method_is_stale_once_an_absent_row_is_there
}

/// What a permit is tried on: a conversation of its owner Ann with Bob, a message, and things that can be undone.
struct Scene {
    app: App,
    conversation: Conversation,
    ann: UserKey,
    bob: UserKey,
    message: snug_model::MessageId,
    key: KeyId,
    role: RoleKey,
}

impl Scene {
    async fn new(bench: &Bench) -> Self {
        let app = bench.app("one").await;
        let (ann, bob) = (app.user("ann").await, app.user("bob").await);
        let conversation = app.conversation("c", &[ann, bob]).await;
        let owner = MemberEdit { role: Some(app.role(roles::OWNER)), ..conversation.member_edit(ann) };
        conversation.edit_member(owner).await.unwrap();
        let message = conversation.send(ann, "hi").await.id;
        let key = KeyId::from_random("another");
        app.store.create_key(&app.system().await, app.key_row(&key, Default::default())).await.unwrap();
        let role = RoleKey(app.reserve().await);
        let row = role_row(role, Scope::Conversation, "another", PermissionSet::EMPTY);
        app.store.put_role(&app.system().await, row).await.unwrap();
        Self { app, conversation, ann, bob, message, key, role }
    }

    /// A permit of Ann's client that rests on everything: app, key, user, conversation, member, and these targets.
    async fn permit(&self, targets: &[UserKey]) -> Permit {
        let mut facts = self.conversation.facts(self.ann).await;
        for user in targets {
            let version = self.conversation.member(*user).await.map_or(Version(0), |member| member.version);
            facts.targets.push(TargetFacts { user: Some(*user), version, permissions: PermissionSet::EMPTY });
        }
        let permit = self.app.client_decides(self.ann, &Action::EditConversation, &facts);
        let permit = permit.expect("the owner may edit the conversation");
        assert_eq!(permit.basis().len(), 5 + targets.len());
        permit
    }

    /// Calls every method that takes a permit. What changes most comes last, since one method undoes the next one's facts.
    async fn call_all(&self, permit: &Permit) -> Vec<(&'static str, StoreResult<()>)> {
        let mut said = self.read_all(permit).await;
        said.extend(self.write_all(permit).await);
        said
    }

    async fn read_all(&self, permit: &Permit) -> Vec<(&'static str, StoreResult<()>)> {
        let (store, ann, app_role) = (&self.app.store, self.ann, self.app.app_role(roles::USER));
        let page = Page { after: None, descending: false, limit: 10 };
        let query = InboxQuery::Page { below: None, unread: false, limit: 10 };
        let epoch = self.conversation.epoch;
        let from = SyncFrom { epoch, since: Rev(0), limit: 10, kept_since: Timestamp(0) };
        let job = snug_model::JobId::from_random("nobody");
        let (after, before, now) = (ConversationKey(0), Timestamp(0), Timestamp(0));
        let due = DueQuery { after, before, now, look: 1 };
        vec![
            ("list_apps", store.list_apps(permit, page).await.map(drop)),
            ("list_keys", store.list_keys(permit, page).await.map(drop)),
            ("usage", store.usage(permit, 0, 1).await.map(drop)),
            ("list_token_keys", store.list_token_keys(permit, page).await.map(drop)),
            ("bearers", store.bearers(permit, app_role, 1).await.map(drop)),
            ("list_role_users", store.list_role_users(permit, app_role, page).await.map(drop)),
            ("list_role_members", store.list_role_members(permit, app_role, page).await.map(drop)),
            ("role_use", store.role_use(permit, 0).await.map(drop)),
            ("list_templates", store.list_templates(permit, page).await.map(drop)),
            ("list_consents", store.list_consents(permit, None, page).await.map(drop)),
            ("list_users", store.list_users(permit, page).await.map(drop)),
            ("people", store.people(permit, &[ann]).await.map(drop)),
            ("people_by_id", store.people_by_id(permit, &[id_mac("ann")], None).await.map(drop)),
            (
                "list_conversations",
                store.list_conversations(permit, ConversationFilter::default(), page).await.map(drop),
            ),
            ("list_members", store.list_members(permit, page).await.map(drop)),
            ("audience", store.audience(permit).await.map(drop)),
            ("message", store.message(permit, self.message).await.map(drop)),
            ("versions", store.versions(permit, self.message).await.map(drop)),
            ("history", store.history(permit, Window::Newest, 10).await.map(drop)),
            ("sync", store.sync(permit, from).await.map(drop)),
            ("inbox", store.inbox(permit, ann, query).await.map(drop)),
            ("inbox_item", store.inbox_item(permit, ann).await.map(drop)),
            ("unread", store.unread(permit, ann, 10).await.map(drop)),
            ("job", store.job(permit, &job).await.map(drop)),
            ("purge", store.purge(permit, &job).await.map(drop)),
            ("due_conversations", store.due_conversations(permit, due).await.map(drop)),
            ("count_due", store.count_due(permit, Timestamp(0)).await.map(drop)),
            ("holds", store.holds(permit, page).await.map(drop)),
            ("due_held", store.due_held(permit, Timestamp(0), 1).await.map(drop)),
            ("held_messages", store.held_messages(permit, Seq(0), 1).await.map(drop)),
            ("released", store.released(permit, 1).await.map(drop)),
            ("empty_held_days", store.empty_held_days(permit, 1).await.map(drop)),
            ("ruled_conversations", store.ruled_conversations(permit, due.after, 1).await.map(drop)),
            ("erasure", store.erasure(permit, &job).await.map(drop)),
        ]
    }

    async fn write_all(&self, permit: &Permit) -> Vec<(&'static str, StoreResult<()>)> {
        let (app, store, at) = (&self.app, &self.app.store, self.app.now());
        let new = app.new_conversation("another", &[]).await;
        let message = self.conversation.message(SenderRow::User(self.ann), "hi");
        let edit = MessageEdit { id: self.message, body: seal("edited"), version: 2, at };
        let reaction = self.conversation.reaction(self.message, self.ann, "a", true);
        let notify = MemberEdit { notify: Some(Notify::None), ..self.conversation.member_edit(self.ann) };
        let mark = ReadMark { user: self.ann, seq: Seq(1), back: false, at };
        let stranger = app.user("stranger").await;
        let (member, role) = (vec![app.member_add(stranger)], app.role(roles::MEMBER));
        let name = ConversationEdit { profile: seal("new"), ..self.conversation.unchanged().await };
        let newcomer = app.user_write("newcomer").await;
        let (user_job, conversation_job) =
            (JobKind::EraseUser(stranger), JobKind::PurgeConversation(self.conversation.key));
        let purge = app.job(JobKind::Purge { dry_run: false });
        let step = PurgeStep { job: purge.id.clone(), before: Timestamp(0), rows: 1, at, lease_until: at };
        let held = HoldOn::User(stranger);
        // Banning and removing who is no target leaves the facts of the permit as they are.
        let mut said = vec![
            ("begin_purge", store.begin_purge(permit, purge, true).await.map(drop)),
            ("purge_messages", store.purge_messages(permit, step.clone()).await.map(drop)),
            ("hold_messages", store.hold_messages(permit, step.clone(), -1, Vec::new()).await.map(drop)),
            ("purge_released", store.purge_released(permit, step, Vec::new()).await.map(drop)),
            ("forget_held_days", store.forget_held_days(permit, Vec::new()).await),
            ("set_hold", store.set_hold(permit, held, false, at).await),
            ("append", store.append(permit, message).await.map(drop)),
            ("edit_message", store.edit_message(permit, edit).await.map(drop)),
            ("react", store.react(permit, reaction).await.map(drop)),
            ("delete_message", store.delete_message(permit, self.message, at).await.map(drop)),
            ("mark_read", store.mark_read(permit, mark).await.map(drop)),
            ("edit_member", store.edit_member(permit, notify).await.map(drop)),
            ("add_members", store.add_members(permit, member, at, None).await.map(drop)),
            ("remove_member", store.remove_member(permit, stranger, false, at).await.map(drop)),
            ("set_member_ban", store.set_member_ban(permit, stranger, role, None, at, None).await.map(drop)),
            ("edit_conversation", store.edit_conversation(permit, name).await.map(drop)),
            ("create_conversation", store.create_conversation(permit, new, None).await.map(drop)),
            ("put_template", store.put_template(permit, app.template_row("t").await).await.map(drop)),
            ("delete_template", store.delete_template(permit, id_mac("t")).await),
            ("write_user", store.write_user(permit, newcomer).await.map(drop)),
            (
                "set_member_mute",
                store.set_member_mute(permit, app.user("muted").await, None, app.now(), None).await.map(drop),
            ),
            ("set_block", store.set_block(permit, stranger, app.user("blocked").await, None).await),
            ("set_user_shadow_ban", store.set_user_shadow_ban(permit, stranger, None, app.now(), None).await),
            ("set_user_mute", store.set_user_mute(permit, stranger, None, app.now(), None).await),
            ("set_user_ban", store.set_user_ban(permit, stranger, None, at, None).await),
            (
                "accept_consent",
                store.accept_consent(permit, app.consent(stranger, "terms"), None).await.map(drop),
            ),
            ("allow_proofs", store.allow_proofs(permit, stranger, at, None).await),
            ("resume_visitor", store.resume_visitor(permit, stranger, 0, 1).await.map(drop)),
            ("erase_user", store.erase_user(permit, stranger, app.job(user_job)).await),
            (
                "create_key",
                store.create_key(permit, app.key_row(&KeyId::from_random("third"), Default::default())).await,
            ),
            ("revoke_key", store.revoke_key(permit, &self.key, at).await),
            ("create_token_key", store.create_token_key(permit, app.token_key_row("fourth")).await),
            ("delete_token_key", store.delete_token_key(permit, &KeyId::from_random("nobody")).await),
            (
                "delete_conversation",
                store.delete_conversation(permit, deletion(app.job(conversation_job))).await,
            ),
        ];
        said.extend(self.write_app(permit).await);
        said
    }

    /// What changes the app, so that the permit must be fresh each time.
    async fn write_app(&self, permit: &Permit) -> Vec<(&'static str, StoreResult<()>)> {
        let (app, store, at) = (&self.app, &self.app.store, self.app.now());
        let row = app.record().await.app;
        let edit = AppEdit {
            profile: seal("new"),
            profile_version: row.profile_version + 1,
            settings: row.settings,
        };
        let third = role_row(RoleKey(app.reserve().await), Scope::App, "third", PermissionSet::EMPTY);
        let nobody = RevocationRow::Jti { jti: crate::bench::mac("t"), until: at };
        vec![
            ("put_role", store.put_role(permit, third).await.map(drop)),
            ("delete_role", store.delete_role(permit, self.role).await),
            ("revoke_tokens", store.revoke_tokens(permit, nobody, None).await),
            ("edit_app", store.edit_app(permit, edit).await.map(drop)),
            ("delete_app", store.delete_app(permit, app.job(JobKind::DeleteApp)).await),
        ]
    }

    /// Every method refuses the permit, and nothing of the app differs afterwards.
    async fn assert_stale(&self, permit: &Permit) {
        let (conversation, record) = (self.conversation.row().await, self.app.record().await);
        for (method, said) in self.call_all(permit).await {
            assert!(matches!(said, Err(StoreError::Stale)), "{method}: {said:?}");
        }
        assert_eq!(self.conversation.row().await, conversation);
        assert_eq!(self.app.record().await, record);
        assert_eq!(self.conversation.message_row(self.message).await.version, 1);
    }

    /// The permit holds, and after `change` no more.
    async fn assert_rests_on(&self, permit: &Permit, change: impl Future<Output = ()>) {
        self.app.store.message(permit, self.message).await.expect("the facts are fresh");
        change.await;
        self.assert_stale(permit).await;
    }
}

async fn every_method_holds_with_fresh_facts(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    for (method, said) in scene.read_all(&permit).await {
        assert!(said.is_ok(), "{method}: {said:?}");
    }
    let store = &scene.app.store;
    let message = scene.conversation.message(SenderRow::User(scene.ann), "hi");
    store.append(&permit, NewMessage { ..message }).await.unwrap();
    let notify = MemberEdit { notify: Some(Notify::None), ..scene.conversation.member_edit(scene.ann) };
    store.edit_member(&permit, notify).await.unwrap();
    let fresh = scene.permit(&[scene.bob]).await;
    store.remove_member(&fresh, scene.bob, false, scene.app.now()).await.unwrap();
}

async fn every_method_is_stale_after_a_change_of_the_app(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    let row = role_row(RoleKey(scene.app.reserve().await), Scope::App, "new", PermissionSet::EMPTY);
    let change = async { assert!(scene.app.store.put_role(&scene.app.system().await, row).await.unwrap()) };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_after_a_change_of_the_key(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    let revocation = RevocationRow::Key(scene.app.signer.clone(), scene.app.now());
    let change = async {
        scene.app.store.revoke_tokens(&scene.app.system().await, revocation, None).await.unwrap();
    };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_after_a_change_of_the_user(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    let revocation = RevocationRow::User(scene.ann, scene.app.now());
    let change = async {
        scene.app.store.revoke_tokens(&scene.app.system().await, revocation, None).await.unwrap();
    };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_after_a_change_of_the_conversation(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    let frozen = ConversationEdit { frozen: true, ..scene.conversation.unchanged().await };
    let change = async { drop(scene.conversation.edit_conversation(frozen).await.unwrap()) };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_after_a_change_of_the_member(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let permit = scene.permit(&[]).await;
    let role = Some(scene.app.role(roles::MODERATOR));
    let edit = MemberEdit { role, ..scene.conversation.member_edit(scene.ann) };
    let change = async { drop(scene.conversation.edit_member(edit).await.unwrap()) };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_after_a_change_of_a_target(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let cid = scene.app.user("cid").await;
    scene.conversation.add(&[cid]).await;
    let permit = scene.permit(&[cid, scene.bob]).await;
    let edit =
        MemberEdit { role: Some(scene.app.role(roles::OWNER)), ..scene.conversation.member_edit(scene.bob) };
    let change = async { drop(scene.conversation.edit_member(edit).await.unwrap()) };
    scene.assert_rests_on(&permit, change).await;
}

async fn every_method_is_stale_once_an_absent_row_is_there(bench: &mut Bench) {
    let scene = Scene::new(bench).await;
    let cid = scene.app.user("cid").await;
    let permit = scene.permit(&[cid]).await;
    assert!(permit.basis().contains(&(Fact::Member(scene.conversation.key, cid), Version(0))));
    scene.assert_rests_on(&permit, async { drop(scene.conversation.add(&[cid]).await) }).await;

    // The same for a user who is not there yet, and for a conversation that was never there.
    let nobody = scene.app.user_write("nobody").await;
    let mut facts = scene.conversation.facts(scene.ann).await;
    facts.conversation = None;
    facts.targets =
        vec![TargetFacts { user: Some(nobody.key), version: Version(0), permissions: PermissionSet::EMPTY }];
    if let Some(user) = &mut facts.user {
        user.role = PermissionSet::from_iter([Permission::UserBan]);
    }
    let permit = scene.app.client_decides(scene.ann, &Action::BanUser, &facts).expect("the role grants it");
    scene.app.store.people(&permit, &[scene.ann]).await.expect("the row is not there");
    scene.app.store.write_user(&scene.app.system().await, nobody).await.unwrap();
    refused!(scene.app.store.people(&permit, &[scene.ann]), StoreError::Stale);
}
