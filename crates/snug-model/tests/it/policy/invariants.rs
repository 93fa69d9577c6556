//! What holds in every situation, however roles, access and tokens combine.

use proptest::{prelude::*, test_runner::TestCaseError};
use snug_model::{
    Action, Actor, AppKey, Denied, KeyId, Permission, PermissionSet, Permit, Seq, Timestamp, UserKey,
    Version, Voucher,
    conversations::{History, State},
    facts::{IdMac, TargetFacts},
    keys::{Scope, ScopeSet},
    members::Access,
    policy::{self, By, Fact, View},
    vouchers::Scheme,
};

use super::{
    scene::{APP, BackEnd, CONVERSATION, CONVERSATION_ID, NOW, Scene, TARGET, USER, set, target},
    situations::{of_app, of_conversation},
};

fn any_permissions() -> impl Strategy<Value = PermissionSet> {
    any::<i64>().prop_map(PermissionSet::from_bits)
}

fn any_scopes() -> impl Strategy<Value = ScopeSet> {
    any::<i64>().prop_map(|bits| {
        // Whoever may write may read; only sets made by `with` exist.
        let set = ScopeSet::from_bits(bits);
        Scope::ALL.iter().filter(|scope| set.has(**scope)).fold(set, |set, scope| set.with(*scope))
    })
}

/// The scopes that are in both.
fn both(one: ScopeSet, other: ScopeSet) -> ScopeSet {
    Scope::ALL.iter().fold(ScopeSet::EMPTY, |set, scope| {
        let reads = one.has_read(*scope) && other.has_read(*scope);
        let set = if reads { set.with_read(*scope) } else { set };
        if one.has(*scope) && other.has(*scope) { set.with(*scope) } else { set }
    })
}

/// A time around now, or none.
fn any_time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((-3_000..3_000_i64).prop_map(|ms| Timestamp(NOW.0 + ms)))
}

fn any_action() -> impl Strategy<Value = Action> {
    let listed: Vec<_> = of_app().into_iter().chain(of_conversation()).map(|(_, act)| act).collect();
    let grants = (any_permissions(), any_permissions()).prop_map(|(a, b)| a.intersection(b));
    prop_oneof![
        4 => proptest::sample::select(listed),
        1 => grants.prop_flat_map(|grants| {
            proptest::sample::select(vec![
                Action::AddMembers { grants },
                Action::EditMember { grants },
                Action::CreateConversation { with_id: false, with_others: true, grants },
            ])
        }),
    ]
}

prop_compose! {
    fn any_member()(
        role in any_permissions(),
        access in proptest::sample::select(vec![Access::None, Access::Read, Access::Full, Access::Full]),
        banned_until in proptest::option::weighted(0.2, (-3_000..3_000_i64).prop_map(|ms| Timestamp(NOW.0 + ms))),
        forgotten in proptest::bool::weighted(0.1),
    ) -> (PermissionSet, Access, Option<Timestamp>, bool) {
        (role, access, banned_until, forgotten)
    }
}

