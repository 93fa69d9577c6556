//! Entering: what is decided about an act that is entered travels with its permit, and the store writes it in the act's commit.

use std::{net::IpAddr, sync::Arc};

use snug_model::{
    Actor, AppKey, Permit, UserId, UserKey,
    audit::{Act, Entries, Entry, Outcome},
    policy::{self, By},
};

use super::noted::{Noted, Subject, chain_of};
use crate::{
    Core, Error, Missing, Result,
    authorize::{Allowed, Ask, Gathered, Target},
    sealing::{AuditNote, AuditOrigin, Place},
};

/// Who does something, as it is entered.
struct Doer {
    by: By,
    /// From where, if that can be sealed: of a user of whom nothing is stored there is no secret to seal it by.
    from: Option<IpAddr>,
}

/// What is entered of something that may be refused.
pub(crate) struct Attempt {
    act: Act,
    doer: Doer,
    subjects: Vec<Subject>,
}

impl Core {
    /// The act as which something is entered that was permitted, if it is.
    pub(crate) fn act_of(ask: &Ask<'_>, permit: &Permit) -> Option<Act> {
        ask.noted.as_ref().and_then(|noted| noted.act).or(permit.owes())
    }

    /// The same permit with its entries, an entry for each person whom it concerns.
    pub(crate) async fn with_entries(&self, ask: &Ask<'_>, act: Act, allowed: Allowed) -> Result<Allowed> {
        let stored = allowed.facts.user.as_ref().is_some_and(|user| user.is_stored());
        let doer = Doer::of(ask.actor, stored);
        let here = allowed.conversation.as_ref().map(|row| (row.key, ask.conversation));
        let subjects = match act {
            Act::DeleteApp => vec![Subject::app(allowed.app.id())],
            _ => subjects(ask, here, &allowed.targets),
        };
        let chain = chain_of(act, allowed.permit.app());
        let entries = self.entries(chain, &doer, act, Outcome::Done, ask.noted.as_deref(), subjects).await?;
        Ok(Allowed { permit: allowed.permit.with_entries(Arc::new(entries)), ..allowed })
    }

    /// The permit with an entry for each of these people instead, whom a back end names and nobody looked at when it was decided.
    pub(crate) async fn with_entry_each(
        &self,
        ask: &Ask<'_>,
        act: Act,
        allowed: &Allowed,
        people: Vec<(UserKey, UserId, Noted)>,
    ) -> Result<Permit> {
        let doer = Doer::of(ask.actor, true);
        let here = allowed.conversation.as_ref().map(|row| (row.key, ask.conversation));
        let subject = |(user, id, noted): (UserKey, UserId, Noted)| Subject {
            details: noted.details,
            ..Subject::person(user, &id, here)
        };
        let subjects = people.into_iter().map(subject).collect();
        let chain = chain_of(act, allowed.permit.app());
        let entries = self.entries(chain, &doer, act, Outcome::Done, None, subjects).await?;
        Ok(allowed.permit.clone().with_entries(Arc::new(entries)))
    }

    /// A permit of the installation with its entry.
    pub(crate) async fn installation_entry(&self, ask: &Ask<'_>, act: Act, permit: Permit) -> Result<Permit> {
        let (doer, subjects) = (Doer::of(ask.actor, false), subjects(ask, None, &[]));
        let noted = ask.noted.as_deref();
        let entries = self.entries(AppKey::INSTALLATION, &doer, act, Outcome::Done, noted, subjects).await?;
        Ok(permit.with_entries(Arc::new(entries)))
    }

    /// What would be entered if this were refused; none of what is not entered.
    pub(crate) fn attempt_at(ask: &Ask<'_>, gathered: Option<&Gathered>) -> Option<Attempt> {
        let act = ask.noted.as_ref().and_then(|noted| noted.act);
        let act = act.or_else(|| policy::entered(ask.actor, &ask.action))?;
        let user = gathered.and_then(|gathered| gathered.facts.user.as_ref());
        let doer = Doer::of(ask.actor, user.is_some_and(|user| user.is_stored()));
        let row = gathered.and_then(|gathered| gathered.conversation.as_ref());
        let targets = gathered.map_or(&[][..], |gathered| &gathered.targets);
        Some(Attempt {
            act,
            doer,
            subjects: subjects(ask, row.map(|row| (row.key, ask.conversation)), targets),
        })
    }

