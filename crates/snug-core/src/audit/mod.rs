//! The audit: what operators and keys did, and what clients did to others, entered in the commit of the act and chained.

mod enter;
mod lines;
mod noted;
mod refusals;
mod verify;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use snug_model::{
    Action, Actor, AppKey, ConversationId, Permit, UserId,
    audit::{Act, AuditAsk, Entered, Entry, Head, ShownTarget},
    policy::By,
    sanctions::SanctionedBy,
};
use snug_store::{AuditFilter, AuditRow, ConversationRef, Sealed, UserRef, Viewer, chain};

pub(crate) use self::{
    noted::{About, Noted},
    refusals::Refusals,
};
use crate::{
    Core, Error, Result,
    authorize::{Ask, Decision, decided},
    paging::{Listed, PageAsk},
    people::{Faces, People},
    sealing::{AuditNote, AuditOrigin, OpenError, Opener, Place},
};
pub use lines::{head_line, read_heads};
pub use verify::{AuditFault, Verified, verify};

impl Core {
    /// Entries of the actor's app, or of the installation, by their places.
    pub async fn list_audit(
        &self,
        actor: &Actor,
        asked: &AuditAsk,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Entered>> {
        let ask = Ask::in_app(actor, Action::ReadAudit);
        if actor.app() == AppKey::INSTALLATION {
            let permit = self.installation_permit(&ask).await?;
            return self.listed_audit(actor, &permit, asked, page).await;
        }
        decided!(self, ask.clone(), |allowed| self.listed_audit(actor, &allowed.permit, asked, page))
    }

    async fn listed_audit(
        &self,
        actor: &Actor,
        permit: &Permit,
        asked: &AuditAsk,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Entered>> {
        let from = self.open_page(actor, page).await?;
        let Some(filter) = self.audit_filter(permit.app(), asked).await? else {
            return Ok(Listed::whole(Vec::new()));
        };
        let rows = self.store.list_audit(permit, filter, from).await?;
        let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.n)).await?;
        Ok(Listed { items: self.show_entries(permit.app(), rows).await?, next, people: People::new() })
    }

    /// The filter in rows; none where it names somebody, or a conversation, whom nobody knows, so that nothing can match.
    async fn audit_filter(&self, app: AppKey, asked: &AuditAsk) -> Result<Option<AuditFilter>> {
        let keyed = self.keyed(app).await?;
        let user = async |id: &Option<UserId>| {
            let Some(id) = id else { return Ok(Some(None)) };
            let row = self.store.user(app, UserRef::Id(keyed.macs.user_id(id))).await?;
            // Nobody finds by an id what was done to who was erased.
            Ok::<_, Error>(row.filter(|row| row.erased_at.is_none()).map(|row| Some(row.key)))
        };
        let conversation = match &asked.conversation {
            None => Some(None),
            Some(id) => {
                let id = ConversationRef::Id(keyed.macs.conversation_id(id));
                let found = self.store.conversation(app, id, Viewer::Anyone).await?;
                found.map(|found| Some(found.conversation.key))
            }
        };
        let (Some(by_user), Some(user), Some(conversation)) =
            (user(&asked.by_user).await?, user(&asked.user).await?, conversation)
        else {
            return Ok(None);
        };
        Ok(Some(AuditFilter {
            act: asked.act,
            by_key: asked.by_key.clone(),
            by_user,
            user,
            conversation,
            since: asked.since,
            until: asked.until,
        }))
    }

    async fn show_entries(&self, app: AppKey, rows: Vec<AuditRow>) -> Result<Vec<Entered>> {
        let sealed: Vec<(Option<Sealed>, Sealed)> = rows
            .iter()
            .map(|row| (row.entry.origin.clone().map(Sealed), Sealed(row.entry.note.clone())))
            .collect();
        let all = sealed.iter().flat_map(|(origin, note)| origin.iter().chain([note]));
        let opener = self.sealer.opener(app, all).await?;
        let actors = rows.iter().filter_map(|row| match row.entry.by {
            By::User(user) => Some(user),
            By::Key(_) | By::System => None,
        });
        let faces = self.faces(app, actors).await?;
        rows.iter()
            .zip(&sealed)
            .map(|(row, (origin, note))| show(app, &opener, &faces, row, origin.as_ref(), note))
            .collect()
    }

