//! The permission decision: actor, action and facts in, a [`Permit`] or a [`Denied`] out.
//!
//! Pure, and the only place that makes a permit. Every write and every scoped read of the store takes one, so nothing is
//! done that was not decided here. A permit carries the versions of the facts that it rests on; the store compares them
//! in the transaction that does the act, so nothing is done that is no longer allowed.

mod action;
mod back_end;
mod client;
mod consent;
mod entered;
// Beside the policy, for it is none: what breaks the policy on purpose has nothing to break here.
#[cfg(feature = "controls")]
#[path = "../controls.rs"]
pub mod controls;
mod holders;
mod uses;

use std::sync::Arc;

use smallvec::SmallVec;

pub use action::Action;
pub use entered::entered;
pub use holders::{holds, scope_of};
pub use uses::uses;

use crate::{
    actor::Actor,
    audit::{Act, Entries},
    consents::Consent,
    facts::{ConversationFacts, Facts, MemberFacts, UserFacts},
    ids::{AppKey, ConversationKey, KeyId, Rev, Seq, TemplateKey, UserKey, Version},
    keys,
    permissions::{Permission, PermissionSet},
    time::Timestamp,
};

/// Decides whether `actor` may do `action`, given `facts`, at `now`.
///
/// # Errors
/// `Denied` with what is missing, as far as the actor may know.
pub fn decide(actor: &Actor, action: &Action, facts: &Facts, now: Timestamp) -> Result<Permit, Denied> {
    Ok(Permit { owes: entered(actor, action), ..decide_alone(actor, action, facts, now)? })
}

/// The decision, without what has to be entered of it.
fn decide_alone(actor: &Actor, action: &Action, facts: &Facts, now: Timestamp) -> Result<Permit, Denied> {
    match actor {
        // What was committed is told whatever has changed since, so that nothing which is done goes unheard.
        Actor::System(app) if *action == Action::Publish => {
            let told =
                Permit::of_app(*app, By::System, facts).within(facts.conversation.as_ref(), View::EVERYTHING);
            Ok(Permit { basis: Basis::new(), ..told })
        }
        Actor::System(app) => {
            Ok(Permit::of_app(*app, By::System, facts).within(facts.conversation.as_ref(), View::EVERYTHING))
        }
        Actor::Key(key) => back_end::decide(key, action, facts, now),
        Actor::User(user) => client::decide(user, action, facts, now),
    }
}

/// What the client of `facts` may do in their conversation, to be shown to it; see [`client`] for how they combine.
pub fn permissions_in_conversation(actor: &Actor, facts: &Facts, now: Timestamp) -> PermissionSet {
    match actor {
        Actor::User(user) => client::shown_in_conversation(user, facts, now),
        Actor::Key(_) | Actor::System(_) => PermissionSet::EMPTY,
    }
}

/// What a member may do in its conversation, without what its sessions' tokens narrow.
pub fn permissions_of_member(
    member: &MemberFacts,
    user: Option<&UserFacts>,
    now: Timestamp,
) -> PermissionSet {
    client::of_member(member, user, now)
}

/// Until when a person is muted at `now`, in the conversation or in the whole app.
pub fn muted_until(
    member: Option<&MemberFacts>,
    user: Option<&UserFacts>,
    now: Timestamp,
) -> Option<Timestamp> {
    let here = member.and_then(|member| member.muted_until);
    let everywhere = user.and_then(|user| user.muted_until);
    here.max(everywhere).filter(|until| now < *until)
}

/// The text that the client of `facts` has not accepted and has to, before it leaves anything or before it reads.
pub fn missing_consent(facts: &Facts) -> Option<&Arc<Consent>> {
    consent::missing(facts)
}

/// What the client of `facts` may do in the app, to be shown to it.
pub fn permissions_in_app(actor: &Actor, facts: &Facts) -> PermissionSet {
    match actor {
        Actor::User(user) => client::effective_in_app(user, facts),
        Actor::Key(_) | Actor::System(_) => PermissionSet::EMPTY,
    }
}

/// Proof that an act was decided, and on what. Made by [`decide`] alone.
#[derive(Debug, Clone)]
pub struct Permit {
    app: AppKey,
    by: By,
    conversation: Option<ConversationKey>,
    view: View,
    pace_ms: Option<i64>,
    heeds_blocks: bool,
    hides: bool,
    basis: Basis,
    owes: Option<Act>,
    entries: Option<Arc<Entries>>,
}

/// The facts that a permit rests on, each with the version at which it was seen.
pub type Basis = SmallVec<[(Fact, Version); 6]>;