prop_compose! {
    fn any_scene()(
        app_role in any_permissions(),
        may_mint in any_permissions(),
        member in proptest::option::weighted(0.9, any_member()),
        can in proptest::option::of(any_permissions()),
        only in proptest::option::of(proptest::sample::select(vec![vec![], vec![CONVERSATION_ID], vec![IdMac([1; 32])]])),
        targets in proptest::collection::vec((any_permissions(), any_permissions()), 0..3),
        frozen: bool,
        slow in proptest::bool::weighted(0.3),
        archived in proptest::bool::weighted(0.2),
        since_joined: bool,
        banned_until in proptest::option::weighted(0.1, (-3_000..3_000_i64).prop_map(|ms| Timestamp(NOW.0 + ms))),
        tokens_not_before in proptest::option::weighted(0.1, Just(Timestamp(NOW.0 - 60_000))),
    ) -> Scene {
        let mut scene = Scene::new(app_role, PermissionSet::EMPTY);
        scene.key().may_mint = may_mint;
        scene.client.token.can = can;
        scene.client.token.only = only;
        scene.user().banned_until = banned_until;
        scene.user().tokens_not_before = tokens_not_before;
        let conversation = scene.conversation();
        conversation.frozen = frozen;
        conversation.slow_mode_s = if slow { 10 } else { 0 };
        conversation.state = if archived { State::Archived } else { State::Open };
        conversation.history = if since_joined { History::SinceJoined } else { History::All };
        match member {
            None => scene.facts.member = None,
            Some((role, access, banned_until, forgotten)) => {
                let member = scene.member();
                (member.role, member.access, member.banned_until, member.forgotten) = (role, access, banned_until, forgotten);
            }
        }
        // The intersection of two random sets is small enough to be outranked now and then.
        scene.facts.targets = targets.into_iter().zip(TARGET.0..).map(|((a, b), user)| {
            TargetFacts { user: Some(UserKey(user)), ..target(a.intersection(b)) }
        }).collect();
        scene
    }
}

/// What the client's roles grant.
fn granted(scene: &Scene) -> PermissionSet {
    let here = scene.facts.member.as_ref().map_or(PermissionSet::EMPTY, |member| member.role);
    scene.facts.user.as_ref().map_or(here, |user| user.role.union(here))
}

/// The scene with roles that grant what `of` leaves of them.
fn left(scene: &Scene, of: impl Fn(PermissionSet) -> PermissionSet) -> Scene {
    let mut scene = scene.clone();
    scene.user().role = of(scene.user().role);
    if let Some(member) = &mut scene.facts.member {
        member.role = of(member.role);
    }
    scene
}

