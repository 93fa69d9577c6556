//! A walk over every sealed value.

use snug_model::{Timestamp, roles};
use snug_store::{
    MemberEdit, MessageEdit, NewConversation, NewMessage, Once, RevocationRow, Sealed, SealedAt, SealedPlace,
    SenderRow, WalkFrom,
};

use crate::bench::{App, Bench, id_mac, mac, seal};

on_both! {
    a_walk_visits_every_sealed_value_once
    a_walk_through_nothing_ends
}

/// All that a walk sees, in steps of `limit`.
async fn walk(bench: &Bench, limit: i64) -> Vec<SealedAt> {
    let (mut all, mut from) = (Vec::new(), Some(WalkFrom::default()));
    for _ in 0..10_000 {
        let Some(part) = from else { return all };
        let page = bench.store.walk(part, limit).await.expect("the store can be walked");
        all.extend(page.values);
        from = page.next;
    }
    panic!("the walk does not end");
}

fn sorted(mut values: Vec<SealedAt>) -> Vec<SealedAt> {
    values.sort_by_key(|value| format!("{:?} {:?}", value.sealed.0, value.place));
    values
}

/// The values that every app of the bench has from the first.
fn of_app(app: &App, name: &str) -> Vec<SealedAt> {
    let at = |place, sealed| SealedAt { app: app.key, place, sealed };
    let mut values = vec![
        at(SealedPlace::App { version: 1 }, seal(name)),
        at(SealedPlace::KeySecret(app.signer.clone()), seal(format!("secret of {}", app.signer))),
        at(SealedPlace::Key(app.signer.clone()), seal(format!("profile of {}", app.signer))),
    ];
    for (scope, role, _) in roles::defaults() {
        let of_app = scope == snug_model::permissions::Scope::App;
        let key = if of_app { app.app_role(role) } else { app.role(role) };
        values.push(at(SealedPlace::Role(key.0), seal(role)));
    }
    values
}

