//! Consents: the text that an app demands to be accepted; accepted by a person, or for it; listed.

use aws_lc_rs::digest::{SHA256, digest};
use snug_model::{
    Action, Actor, Invalid, Permit, UserId, UserKey, Version,
    consents::{Acceptance, AcceptedBy, Consent, ConsentPatch, ConsentRecord, TextDigest},
    facts::Demand,
    policy::By,
    text::Text,
    usage::Used,
};
use snug_store::{ConsentRow, ConsentWrite, StoreError, Unique, UserWrite};
use snug_wire::socket::Push;

use crate::{
    Core, Error, OnceKey, Result,
    authorize::{Allowed, Ask, decided},
    context::AppContext,
    paging::{Listed, PageAsk},
    publish::{Outcome, encode},
    sealing::{ConsentNote, Place},
};

/// What an app demands after `patch`.
pub(crate) fn patched_consent(
    app: &AppContext,
    patch: Option<&Option<ConsentPatch>>,
) -> Result<Option<Consent>, Invalid> {
    let current = app.consent.as_ref().map(|demand| &*demand.consent);
    match patch {
        None => Ok(current.cloned()),
        Some(None) => Ok(None),
        Some(Some(patch)) => patch.applied_to(current, sha256).map(Some),
    }
}

fn sha256(text: &Text) -> TextDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_str().as_bytes()).as_ref());
    TextDigest(bytes)
}