/// The facts of the basis without their versions.
fn facts(permit: &Permit) -> Vec<Fact> {
    permit.basis().iter().map(|(fact, _)| fact.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn narrowing_a_token_never_allows_more(scene in any_scene(), can in any_permissions(), action in any_action()) {
        let mut narrowed = scene.clone();
        let carried = scene.client.token.can.map_or(can, |carried| carried.intersection(can));
        narrowed.client.token.can = Some(carried);
        prop_assert!(scene.effective().covers(narrowed.effective()));
        prop_assert!(can.covers(narrowed.effective()));
        if narrowed.decide(&action).is_ok() {
            prop_assert!(scene.decide(&action).is_ok(), "{action:?}");
        }
        let mut bounded = scene.clone();
        bounded.client.token.only = Some(vec![CONVERSATION_ID]);
        if scene.client.token.only.is_none() && bounded.decide(&action).is_ok() {
            prop_assert!(scene.decide(&action).is_ok(), "{action:?}");
        }
    }

    #[test]
    fn a_token_carries_no_more_of_an_app_role_than_its_key_may_give(scene in any_scene(), action in any_action()) {
        let mut unbounded = scene.clone();
        unbounded.key().may_mint = PermissionSet::all();
        prop_assert!(unbounded.effective().covers(scene.effective()));
        if scene.decide(&action).is_ok() {
            prop_assert!(unbounded.decide(&action).is_ok(), "{action:?}");
        }
    }

    #[test]
    fn nobody_grants_what_it_lacks(scene in any_scene(), granted in any_permissions()) {
        let have = scene.effective();
        for action in [Action::AddMembers { grants: granted }, Action::EditMember { grants: granted }] {
            if scene.decide(&action).is_ok() {
                prop_assert!(have.covers(granted), "{action:?}");
            }
        }
        let creates = Action::CreateConversation { with_id: false, with_others: true, grants: granted };
        if scene.decide(&creates).is_ok() {
            let carried = scene.client.token.can.unwrap_or_else(PermissionSet::all);
            prop_assert!(scene.facts.app.creator_role.intersection(carried).covers(granted));
        }
    }

    #[test]
    fn nobody_acts_on_who_has_a_permission_that_it_lacks(scene in any_scene()) {
        let have = scene.effective();
        let acts = [
            Action::AddMembers { grants: PermissionSet::EMPTY },
            Action::EditMember { grants: PermissionSet::EMPTY },
            Action::RemoveMember,
            Action::BanMember,
            Action::MuteMember,
        ];
        for action in acts {
            if scene.decide(&action).is_ok() {
                prop_assert!(!scene.facts.targets.is_empty(), "{action:?} on nobody");
                for target in &scene.facts.targets {
                    prop_assert!(have.covers(target.permissions), "{action:?}");
                }
            }
        }
    }

    #[test]
    fn who_may_only_read_only_reads(mut scene in any_scene(), action in any_action()) {
        let Some(member) = &mut scene.facts.member else { return Ok(()) };
        member.access = Access::Read;
        let left = set(&[Permission::ReadMark, Permission::ConversationLeave]);
        let actor = Actor::User(scene.client.clone());
        prop_assert!(left.covers(policy::permissions_in_conversation(&actor, &scene.facts, NOW)));
        let reading = matches!(
            action,
            Action::ReadConversation
                | Action::ReadInboxItem
                | Action::ReadMessages
                | Action::ListMembers
                | Action::MarkRead
                | Action::Leave
                | Action::EditOwnMember
        );
        if scene.decide(&action).is_ok_and(|permit| permit.conversation().is_some()) {
            prop_assert!(reading, "{action:?}");
        }
    }

    #[test]
    fn who_is_muted_loses_its_own_words_and_nothing_else(scene in any_scene(), action in any_action(), in_app: bool) {
        let mut muted = scene.clone();
        let until = Timestamp(NOW.0 + 1);
        if in_app {
            muted.user().muted_until = Some(until);
        } else if let Some(member) = &mut muted.facts.member {
            member.muted_until = Some(until);
        } else {
            return Ok(());
        }
        let words =
            matches!(action, Action::SendMessage { .. } | Action::OpenSupport | Action::CarryMessage | Action::EditMessage { .. } | Action::React | Action::Type);
        match (scene.decide(&action), muted.decide(&action)) {
            (Ok(_), Err(Denied::Muted { permission, until: said })) => {
                prop_assert!(words && said == until, "{action:?}");
                prop_assert!(!muted.effective().has(permission));
            }
            (Ok(_), decided) => prop_assert!(!words && decided.is_ok(), "{action:?}"),
            (Err(before), decided) => prop_assert_eq!(Some(before), decided.err(), "{:?}", action),
        }
        prop_assert!(scene.effective().covers(muted.effective()));
    }

    #[test]
    fn who_was_removed_sees_what_was_and_does_nothing(mut scene in any_scene(), action in any_action(), rev in 0..9_i64) {
        let Some(member) = &mut scene.facts.member else { return Ok(()) };
        (member.access, member.frozen_rev) = (Access::None, Some(snug_model::Rev(rev)));
        let actor = Actor::User(scene.client.clone());
        prop_assert!(policy::permissions_in_conversation(&actor, &scene.facts, NOW).is_empty());
        let Ok(permit) = scene.decide(&action) else { return Ok(()) };
        if permit.conversation().is_none() {
            return Ok(());
        }
        match action {
            Action::ReadConversation | Action::ReadInboxItem | Action::ReadMessages => {
                prop_assert_eq!(permit.view().until, Some(snug_model::Rev(rev)));
                prop_assert!(!permit.view().read_marks && !permit.view().versions);
            }
            _ => {
                prop_assert_eq!(&action, &Action::Join);
                prop_assert_eq!(permit.view(), View::NOTHING);
            }
        }
    }

    /// What is said to be used is enough: with roles that grant that alone everything is decided as before. So a role that is cut
    /// down to what was used breaks nothing of what was done.
    #[test]
    fn what_a_decision_used_is_enough_for_it_and_needed(scene in any_scene(), action in any_action()) {
        let Ok(permit) = scene.decide(&action) else { return Ok(()) };
        let used = policy::uses(&Actor::User(scene.client.clone()), &action, &scene.facts);
        let shows = !matches!(
            action,
            Action::SendMessage { .. } | Action::CarryMessage | Action::Type | Action::MarkRead | Action::Join
        );
        let said = |permit: &Permit| (permit.pace_ms(), permit.hides(), shows.then(|| permit.view()));
        let again = left(&scene, |role| role.intersection(used)).decide(&action);
        let again = again.map_err(|denied| TestCaseError::fail(format!("{action:?}, used {used:?}: {denied:?}")))?;
        prop_assert_eq!(said(&again), said(&permit), "{:?}", action);
        // And it is all needed: without any one of it the act is denied, or another thing is shown or held.
        for one in used.iter().filter(|one| granted(&scene).has(*one)) {
            let without = left(&scene, |role| role.intersection(used).iter().filter(|other| *other != one).collect());
            let same = without.decide(&action).is_ok_and(|again| said(&again) == said(&permit));
            prop_assert!(!same, "{:?} without {}", action, one);
        }
    }

    /// Who holds a permission is who can do what it is for: the same as the decision, whoever asks.
    #[test]
    fn who_holds_a_permission_may_do_what_it_is_for(scene in any_scene()) {
        let mut scene = scene;
        (scene.client.token.only, scene.client.token.can) = (None, None);
        scene.facts.targets = vec![target(PermissionSet::EMPTY)];
        for (permission, action) in [
            (Permission::MessageSend, Action::SendMessage { as_user: false }),
            (Permission::MessageDeleteAny, Action::DeleteMessage { own: false }),
            (Permission::MemberBan, Action::BanMember),
            (Permission::ReadMark, Action::MarkRead),
            (Permission::UserBan, Action::BanUser),
            (Permission::UserList, Action::ListUsers),
        ] {
            let holds = policy::holds(permission, &scene.facts, NOW);
            if scene.decide(&action).is_ok() {
                prop_assert!(holds, "{}", permission);
            }
            let banned = scene.facts.user.as_ref().unwrap().banned_until.is_some_and(|until| NOW < until);
            prop_assert!(!(holds && banned), "{}", permission);
            let widest = scene.facts.user.as_ref().unwrap().role.union(
                scene.facts.member.as_ref().map_or(PermissionSet::EMPTY, |member| member.role));
            prop_assert!(!holds || widest.has(permission), "{}", permission);
        }
    }

    #[test]
    fn a_view_begins_where_the_history_allows(scene in any_scene(), action in any_action()) {
        let Ok(permit) = scene.decide(&action) else { return Ok(()) };
        let Some(conversation) = scene.facts.conversation.filter(|_| permit.conversation().is_some()) else {
            return Ok(());
        };
        if action != Action::Join {
            let joined = scene.facts.member.map_or(Seq(i64::MAX), |member| member.joined_seq);
            let from = if conversation.history == History::SinceJoined { joined } else { Seq(1) };
            prop_assert_eq!(permit.view().from_seq, from);
        }
    }

    /// Whatever a decision looked at is in its basis, so that a change of it shows before the act is done: a permit is
    /// made once more with every version changed, one by one, and each time its basis is another one.
    #[test]
    fn a_basis_names_every_fact_that_was_used(scene in any_scene(), action in any_action()) {
        let Ok(permit) = scene.decide(&action) else { return Ok(()) };
        let user = permit.user().expect("a client's permit is a user's");
        let named = facts(&permit);
        let changed = |change: &dyn Fn(&mut Scene)| {
            let mut scene = scene.clone();
            change(&mut scene);
            scene.decide(&action).expect("a version alone decides nothing").basis() != permit.basis()
        };
        prop_assert!(named.contains(&Fact::App) && changed(&|s| s.facts.app.version.0 += 1));
        prop_assert!(changed(&|s| s.key().version.0 += 1));
        if action == Action::AdmitUser {
            return Ok(());
        }
        prop_assert!(named.contains(&Fact::User(user)) && changed(&|s| s.user().version.0 += 1));
        for target in 0..scene.facts.targets.len() {
            prop_assert!(changed(&|s| s.facts.targets[target].version.0 += 1));
        }
        if permit.conversation().is_some() {
            prop_assert!(named.contains(&Fact::Conversation(CONVERSATION)));
            prop_assert!(changed(&|s| s.conversation().version.0 += 1));
            let member = permit.basis().iter().find(|(fact, _)| *fact == Fact::Member(CONVERSATION, USER));
            let version = scene.facts.member.as_ref().map_or(Version(0), |member| member.version);
            prop_assert_eq!(member.map(|(_, version)| *version), Some(version));
        }
    }

    #[test]
    fn an_act_of_the_app_holds_in_no_conversation(scene in any_scene()) {
        for (name, action) in of_app() {
            if let Ok(permit) = scene.decide(&action) {
                prop_assert_eq!(permit.conversation(), None, "{}", name);
                let strays = facts(&permit).iter().any(|fact| matches!(fact, Fact::Conversation(_) | Fact::Member(..)));
                prop_assert!(!strays, "{}", name);
            }
        }
    }

    #[test]
    fn a_permit_is_the_actors_own(scene in any_scene(), action in any_action()) {
        if let Ok(permit) = scene.decide(&action) {
            prop_assert_eq!((permit.app(), permit.by()), (APP, &By::User(USER)));
        }
    }

    #[test]
    fn a_key_makes_no_key_that_is_wider_or_lives_longer(
        own in any_scopes(),
        asked in any_scopes(),
        own_mint in any_permissions(),
        may_mint in any_permissions(),
        end in any_time(),
        asked_end in any_time(),
        within: bool,
    ) {
        // What is drawn blindly is hardly ever within what the key has.
        let (own, asked, may_mint) = match within {
            true => (own.with(Scope::Keys), both(own.with(Scope::Keys), asked), may_mint.intersection(own_mint)),
            false => (own, asked, may_mint),
        };
        let mut back_end = BackEnd::new(own);
        (back_end.key().may_mint, back_end.key().expires_at) = (own_mint, end);
        let action = Action::CreateKey { scopes: asked, may_mint, expires_at: asked_end };
        let allowed = back_end.decide(&action).is_ok();
        let alive = end.is_none_or(|end| NOW < end);
        let ends_in_time = end.is_none_or(|end| asked_end.is_some_and(|asked| asked <= end));
        let expected = alive && own.has(Scope::Keys) && own.covers(asked) && own_mint.covers(may_mint) && ends_in_time;
        prop_assert_eq!(allowed, expected);
    }

    #[test]
    fn a_key_does_what_a_wider_one_does(own in any_scopes(), more in any_scopes(), action in any_action()) {
        let wider = more.names().fold(own, |set, name| set.with_name(name).expect("a name of a scope"));
        if BackEnd::new(own).decide(&action).is_ok() {
            prop_assert!(BackEnd::new(wider).decide(&action).is_ok(), "{action:?}");
        }
    }

    #[test]
    fn a_token_of_the_moment_of_a_revocation_is_void(
        issued in prop_oneof![-1_500..0_i64, (-5..0_i64).prop_map(|s| s * 1_000 + 500)],
        bound in -1_500..1_i64,
    ) {
        let issued = Timestamp(NOW.0 + issued);
        let bound = Timestamp(NOW.0 + bound);
        // Of a whole second nobody knows when in it: all of it is the moment.
        let whole = issued.0 % 1_000 == 0;
        let void = issued <= bound || (whole && issued.0 / 1_000 == bound.0 / 1_000);
        let revoke: [fn(&mut Scene, Timestamp); 3] = [
            |s, at| s.facts.app.tokens_not_before = Some(at),
            |s, at| s.key().tokens_not_before = Some(at),
            |s, at| s.user().tokens_not_before = Some(at),
        ];
        for revoke in revoke {
            let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
            scene.client.token.issued_at = issued;
            revoke(&mut scene, bound);
            prop_assert_eq!(scene.decide(&Action::Connect).is_err(), void);
        }
    }
}

/// A client of the ordinary scene, with this changed of it.
fn connects(change: impl FnOnce(&mut Scene)) -> bool {
    let mut scene = Scene::new(PermissionSet::all(), PermissionSet::all_of_conversation());
    change(&mut scene);
    scene.decide(&Action::Connect).is_ok()
}

#[test]
fn what_ends_now_has_ended() {
    let before = Timestamp(NOW.0 + 1);
    assert!(connects(|s| s.client.token.expires_at = before));
    assert!(!connects(|s| s.client.token.expires_at = NOW));
    assert!(connects(|s| s.key().expires_at = Some(before)));
    assert!(!connects(|s| s.key().expires_at = Some(NOW)));
    assert!(!connects(|s| s.user().banned_until = Some(before)));
    assert!(connects(|s| s.user().banned_until = Some(NOW)));
    assert!(!connects(|s| s.user().banned_until = Some(Timestamp::NEVER)));
    let reads = |until| {
        let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
        scene.member().banned_until = Some(until);
        scene.decide(&Action::ReadMessages).is_ok()
    };
    assert!(!reads(before) && reads(NOW), "a ban from the conversation");
    let hidden = |until| {
        let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::all_of_conversation());
        scene.user().shadow_banned_until = Some(until);
        scene.decide(&Action::SendMessage { as_user: false }).expect("it may write").hides()
    };
    assert!(hidden(before) && !hidden(NOW), "a shadow ban");
    let makes = |end| {
        let mut back_end = BackEnd::new(ScopeSet::all_of_app());
        back_end.key().expires_at = Some(before);
        let (scopes, may_mint) = (ScopeSet::EMPTY, PermissionSet::EMPTY);
        back_end.decide(&Action::CreateKey { scopes, may_mint, expires_at: end }).is_ok()
    };
    assert!(makes(Some(before)) && makes(Some(NOW)), "a key that ends with the one that makes it");
    assert!(!makes(Some(Timestamp(before.0 + 1))) && !makes(None));
}

