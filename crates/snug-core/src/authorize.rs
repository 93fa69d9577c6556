//! Facts in, a permit out: the one way to one.

use std::{borrow::Cow, sync::Arc};

use snug_model::{
    Action, Actor, AppKey, ConversationId, Facts, Invalid, PermissionSet, Permit, RoleKey, TemplateId,
    UserActor, UserId, UserKey, Voucher,
    facts::{TargetFacts, UserFacts},
    ids::Version,
    members::Access,
    permissions::Scope,
    policy,
    text::RoleName,
    vouchers::Scheme,
};
use snug_store::{
    ConversationRef, ConversationRow, Found, InboxRow, MemberRow, TemplateRow, UserRef, UserRow, Viewer,
};

use crate::{Core, Error, Result, audit::Noted, context::AppContext, facts};

/// Does an act with a permit, and again with a fresh one where the store says that a fact has changed under it.
macro_rules! decided {
    ($core:expr, $ask:expr, |$allowed:ident| $act:expr) => {{
        let mut decision = $crate::authorize::Decision::new($ask);
        loop {
            let $allowed = $core.authorize(&mut decision).await?;
            match $act.await {
                Err($crate::Error::Stale) => {}
                done => break done,
            }
        }
    }};
}
pub(crate) use decided;

/// What is asked: who wants to do what, where, to whom.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) action: Action,
    pub(crate) conversation: Option<&'a ConversationId>,
    /// Whom it concerns.
    pub(crate) targets: &'a [UserId],
    /// The conversation roles that it gives, by their names; of members who get what new ones get, none.
    pub(crate) gives: &'a [Option<&'a RoleName>],
    /// What vouches for the message that the client carries.
    pub(crate) carries: Option<Carries<'a>>,
    /// Whether the rows themselves are wanted, as they are now.
    pub(crate) rows: bool,
    /// What is to be known of it in the audit, if it is entered there.
    pub(crate) noted: Option<Arc<Noted>>,
}

impl<'a> Ask<'a> {
    /// An act in the app.
    pub(crate) fn in_app(actor: &'a Actor, action: Action) -> Self {
        Self {
            actor,
            action,
            conversation: None,
            targets: &[],
            gives: &[],
            carries: None,
            rows: false,
            noted: None,
        }
    }

    /// An act in a conversation.
    pub(crate) fn in_conversation(
        actor: &'a Actor,
        action: Action,
        conversation: &'a ConversationId,
    ) -> Self {
        Self { conversation: Some(conversation), ..Self::in_app(actor, action) }
    }

    /// The act concerns this person.
    pub(crate) fn on(self, target: &'a UserId) -> Self {
        self.on_all(std::slice::from_ref(target))
    }

    /// The act concerns these people.
    pub(crate) fn on_all(self, targets: &'a [UserId]) -> Self {
        Self { targets, ..self }
    }

    /// The act concerns this person, if it is another than the actor.
    pub(crate) fn perhaps_on(self, target: Option<&'a UserId>) -> Self {
        match target {
            Some(target) => self.on(target),
            None => self,
        }
    }

    /// The act concerns this person, who is looked at only for a back end, or where it is the client itself: other people
    /// are hidden from it, whether they exist or not.
    pub(crate) fn on_visible(self, target: &'a UserId, own: bool) -> Self {
        let visible = own || self.actor.user().is_none();
        self.perhaps_on(visible.then_some(target))
    }

    /// The act gives these conversation roles. What they grant is looked up with the facts on which is decided.
    pub(crate) fn giving(self, roles: &'a [Option<&'a RoleName>]) -> Self {
        Self { gives: roles, ..self }
    }

    /// This is to be known of it in the audit.
    pub(crate) fn noted(self, noted: Noted) -> Self {
        Self { noted: Some(Arc::new(noted)), ..self }
    }

    /// The rows are wanted as they are now.
    pub(crate) fn with_rows(self) -> Self {
        Self { rows: true, ..self }
    }
}