    /// Enters a refusal, in a commit of its own; not one of who is nobody, and none of what may not be seen. Whatever becomes of that,
    /// it stays refused.
    pub(crate) async fn enter_refusal(&self, ask: &Ask<'_>, attempt: Attempt, refusal: &Error) {
        let lacks = match refusal {
            Error::Forbidden(Missing::Permission(permission)) => permission.name(),
            Error::Forbidden(Missing::Scope(scope)) => scope.name(),
            Error::Forbidden(Missing::Actor | Missing::Origin) => "another credential",
            Error::Banned { .. } => "not to be banned",
            Error::Muted { .. } => "not to be muted",
            Error::ConsentRequired(_) => "consent",
            _ => return,
        };
        let Attempt { act, doer, subjects } = attempt;
        if !self.refusals.is_entered(ask.actor.app(), &doer.by, self.clock.now()) {
            return;
        }
        let noted = ask.noted.as_deref().cloned().unwrap_or_default().with("lacks", lacks);
        let entered = async {
            let app = ask.actor.app();
            let entries = self.entries(app, &doer, act, Outcome::Refused, Some(&noted), subjects).await?;
            Ok::<_, Error>(self.store.enter_refused(Arc::new(entries)).await?)
        };
        if let Err(error) = entered.await {
            tracing::warn!(%error, "a refusal was not entered in the audit");
        }
    }

    /// Enters how much was refused that was not entered one by one. An app of which it fails, since it was deleted meanwhile for
    /// instance, keeps no other from being entered.
    pub(crate) async fn enter_many_refusals(&self) {
        for (app, count) in self.refusals.take_more() {
            match self.enter_refusals(app, count).await {
                Ok(()) => {}
                // Nothing was done: they are entered with those of the next time.
                Err(Error::Unavailable) => self.refusals.add(app, count),
                Err(error) => tracing::warn!(%error, count, "refusals were not entered in the audit"),
            }
        }
    }

    async fn enter_refusals(&self, app: AppKey, count: i64) -> Result<()> {
        let (doer, subjects) = (Doer { by: By::System, from: None }, vec![Subject::of(None, None)]);
        let (act, refused) = (Act::ManyRefusals, Outcome::Refused);
        let mut entries = self.entries(app, &doer, act, refused, None, subjects).await?;
        entries.list.iter_mut().for_each(|entry| entry.count = count);
        Ok(self.store.enter_refused(Arc::new(entries)).await?)
    }

    async fn entries(
        &self,
        chain: AppKey,
        doer: &Doer,
        act: Act,
        outcome: Outcome,
        noted: Option<&Noted>,
        subjects: Vec<Subject>,
    ) -> Result<Entries> {
        let actor = match doer.by {
            By::User(user) => Some(user),
            By::Key(_) | By::System => None,
        };
        let (mut origins, mut notes, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for Subject { target, user, conversation, details } in subjects {
            let id = self.random.bytes()?;
            if let Some(address) = doer.from {
                let origin = AuditOrigin { address: address.to_string() };
                origins.push((Place::audit_origin(chain, id, actor), origin));
            }
            let of_all = noted.map_or(&[][..], |noted| &noted.details).iter().cloned();
            let note = AuditNote {
                user: user.map(|id| id.as_str().to_owned()),
                conversation: conversation.map(|id| id.as_str().to_owned()),
                name: noted.and_then(|noted| noted.name.clone()),
                details: of_all.chain(details).map(|(name, value)| (name.to_owned(), value)).collect(),
            };
            notes.push((Place::audit_note(chain, id, act, &target), note));
            bare.push((id, target));
        }
        let mut origins = self.sealer.seal_all(&origins).await?.into_iter();
        let notes = self.sealer.seal_all(&notes).await?;
        let at = self.clock.now();
        let entry = |((id, target), note): (([u8; 32], _), snug_store::Sealed)| Entry {
            id,
            at,
            by: doer.by.clone(),
            act,
            target,
            outcome,
            count: 1,
            origin: origins.next().map(|sealed| sealed.0),
            note: note.0,
        };
        Ok(Entries { chain, list: bare.into_iter().zip(notes).map(entry).collect() })
    }
}

impl Doer {
    fn of(actor: &Actor, stored: bool) -> Self {
        match actor {
            Actor::Key(key) => Self { by: By::Key(key.key.clone()), from: key.from },
            Actor::User(user) => Self { by: By::User(user.user), from: user.from.filter(|_| stored) },
            Actor::System(_) => Self { by: By::System, from: None },
        }
    }
}

/// What an act is done to: each person whom it concerns and who is there; where there is none, what it is about.
fn subjects(ask: &Ask<'_>, here: Option<super::noted::Here<'_>>, targets: &[Option<Target>]) -> Vec<Subject> {
    let there = ask.targets.iter().zip(targets).filter_map(|(id, target)| Some((id, target.as_ref()?)));
    let people: Vec<_> = there.map(|(id, target)| Subject::person(target.user.key, id, here)).collect();
    if people.is_empty() { vec![Subject::of(ask.noted.as_deref(), here)] } else { people }
}