/// A proof of who somebody is, at the door: one that says when it was made is good if nothing was ended since, neither of the
/// person's nor of the whole app's.
#[test]
fn a_proof_is_good_if_it_came_after_every_end() {
    let enters = |proven_at, change: fn(&mut Scene)| {
        let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
        change(&mut scene);
        scene.decide(&Action::Enter { proven_at }).is_ok()
    };
    // The token is newer than every end; what it was made from need not be.
    const END: Timestamp = Timestamp(NOW.0 - 90_000);
    let (before, after) = (Some(Timestamp(END.0 - 1_000)), Some(Timestamp(END.0 + 1_000)));
    let ends: [fn(&mut Scene); 2] =
        [|s| s.facts.app.tokens_not_before = Some(END), |s| s.user().tokens_not_before = Some(END)];
    for end in ends {
        assert!(enters(after, end) && !enters(before, end) && !enters(None, end));
    }
    // Without a date, what vouches for it must have come after the app's end, and not with it.
    let vouched_since = |since: fn(&mut Scene)| enters(None, since);
    assert!(!vouched_since(|s| {
        (s.facts.app.tokens_not_before, s.key().tokens_not_before) = (Some(END), Some(END));
    }));
    assert!(vouched_since(|s| {
        s.facts.app.tokens_not_before = Some(END);
        s.key().tokens_not_before = Some(Timestamp(END.0 + 1));
    }));
}