impl Core {
    /// Accepts the text that the app demands: a client for itself, a back end for anybody. The outcome is `repeated` where that was
    /// accepted before, and then what was kept of that. Of somebody whom nobody knew the row is made in the same commit.
    ///
    /// # Errors
    /// `Conflict` where the app demands none, or another text than this.
    pub async fn accept_consent(
        &self,
        actor: &Actor,
        user: &UserId,
        accepted: &Acceptance,
        once: Option<&OnceKey>,
    ) -> Result<Outcome<ConsentRecord>> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let other = actor.user().is_none().then_some(user);
        let ask = Ask::in_app(actor, Action::AcceptConsent { own }).perhaps_on(other).with_rows();
        decided!(self, ask.clone(), |allowed| self.accept_allowed(actor, &allowed, accepted, once))
    }

    async fn accept_allowed(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        accepted: &Acceptance,
        once: Option<&OnceKey>,
    ) -> Result<Outcome<ConsentRecord>> {
        let once = self.first_time(&allowed.permit, once).await?;
        let demand = allowed.app.consent.as_ref().filter(|demand| demand.consent.is_accepted_by(accepted));
        let mark = demand.ok_or(Error::Conflict("the app demands no consent to this text"))?.mark;
        let app = allowed.permit.app();
        let user = match actor {
            Actor::User(client) => client.user,
            Actor::Key(_) | Actor::System(_) => allowed.target()?.user.key,
        };
        // Its id is sealed first, for that makes the person's secret.
        let newcomer = self.newcomer(actor, allowed).await?;
        let note = ConsentNote { accepted: accepted.clone(), by: allowed.permit.by().clone() };
        let record = self.sealer.seal(&Place::consent(app, user, mark), &note).await?;
        let (is_new, at) = (newcomer.is_some(), self.clock.now());
        let write = ConsentWrite { user, newcomer, mark, record: record.clone(), at };
        let once = once.as_ref().map(|once| once.once);
        let row = match (self.store.accept_consent(&allowed.permit, write, once).await, actor) {
            // Another of its requests has made its row meanwhile.
            (Err(StoreError::Taken(Unique::User)), Actor::User(client)) => {
                self.is_written(&allowed.app, client).await?;
                return Err(Error::Stale);
            }
            (accepted, _) => accepted?,
        };
        self.consent_was_given(actor, &row, is_new).await?;
        let value = self.records(&allowed.permit, std::slice::from_ref(&row)).await?.pop();
        Ok(Outcome { value: value.ok_or(Error::NotFound)?, repeated: row.record != record, answered: false })
    }

    /// The row of a client that has none.
    async fn newcomer(&self, actor: &Actor, allowed: &Allowed) -> Result<Option<UserWrite>> {
        match (actor, &allowed.facts.user) {
            (Actor::User(client), Some(facts)) if !facts.is_stored() => {
                self.silent_row(&allowed.app, client).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// After a consent: what was known of the user is forgotten, and its sessions hear again what they missed, if they did.
    async fn consent_was_given(&self, actor: &Actor, row: &ConsentRow, is_new: bool) -> Result<()> {
        let app = actor.app();
        self.facts.forget_user(app, row.user);
        if let (Actor::User(client), true) = (actor, is_new) {
            self.count(app, &Used { users: 1, ..Used::default() });
            self.hub.bell.ring(app);
            self.keep_returns_of(client).await?;
        }
        let user = self.user_row(app, row.user, true).await?.ok_or(Error::NotFound)?;
        self.hub.directory.each_of_user(app, row.user, |session| {
            session.accepts(user.version, user.consented, Some(session.id()) == actor.session());
        });
        Ok(())
    }

    /// After a change of an app: those of its sessions that lack a consent without which they do not read hear nothing any more,
    /// but what they are to accept.
    pub(crate) fn withhold_from_who_lacks_consent(&self, app: &AppContext) -> Result<()> {
        let demanded = app.consent.as_ref().and_then(Demand::before_reading);
        let word = match (&app.consent, demanded) {
            (Some(demand), Some(_)) => {
                Some(encode(&Push::ConsentRequired { consent: (&*demand.consent).into() })?)
            }
            _ => None,
        };
        self.hub.directory.each_of_app(app.key(), |session| {
            session.demands(app.row.version, demanded, word.as_ref());
        });
        Ok(())
    }

    /// Whether a session that says `hello` is to hear anything, by what was decided about it.
    ///
    /// # Errors
    /// `Stale` where that was decided on what is not so any more.
    pub(crate) fn is_withheld(&self, session: &crate::hub::Session, allowed: &Allowed) -> Result<bool> {
        let demanded = allowed.app.consent.as_ref().and_then(Demand::before_reading);
        let user = allowed.facts.user.as_ref();
        let accepted = user.and_then(|user| user.consented);
        session.demands(allowed.app.row.version, demanded, None);
        let withheld = session.accepts(user.map_or(Version(0), |user| user.version), accepted, true);
        let decided = demanded.is_some() && demanded != accepted;
        if withheld == decided { Ok(withheld) } else { Err(Error::Stale) }
    }

    /// What a user has accepted.
    pub async fn list_consents(
        &self,
        actor: &Actor,
        user: &UserId,
        page: &PageAsk<'_>,
    ) -> Result<Listed<ConsentRecord>> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let ask = Ask::in_app(actor, Action::ListConsents { own }).on_visible(user, own);
        decided!(self, ask.clone(), |allowed| async {
            let user = match (allowed.target(), actor.user()) {
                // Of whom nothing is stored yet has accepted nothing.
                (Err(_), Some(_)) => return Ok(Listed::whole(Vec::new())),
                (target, _) => target?.user.key,
            };
            self.listed_consents(actor, &allowed, Some(user), page).await
        })
    }

    /// What everybody in the app has accepted.
    pub async fn list_all_consents(
        &self,
        actor: &Actor,
        page: &PageAsk<'_>,
    ) -> Result<Listed<ConsentRecord>> {
        let ask = Ask::in_app(actor, Action::ListAllConsents);
        decided!(self, ask.clone(), |allowed| self.listed_consents(actor, &allowed, None, page))
    }

    async fn listed_consents(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        user: Option<UserKey>,
        page: &PageAsk<'_>,
    ) -> Result<Listed<ConsentRecord>> {
        let from = self.open_page(actor, page).await?;
        let rows = self.store.list_consents(&allowed.permit, user, from).await?;
        let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key)).await?;
        let people = self.faces(actor.app(), rows.iter().map(|row| row.user)).await?.people();
        Ok(Listed { items: self.records(&allowed.permit, &rows).await?, next, people })
    }

    /// Opens records; of who was erased meanwhile there are none.
    pub(crate) async fn records(&self, permit: &Permit, rows: &[ConsentRow]) -> Result<Vec<ConsentRecord>> {
        let app = permit.app();
        let opener = self.sealer.opener(app, rows.iter().map(|row| &row.record)).await?;
        let faces = self.faces(app, rows.iter().map(|row| row.user)).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            let note = match opener.open(&Place::consent(app, row.user, row.mark), &row.record) {
                Err(error) if error.is_gone() => continue,
                opened => opened?,
            };
            let Some(user) = faces.id(row.user) else { continue };
            let by = match note.by {
                By::User(_) => AcceptedBy::User(user.clone()),
                By::Key(key) => AcceptedBy::Key(key),
                By::System => AcceptedBy::System,
            };
            records.push(ConsentRecord { user, accepted: note.accepted, at: row.at, by });
        }
        Ok(records)
    }
}