impl Ask<'_> {
    /// The act, with what the roles grant that it gives. A name that is no role's grants nothing: that there is none is said once it is
    /// decided, to who may.
    pub(crate) fn action_in(&self, app: &AppContext) -> Cow<'_, Action> {
        if self.gives.is_empty() {
            return Cow::Borrowed(&self.action);
        }
        let given = self.gives.iter().fold(PermissionSet::EMPTY, |all, role| {
            let role = match role {
                Some(name) => app.role(Scope::Conversation, name, "").map(|role| role.permissions).ok(),
                None => Some(app.permissions_of(app.row.settings.member_role)),
            };
            all.union(role.unwrap_or_default())
        });
        let mut action = self.action.clone();
        if let Action::AddMembers { grants }
        | Action::EditMember { grants }
        | Action::CreateConversation { grants, .. } = &mut action
        {
            *grants = given;
        }
        Cow::Owned(action)
    }
}

/// What vouches for a message that a client carries.
#[derive(Clone, Copy)]
pub(crate) enum Carries<'a> {
    /// The key that signed it.
    Signed(&'a Voucher),
    /// A template of the app.
    Template(&'a TemplateId),
}

/// How often one request is decided at most. Each time that a permit was stale, somebody else has changed what it rests on since it was
/// decided: so this many less one may do that at the same time, such as revoking tokens of the app, and all of it is done.
const TRIES_MAX: u8 = 8;

/// One request's way to a permit: decided on what is known, and on what is as often as that has changed meanwhile.
pub(crate) struct Decision<'a> {
    ask: Ask<'a>,
    tries: u8,
}

impl<'a> Decision<'a> {
    pub(crate) fn new(ask: Ask<'a>) -> Self {
        Self { ask, tries: 0 }
    }
}

/// A decided act: the permit, and the rows that were looked at.
pub(crate) struct Allowed {
    pub(crate) permit: Permit,
    pub(crate) app: Arc<AppContext>,
    pub(crate) facts: Facts,
    pub(crate) conversation: Option<Arc<ConversationRow>>,
    pub(crate) targets: Vec<Option<Target>>,
    /// The template whose message the client carries.
    pub(crate) template: Option<TemplateRow>,
    pub(crate) borne: Borne,
}

/// The roles of who acts, by row number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Borne {
    /// A user's app role.
    pub(crate) of_app: Option<RoleKey>,
    /// A member's role.
    pub(crate) of_conversation: Option<RoleKey>,
}

/// Whom an act concerns, as rows.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) user: Arc<UserRow>,
    pub(crate) member: Option<MemberRow>,
}

impl Allowed {
    /// The conversation of an act that is one's.
    pub(crate) fn conversation(&self) -> Result<&ConversationRow> {
        self.conversation.as_deref().ok_or_else(|| Error::internal("a permit without its conversation"))
    }

    /// Whose membership acts: the client's own, or that of the member for whom a back end acts.
    pub(crate) fn acting_member(&self) -> Result<UserKey> {
        match (self.permit.user(), self.targets.first()) {
            (Some(user), None) => Ok(user),
            (None, Some(Some(Target { user, member: Some(member) }))) if member.access != Access::None => {
                Ok(user.key)
            }
            (None, None) => Err(Invalid::new("as", "says for whom a back end acts").into()),
            (None, Some(_)) => Err(Error::NotFound),
            (Some(_), Some(_)) => Err(Invalid::new("as", "is for back ends").into()),
        }
    }

    /// The person of an act that concerns one; who does not exist is not found.
    pub(crate) fn target(&self) -> Result<&Target> {
        self.targets.first().and_then(Option::as_ref).ok_or(Error::NotFound)
    }
}

/// What was gathered for a decision.
pub(crate) struct Gathered {
    app: Arc<AppContext>,
    pub(crate) facts: Facts,
    pub(crate) conversation: Option<Arc<ConversationRow>>,
    pub(crate) targets: Vec<Option<Target>>,
    template: Option<TemplateRow>,
    borne: Borne,
}