#[test]
fn only_the_key_that_signed_the_token_vouches_for_it() {
    assert!(connects(|_| ()));
    assert!(!connects(|s| s.key().id = KeyId::from_random("other")));
    assert!(!connects(|s| s.key().app = AppKey(4)));
    assert!(!connects(|s| s.facts.app.key = AppKey(4)));
    assert!(
        !connects(|s| s.key().scopes = ScopeSet::EMPTY.with(Scope::BotMessages).with_read(Scope::Tokens))
    );
    assert!(!connects(|s| s.facts.voucher = None));
    assert!(!connects(|s| s.client.token.voucher = super::scene::door()));
    assert!(!connects(|s| s.client.token.voucher = Voucher::TokenKey(KeyId::from_random("signer"))));
    assert!(!connects(|s| {
        // The facts of a key that a back end acts with vouch for no client.
        s.facts.key = Some(s.key().clone());
        s.facts.voucher = None;
    }));
    assert!(!connects(|s| s.user().key = UserKey(99)));
}

#[test]
fn only_its_own_facts_vouch_for_a_key() {
    let reads = |change: fn(&mut BackEnd)| {
        let mut back_end = BackEnd::new(ScopeSet::all_of_app());
        change(&mut back_end);
        back_end.decide(&Action::ReadApp)
    };
    assert!(reads(|_| ()).is_ok());
    assert_eq!(reads(|b| b.key().id = KeyId::from_random("other")).err(), Some(Denied::Unauthenticated));
    assert_eq!(reads(|b| b.actor.app = AppKey(4)).err(), Some(Denied::Unauthenticated));
    assert_eq!(reads(|b| b.facts.app.key = AppKey(4)).err(), Some(Denied::Unauthenticated));
}