    /// Enters that something is begun which is no act on the store: an export, before anything of it is read, or a replacement of keys.
    pub async fn enter_begun(&self, actor: &Actor, action: Action, act: Act) -> Result<()> {
        let ask = Ask::in_app(actor, action).noted(Noted::of(act));
        if actor.app() == AppKey::INSTALLATION {
            return Ok(self.store.enter(&self.installation_permit(&ask).await?).await?);
        }
        decided!(self, ask.clone(), |allowed| async {
            Ok::<_, Error>(self.store.enter(&allowed.permit).await?)
        })
    }

    /// Enters that the export of a conversation is begun, before anything of it is read.
    pub async fn enter_transcript(&self, actor: &Actor, conversation: &ConversationId) -> Result<()> {
        let ask = Ask::in_conversation(actor, Action::ExportConversation, conversation);
        let ask = ask.noted(Noted::of(Act::ExportConversation));
        decided!(self, ask.clone(), |allowed| async {
            Ok::<_, Error>(self.store.enter(&allowed.permit).await?)
        })
    }

    /// Enters that the export of a user is begun, before anything of it is read.
    pub async fn enter_export_of(&self, actor: &Actor, user: &UserId) -> Result<()> {
        let ask = Ask::in_app(actor, Action::ExportUser).on(user).noted(Noted::of(Act::ExportUser));
        decided!(self, ask.clone(), |allowed| async {
            allowed.target()?;
            Ok::<_, Error>(self.store.enter(&allowed.permit).await?)
        })
    }

    /// Where the chain of the actor's app, or of the installation, ends now, signed.
    pub async fn audit_head(&self, actor: &Actor) -> Result<Head> {
        let ask = Ask::in_app(actor, Action::ReadAudit);
        if actor.app() == AppKey::INSTALLATION {
            let permit = self.installation_permit(&ask).await?;
            return self.signed_head(&permit, None).await;
        }
        let allowed = self.authorize(&mut Decision::new(ask.with_rows())).await?;
        self.signed_head(&allowed.permit, Some(allowed.app.id().clone())).await
    }

    async fn signed_head(&self, permit: &Permit, app: Option<snug_model::AppId>) -> Result<Head> {
        let end = self.store.audit_end(permit).await?;
        let keyed = self.keyed(permit.app()).await?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&keyed.auditor.0).map_err(Error::internal)?;
        let (mut key, mut signature) = ([0; 32], [0; 64]);
        key.copy_from_slice(pair.public_key().as_ref());
        let (n, hash, at) = (end.n, end.hash, self.clock.now());
        signature.copy_from_slice(pair.sign(verify::signed(app.as_ref(), n, &hash, at).as_bytes()).as_ref());
        Ok(Head { app, n, hash, at, key, signature })
    }
}

fn show(
    app: AppKey,
    opener: &Opener,
    faces: &Faces,
    row: &AuditRow,
    origin: Option<&Sealed>,
    note: &Sealed,
) -> Result<Entered> {
    let AuditRow { n, entry, hash } = row;
    let Entry { id, at, by, act, target, outcome, count, .. } = entry;
    let (actor, by) = match by {
        By::User(user) => (Some(*user), SanctionedBy::User(faces.id(*user))),
        By::Key(key) => (None, SanctionedBy::Key(key.clone())),
        By::System => (None, SanctionedBy::System),
    };
    let origin = match origin {
        Some(sealed) => {
            unless_erased(opener.open(&Place::<AuditOrigin>::audit_origin(app, *id, actor), sealed))?
        }
        None => None,
    };
    let place = Place::<AuditNote>::audit_note(app, *id, *act, target);
    let note = unless_erased(opener.open(&place, note))?;
    let (called, details) = match note {
        Some(note) => ((note.user, note.conversation, note.name), Some(note.details)),
        None => Default::default(),
    };
    let (user, conversation, name) = called;
    Ok(Entered {
        n: *n,
        at: *at,
        by,
        address: origin.map(|origin| origin.address),
        act: *act,
        target: ShownTarget { kind: target.kind(), id: target.id(), user, conversation, name },
        outcome: *outcome,
        count: *count,
        details,
        hidden: chain::hidden(entry),
        hash: *hash,
    })
}

/// What was opened; nothing where the secret that it needs was destroyed.
fn unless_erased<T>(opened: Result<T, OpenError>) -> Result<Option<T>> {
    match opened {
        Err(error) if error.is_gone() => Ok(None),
        opened => Ok(Some(opened?)),
    }
}