async fn a_walk_visits_every_sealed_value_once(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let mut expected = of_app(&app, "one");
    expected.extend(of_app(&other, "two"));
    let mut put = |place, sealed: Sealed| expected.push(SealedAt { app: app.key, place, sealed });

    let key = app.token_key_row("k1");
    app.store.create_token_key(&app.system().await, key.clone()).await.unwrap();
    put(SealedPlace::TokenKey(key.id), key.profile);
    let template = app.template_row("greeting").await;
    app.store.put_template(&app.system().await, template.clone()).await.unwrap();
    put(SealedPlace::Template { template: template.key, version: 1 }, template.body);

    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    for (user, name) in [(ann, "ann"), (bob, "bob")] {
        put(SealedPlace::UserId(user), seal(name));
        put(SealedPlace::User { user, version: 1 }, seal(format!("profile of {name}")));
    }
    let ban = snug_store::SanctionRow {
        until: Timestamp::NEVER,
        note: Some(seal("why from the app")),
        since: app.now(),
    };
    app.store.set_user_ban(&app.system().await, bob, Some(ban), app.now(), None).await.unwrap();
    put(SealedPlace::UserBan(bob), seal("why from the app"));
    let mute = |why: &str| snug_store::SanctionRow {
        note: Some(seal(why)),
        until: Timestamp::NEVER,
        since: app.now(),
    };
    let muted = Some(mute("why in the app"));
    app.store.set_user_mute(&app.system().await, ann, muted, app.now(), None).await.unwrap();
    put(SealedPlace::UserMute(ann), seal("why in the app"));
    let hidden = Some(mute("why from the others"));
    app.store.set_user_shadow_ban(&app.system().await, ann, hidden, app.now(), None).await.unwrap();
    put(SealedPlace::UserShadowBan(ann), seal("why from the others"));
    let consent = app.consent(ann, "terms");
    app.store.accept_consent(&app.system().await, consent.clone(), None).await.unwrap();
    put(SealedPlace::Consent { user: ann, mark: snug_store::Mac(consent.mark.0) }, consent.record);
    let job = app.job(snug_store::JobKind::EraseUser(cid));
    app.store.erase_user(&app.system().await, cid, job).await.unwrap();

    let new = NewConversation {
        alias: Some((id_mac("alias"), seal("alias"))),
        ..app.new_conversation("c", &[ann, bob]).await
    };
    let key = new.key;
    let conversation = app.conversation_of(new).await;
    put(SealedPlace::ConversationId(key), seal("c"));
    put(SealedPlace::Alias(key), seal("alias"));
    put(SealedPlace::Conversation { conversation: key, version: 2 }, seal("new name"));
    let label = MemberEdit { profile: Some((seal("label"), 1)), ..conversation.member_edit(ann) };
    conversation.edit_member(label).await.unwrap();
    put(SealedPlace::Member { conversation: key, user: ann, version: 1 }, seal("label"));
    let muted = Some(mute("why in the conversation"));
    app.store.set_member_mute(&conversation.system().await, ann, muted, app.now(), None).await.unwrap();
    put(SealedPlace::MemberMute { conversation: key, user: ann }, seal("why in the conversation"));

    let of_message = |message: &NewMessage, version| SealedPlace::Message {
        conversation: key,
        id: message.id,
        version,
        sender: message.sender,
        created_at: message.at,
    };
    for sender in [SenderRow::User(ann), SenderRow::System, SenderRow::Bot { verified: true }] {
        let message = conversation.message(sender, &format!("by {sender:?}"));
        conversation.append(&conversation.system().await, message.clone()).await.unwrap();
        put(of_message(&message, 1), message.body.clone());
        let edit = MessageEdit {
            id: message.id,
            body: seal(format!("{sender:?}, edited")),
            version: 2,
            at: app.now(),
        };
        app.store.edit_message(&conversation.system().await, edit).await.unwrap();
        put(of_message(&message, 2), seal(format!("{sender:?}, edited")));
    }
    let deleted = conversation.message(SenderRow::User(ann), "deleted");
    conversation.append(&conversation.system().await, deleted.clone()).await.unwrap();
    conversation.delete_message(deleted.id).await.unwrap();
    put(of_message(&deleted, 1), seal("deleted"));
    let liked = conversation.message(SenderRow::User(ann), "liked");
    conversation.append(&conversation.system().await, liked.clone()).await.unwrap();
    put(of_message(&liked, 1), seal("liked"));
    for user in [ann, bob] {
        let write = conversation.reaction(liked.id, user, "emoji", true);
        app.store.react(&conversation.system().await, write).await.unwrap();
        let place =
            SealedPlace::Reaction { conversation: key, id: liked.id, created_at: liked.at, reactor: user };
        put(place, seal(format!("emoji of {user}")));
    }

    // A removed member keeps the name as it was, and the reason of its ban.
    conversation.ban(bob, Some(Timestamp::NEVER)).await;
    put(SealedPlace::Conversation { conversation: key, version: 1 }, seal("profile of c"));
    put(SealedPlace::MemberBan { conversation: key, user: bob }, seal("why"));
    let edit = snug_store::ConversationEdit {
        profile: seal("new name"),
        alias: Some((id_mac("alias"), seal("alias"))),
        ..conversation.unchanged().await
    };
    conversation.edit_conversation(edit).await.unwrap();

    let once = Once { scope: mac("scope"), body: mac("body"), at: app.now() };
    let jti = RevocationRow::Jti { jti: mac("t"), until: app.now() };
    app.store.revoke_tokens(&app.system().await, jti, Some(once)).await.unwrap();
    app.store.keep_answer(app.key, once.scope, seal("answer")).await.unwrap();
    put(SealedPlace::Answer(once.scope), seal("answer"));

    let gone = app.conversation("gone", &[]).await;
    gone.delete().await;
    put(SealedPlace::GoneConversationId(gone.key), seal("gone"));
    put(SealedPlace::Conversation { conversation: gone.key, version: 1 }, seal("profile of gone"));

    let expected = sorted(expected);
    for limit in [1, 2, 7, 1_000] {
        assert_eq!(sorted(walk(bench, limit).await), expected, "in steps of {limit}");
    }
}

async fn a_walk_through_nothing_ends(bench: &mut Bench) {
    assert!(walk(bench, 10).await.is_empty());
}