#[test]
fn only_a_user_whom_nobody_knows_is_admitted() {
    let admits = |change: fn(&mut Scene)| {
        let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
        scene.facts.user = None;
        change(&mut scene);
        scene.decide(&Action::AdmitUser)
    };
    let permit = admits(|_| ()).expect("the app makes users");
    assert_eq!(permit.by(), &By::User(USER));
    assert!(facts(&permit).contains(&Fact::App), "a change of the app's settings must show");
    let known: fn(&mut Scene) =
        |s| s.facts.user = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts.user;
    assert_eq!(admits(known).err(), Some(Denied::Unauthenticated));
    let erased: fn(&mut Scene) = |s| {
        s.facts.user = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts.user;
        s.user().erased = true;
    };
    assert_eq!(admits(erased).err(), Some(Denied::Unauthenticated), "an old token brings nobody back");
    assert_eq!(admits(|s| s.facts.app.auto_create_users = false).err(), Some(Denied::Unauthenticated));
    assert_eq!(admits(|s| s.client.token.expires_at = NOW).err(), Some(Denied::Unauthenticated));
}

#[test]
fn coming_in_rests_on_not_being_in() {
    let mut scene = Scene::new(set(&[Permission::ConversationJoin]), PermissionSet::EMPTY);
    scene.facts.member = None;
    let permit = scene.decide(&Action::Join).expect("the app role grants it");
    assert!(permit.basis().contains(&(Fact::Member(CONVERSATION, USER), Version(0))), "a ban must show");
    assert_eq!((permit.conversation(), permit.view()), (Some(CONVERSATION), View::NOTHING));
}