impl Core {
    /// Decides, on cached facts first. A denial, and every further try, rest on fresh ones. A permit to what is entered in the audit
    /// comes with its entry, and a denial of it is entered.
    ///
    /// # Errors
    /// `Unavailable` where it was decided as often as it may be, beside what the decision says.
    pub(crate) async fn authorize(&self, decision: &mut Decision<'_>) -> Result<Allowed> {
        decision.tries += 1;
        if decision.tries > TRIES_MAX {
            return Err(Error::Unavailable);
        }
        let ask = &decision.ask;
        let cached = decision.tries == 1 && !ask.rows;
        if cached {
            let gathered = self.gather(ask, false).await?;
            if let Ok(allowed) = self.decide(ask, gathered) {
                return self.permitted(ask, allowed).await;
            }
        }
        let gathered = self.gather(ask, true).await?;
        let attempt = Self::attempt_at(ask, Some(&gathered));
        match (self.decide(ask, gathered), attempt) {
            (Ok(allowed), _) => self.permitted(ask, allowed).await,
            (Err(refusal), Some(attempt)) => {
                Box::pin(self.enter_refusal(ask, attempt, &refusal)).await;
                Err(refusal)
            }
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// A permitted act, ready to be done, counted, and with what is to be entered of it.
    async fn permitted(&self, ask: &Ask<'_>, allowed: Allowed) -> Result<Allowed> {
        let allowed = self.with_a_row(ask, allowed).await?;
        self.count_use(ask, &allowed);
        match Self::act_of(ask, &allowed.permit) {
            // Boxed, so that what is done often does not wait in a larger future for it.
            Some(act) => Box::pin(self.with_entries(ask, act, allowed)).await,
            None => Ok(allowed),
        }
    }

    /// The same decision, if need be after the row was made of somebody who has none: of a visitor who is about to leave something
    /// for the first time, and of a newcomer once no consent is demanded of it any more.
    async fn with_a_row(&self, ask: &Ask<'_>, allowed: Allowed) -> Result<Allowed> {
        match (ask.actor, &allowed.facts.user) {
            (Actor::User(actor), Some(user)) if !user.is_stored() && leaves_a_row(actor, ask, &allowed) => {
                self.write_silent(&allowed.app, actor).await?;
                let gathered = self.gather(ask, true).await?;
                self.decide(ask, gathered)
            }
            _ => Ok(allowed),
        }
    }

    /// A permit to make the row of a user, from fresh facts.
    pub(crate) async fn admission(&self, ask: Ask<'_>) -> Result<Permit> {
        let gathered = self.gather(&ask, true).await?;
        Ok(self.decide(&ask, gathered)?.permit)
    }

    fn decide(&self, ask: &Ask<'_>, gathered: Gathered) -> Result<Allowed> {
        let Gathered { app, facts, conversation, targets, template, borne } = gathered;
        let decided = policy::decide(ask.actor, &ask.action_in(&app), &facts, self.clock.now());
        #[cfg(feature = "controls")]
        let decided = self.controls.decided(ask.actor, &facts, decided);
        Ok(Allowed { permit: decided?, app, facts, conversation, targets, template, borne })
    }

    async fn gather(&self, ask: &Ask<'_>, fresh: bool) -> Result<Gathered> {
        let app = self.app_by_key(ask.actor.app(), fresh).await?;
        let mut facts = Facts { app: app.facts(), ..Facts::default() };
        if let Some(Carries::Signed(signer)) = ask.carries {
            facts.signer = self.voucher_facts(&app, signer, fresh).await?;
        }
        let of_app = self.gather_actor(ask.actor, &app, &mut facts, fresh).await?;
        let found = match ask.conversation {
            Some(id) => self.gather_conversation(ask, &app, id, &facts, fresh).await?,
            None => None,
        };
        let (conversation, member) = match found {
            Some((conversation, member)) => (Some(conversation), member),
            None => (None, None),
        };
        facts.conversation = conversation.as_deref().map(facts::of_conversation);
        facts.member = member.as_deref().map(|row| facts::of_member(row, &app));
        let borne = Borne { of_app, of_conversation: member.as_deref().map(|row| row.role) };
        // In a conversation that is not to be seen nobody is looked for, so that it costs what an absent one does.
        let hidden = ask.conversation.is_some() && conversation.is_none();
        let mut template = None;
        if let (Some(Carries::Template(id)), false) = (ask.carries, hidden) {
            template = self.template_row(&app, id).await?;
            facts.template = Some(facts::of_template(template.as_ref()));
        }
        let mut targets = Vec::with_capacity(ask.targets.len());
        for id in ask.targets.iter().filter(|_| !hidden) {
            targets.push(self.gather_target(&app, id, conversation.as_deref()).await?);
        }
        match (ask.actor, targets.first()) {
            // In whose name a back end acts is a fact about the actor; an unknown one is refused where it is needed.
            (Actor::Key(_), Some(Some(target))) => facts.user = Some(facts::of_user(&target.user, &app)),
            (Actor::Key(_), _) => {}
            _ => {
                facts.targets =
                    targets.iter().map(|it| target_facts(it.as_ref(), conversation.is_some(), &app)).collect()
            }
        }
        Ok(Gathered { app, facts, conversation, targets, template, borne })
    }

    /// The key, and the user, behind a credential; the user's role.
    async fn gather_actor(
        &self,
        actor: &Actor,
        app: &AppContext,
        facts: &mut Facts,
        fresh: bool,
    ) -> Result<Option<RoleKey>> {
        Ok(match actor {
            Actor::System(_) => None,
            Actor::Key(key) => {
                let row = self.key_row(&key.key, fresh).await?;
                facts.key = row.map(|row| facts::of_key(&row, Some(app)));
                None
            }
            Actor::User(user) => {
                facts.voucher = self.voucher_facts(app, &user.token.voucher, fresh).await?;
                let row = self.user_row(app.key(), user.user, fresh).await?;
                facts.user = row.as_ref().map(|row| facts::of_user(row, app));
                if facts.user.is_none() && (is_visitor(user) || user.token.newcomer.is_some()) {
                    let role = app.permissions_of(app.row.settings.default_role);
                    facts.user = Some(UserFacts::silent(user.user, role));
                }
                let role = row.map_or(app.row.settings.default_role, |row| row.role);
                if let Some(jti) = &user.token.jti {
                    facts.token_revoked = app.revoked.contains(&self.keyed(app.key()).await?.macs.jti(jti));
                }
                Some(role)
            }
        })
    }

    async fn gather_conversation(
        &self,
        ask: &Ask<'_>,
        app: &AppContext,
        id: &ConversationId,
        facts: &Facts,
        fresh: bool,
    ) -> Result<Option<(Arc<ConversationRow>, Option<Arc<MemberRow>>)>> {
        let id = self.keyed(app.key()).await?.macs.conversation_id(id);
        let user = ask.actor.user();
        if !fresh {
            let cached = self.facts.conversations.get(&(app.key(), id));
            let member =
                cached.as_ref().zip(user).and_then(|(row, user)| self.facts.members.get(&(row.key, user)));
            match cached {
                Some(conversation) if user.is_none() || member.is_some() => {
                    return Ok(Some((conversation, member)));
                }
                _ => {}
            }
        }
        let viewer = match user {
            None => Viewer::Anyone,
            Some(user) if ask.action == Action::Join && may_join(ask.actor, facts) => Viewer::Outsider(user),
            Some(user) => Viewer::Member(user),
        };
        #[cfg(feature = "controls")]
        let viewer = if self.controls.permits() { Viewer::Anyone } else { viewer };
        let found = self.store.conversation(app.key(), ConversationRef::Id(id), viewer).await?;
        Ok(found.map(|found| self.remember(app.key(), found)))
    }

    /// Keeps what was found for the next decision.
    fn remember(&self, app: AppKey, found: Found) -> (Arc<ConversationRow>, Option<Arc<MemberRow>>) {
        let conversation = Arc::new(found.conversation);
        self.facts.conversations.insert((app, conversation.id_mac), Arc::clone(&conversation));
        let member = found.member.map(Arc::new);
        if let Some(member) = &member {
            self.facts.members.insert((conversation.key, member.user), Arc::clone(member));
        }
        (conversation, member)
    }

    /// Keeps what an inbox says of conversations that are open to its owner, who syncs them next.
    pub(crate) fn remember_inbox(&self, app: AppKey, rows: &[InboxRow]) {
        for row in rows.iter().filter(|row| row.member.access != Access::None) {
            let (conversation, member) = (row.conversation.clone(), Some(row.member.clone()));
            self.remember(app, Found { conversation, member });
        }
    }

    async fn gather_target(
        &self,
        app: &AppContext,
        id: &UserId,
        conversation: Option<&ConversationRow>,
    ) -> Result<Option<Target>> {
        let id = self.keyed(app.key()).await?.macs.user_id(id);
        let Some(user) =
            self.store.user(app.key(), UserRef::Id(id)).await?.filter(|user| user.erased_at.is_none())
        else {
            return Ok(None);
        };
        let member = match conversation {
            Some(conversation) => self.store.member(app.key(), conversation.key, user.key).await?,
            None => None,
        };
        Ok(Some(Target { user: Arc::new(user), member }))
    }

    /// A user's row.
    pub(crate) async fn user_row(
        &self,
        app: AppKey,
        user: UserKey,
        fresh: bool,
    ) -> Result<Option<Arc<UserRow>>> {
        if let Some(row) = self.facts.users.get(&(app, user)).filter(|_| !fresh) {
            return Ok(Some(row));
        }
        let row = self.store.user(app, UserRef::Key(user)).await?.map(Arc::new);
        match &row {
            Some(row) => self.facts.users.insert((app, user), Arc::clone(row)),
            None => self.facts.users.invalidate(&(app, user)),
        }
        Ok(row)
    }

    /// Forgets what the rows of members said before.
    pub(crate) fn forget_members(&self, members: &[MemberRow]) {
        for member in members {
            self.facts.members.invalidate(&(member.conversation, member.user));
        }
    }
}

/// Whether a client came by the door for visitors.
fn is_visitor(actor: &UserActor) -> bool {
    matches!(actor.token.voucher, Voucher::Door { scheme: Scheme::Visitor, .. })
}

/// Whether somebody without a row gets one for this act. An acceptance brings its own.
fn leaves_a_row(actor: &UserActor, ask: &Ask<'_>, allowed: &Allowed) -> bool {
    let newcomer = actor.token.newcomer.is_some() && allowed.app.consent.is_none();
    ask.action.leaves_something() || (newcomer && !matches!(ask.action, Action::AcceptConsent { .. }))
}

/// Whether a client may come in from outside, as far as the app has a say.
fn may_join(actor: &Actor, facts: &Facts) -> bool {
    policy::permissions_in_app(actor, facts).has(snug_model::Permission::ConversationJoin)
}

fn target_facts(target: Option<&Target>, in_conversation: bool, app: &AppContext) -> TargetFacts {
    let Some(Target { user, member }) = target else {
        return TargetFacts { user: None, version: Version(0), permissions: Default::default() };
    };
    let here = member.as_ref().filter(|member| member.access != Access::None);
    let permissions = match (in_conversation, here) {
        (false, _) => app.permissions_of(user.role),
        (true, Some(member)) => app.permissions_of(member.role),
        (true, None) => Default::default(),
    };
    let version = match (in_conversation, member) {
        (false, _) => user.version,
        (true, Some(member)) => member.version,
        (true, None) => Version(0),
    };
    TargetFacts { user: Some(user.key), version, permissions }
}