/// A row that a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// The app's settings, roles and revocations.
    App,
    /// An API key.
    Key(KeyId),
    /// A registered public key.
    TokenKey(KeyId),
    /// A user.
    User(UserKey),
    /// A conversation's settings.
    Conversation(ConversationKey),
    /// A membership.
    Member(ConversationKey, UserKey),
    /// A template.
    Template(TemplateKey),
}

/// Who does what a permit allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum By {
    /// A back end.
    Key(KeyId),
    /// A client's user.
    User(UserKey),
    /// The server itself.
    System,
}

/// How much of a conversation a permit shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The first message that it shows.
    pub from_seq: Seq,
    /// Where a removed member's view ends; none is the present.
    pub until: Option<Rev>,
    /// Whether it shows how far others have read.
    pub read_marks: bool,
    /// Whether it shows what edited and deleted messages said before.
    pub versions: bool,
}

impl View {
    /// Not a message: for who is not a member yet.
    pub const NOTHING: Self =
        Self { from_seq: Seq(i64::MAX), until: None, read_marks: false, versions: false };
    /// All there is.
    pub const EVERYTHING: Self = Self { from_seq: Seq(1), until: None, read_marks: true, versions: true };
}

impl Permit {
    /// A permit that rests on the app alone, and holds in no conversation.
    fn of_app(app: AppKey, by: By, facts: &Facts) -> Self {
        let mut basis = Basis::new();
        if app != AppKey::INSTALLATION {
            basis.push((Fact::App, facts.app.version));
        }
        Self {
            app,
            by,
            conversation: None,
            view: View::EVERYTHING,
            pace_ms: None,
            heeds_blocks: false,
            hides: false,
            basis,
            owes: None,
            entries: None,
        }
    }

    /// The same within a conversation, if there is one, whose settings it rests on too.
    fn within(mut self, conversation: Option<&ConversationFacts>, view: View) -> Self {
        if let Some(conversation) = conversation {
            self.conversation = Some(conversation.key);
            self.view = view;
            self.basis.push((Fact::Conversation(conversation.key), conversation.version));
        }
        self
    }

    /// The app within which it holds.
    pub fn app(&self) -> AppKey {
        self.app
    }

    /// Who does the act.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// The user who does the act, where it is one.
    pub fn user(&self) -> Option<UserKey> {
        match self.by {
            By::User(user) => Some(user),
            By::Key(_) | By::System => None,
        }
    }

    /// The conversation within which it holds, if the act is one's.
    pub fn conversation(&self) -> Option<ConversationKey> {
        self.conversation
    }

    /// How much of the conversation it shows.
    pub fn view(&self) -> View {
        self.view
    }

    /// How long its user waits between two messages, in milliseconds, where it must: the store compares that too, since only
    /// there the last one is known.
    pub fn pace_ms(&self) -> Option<i64> {
        self.pace_ms
    }

    /// Whether the store is to look whether its user is alone with somebody whom it has blocked, or who has blocked it: only
    /// there it is known who the other one is.
    pub fn heeds_blocks(&self) -> bool {
        self.heeds_blocks
    }

    /// Whether what its user writes is to be hidden from the others: it is shadow-banned.
    pub fn hides(&self) -> bool {
        self.hides
    }

    /// The act as which what it allows is to be entered, if it is: the store does nothing by it without an entry.
    pub fn owes(&self) -> Option<Act> {
        self.owes
    }

    /// The same with entries, which the store writes in the commit of what it allows.
    #[must_use]
    pub fn with_entries(self, entries: Arc<Entries>) -> Self {
        Self { entries: Some(entries), ..self }
    }

    /// What is entered of what it allows.
    pub fn entries(&self) -> Option<&Entries> {
        self.entries.as_deref()
    }

    /// What it rests on; the store compares it.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }
}

/// Why an act was denied, as far as the actor may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The credential is no longer good.
    Unauthenticated,
    /// It does not exist, or may not be seen.
    NotFound,
    /// The actor may see it, and lacks the permission to do it.
    Forbidden(Permission),
    /// The key lacks the scope.
    OutOfScope(keys::Scope),
    /// The act is for the other kind of actor: back ends, or clients.
    WrongActor,
    /// The actor is banned, from the app or from the conversation.
    Banned {
        /// Until when; [`Timestamp::NEVER`] is for good.
        until: Timestamp,
        /// From the app, and so from everything.
        everywhere: bool,
    },
    /// The actor has to accept this text first.
    ConsentRequired(Arc<Consent>),
    /// The actor is muted, and the act is one of its own words.
    Muted {
        /// The permission that it has but for that.
        permission: Permission,
        /// Until when; [`Timestamp::NEVER`] is for good.
        until: Timestamp,
    },
}