#[test]
fn an_act_on_a_stranger_rests_on_its_being_one() {
    let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::all_of_conversation());
    scene.facts.targets = vec![TargetFacts { version: Version(0), ..target(PermissionSet::EMPTY) }];
    let permit =
        scene.decide(&Action::AddMembers { grants: PermissionSet::EMPTY }).expect("it has member.add");
    assert!(permit.basis().contains(&(Fact::Member(CONVERSATION, TARGET), Version(0))));
}

#[test]
fn peers_may_ban_each_other_from_the_app() {
    let moderator = super::scene::app_role("moderator");
    let mut scene = Scene::new(moderator, PermissionSet::EMPTY);
    scene.facts.targets = vec![target(moderator)];
    let permit = scene.decide(&Action::BanUser).expect("it lacks nothing that the other has");
    assert!(facts(&permit).contains(&Fact::User(TARGET)));
    scene.facts.targets = vec![target(moderator.union(set(&[Permission::MessagePin])))];
    assert_eq!(scene.decide(&Action::BanUser).err(), Some(Denied::Forbidden(Permission::MessagePin)));
}

#[test]
fn acting_in_a_name_rests_on_who_has_it() {
    let mut back_end = BackEnd::new(ScopeSet::all_of_app());
    back_end.facts.user = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).facts.user;
    let permit = back_end.decide(&Action::SendMessage { as_user: true }).expect("it has the scope");
    assert!(facts(&permit).contains(&Fact::User(USER)), "an erasure must show");
    assert_eq!(permit.user(), None, "the act stays the back end's");
}

#[test]
fn a_back_ends_permit_rests_on_app_key_and_conversation() {
    let back_end = BackEnd::new(ScopeSet::all_of_app());
    let permit = back_end.decide(&Action::ReadMessages).expect("it has the scope");
    let key = KeyId::from_random("backend");
    assert_eq!(facts(&permit), [Fact::App, Fact::Conversation(CONVERSATION), Fact::Key(key)]);
    assert_eq!((permit.view(), permit.conversation()), (View::EVERYTHING, Some(CONVERSATION)));
}

#[test]
fn the_installation_has_no_facts() {
    let permit = policy::decide(
        &Actor::System(AppKey::INSTALLATION),
        &Action::ListApps,
        &snug_model::Facts::default(),
        NOW,
    );
    assert!(permit.expect("the server may").basis().is_empty());
}

#[test]
fn what_stands_in_the_settings_vouches_as_long_as_it_is_there() {
    for voucher in [super::scene::door(), super::scene::issuer()] {
        let vouched = |change: fn(&mut Scene)| {
            let mut scene = Scene::new(PermissionSet::all(), PermissionSet::EMPTY);
            scene.facts.targets.clear();
            scene.vouched(voucher.clone(), set(&[Permission::UserList]));
            change(&mut scene);
            scene
        };
        let scene = vouched(|_| ());
        let permit = scene.decide(&Action::Connect).expect("it vouches");
        assert_eq!(facts(&permit), [Fact::App, Fact::User(USER)], "its version is the app's");
        assert!(scene.decide(&Action::ListUsers).is_ok(), "it may give that");
        assert_eq!(scene.decide(&Action::BanUser).err(), Some(Denied::Forbidden(Permission::UserBan)));
        let ended: [fn(&mut Scene); 5] = [
            |s| s.settings().good = false,
            |s| s.facts.voucher = None,
            |s| s.settings().tokens_not_before = Some(NOW),
            |s| s.client.token.voucher = Voucher::Door { scheme: Scheme::Hmac, by: "secret-2".into() },
            |s| s.client.token.voucher = Voucher::Door { scheme: Scheme::Stream, by: "secret-1".into() },
        ];
        for change in ended {
            let ended = vouched(change).decide(&Action::Connect).err();
            assert_eq!(ended, Some(Denied::Unauthenticated));
        }
    }
}

#[test]
fn a_registered_key_is_a_fact_of_its_own() {
    let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
    let key = scene.by_token_key(PermissionSet::all()).id.clone();
    let permit = scene.decide(&Action::Connect).expect("it vouches");
    assert!(permit.basis().contains(&(Fact::TokenKey(key.clone()), Version(107))), "its deletion must show");
    // The same id as an API key's is another thing.
    scene.client.token.voucher = Voucher::ApiKey(key.clone());
    assert_eq!(scene.decide(&Action::Connect).err(), Some(Denied::Unauthenticated));
    scene.client.token.voucher = Voucher::TokenKey(key);
    scene.by_token_key(PermissionSet::all()).id = KeyId::from_random("other");
    assert_eq!(scene.decide(&Action::Connect).err(), Some(Denied::Unauthenticated));
}
