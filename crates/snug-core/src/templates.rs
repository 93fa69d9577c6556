//! Templates: what a bot may say on pages that cannot sign. A back end writes them, and a client's page has one appear.

use snug_model::{
    Action, Actor, ConversationId, Invalid, TemplateId, TemplateKey, UserActor, Version,
    audit::Act,
    messages::{Author, Draft, Message},
    templates::{Template, TemplateDraft, TemplateUse},
};
use snug_store::{StoreError, TemplateRow, Unique};

use crate::{
    Core, Error, Result,
    audit::{About, Noted},
    authorize::{Allowed, Ask, Carries, decided},
    carry,
    context::AppContext,
    paging::{Listed, PageAsk},
    publish::{Asked, Outcome},
    sealing::{Place, TemplateBody},
};

impl Core {
    /// Makes a template, or replaces the one of that id. The outcome is `repeated` where it was there. What has appeared of it
    /// stays as it is; what it said before appears no more once this returns.
    ///
    /// # Errors
    /// `Invalid` where the app has as many as it may.
    pub async fn put_template(
        &self,
        actor: &Actor,
        id: &TemplateId,
        draft: &TemplateDraft,
    ) -> Result<Outcome<Template>> {
        let noted = Noted::about(About::Template).named(id.as_str());
        decided!(self, Ask::in_app(actor, Action::EditTemplate).noted(noted.clone()), |allowed| async {
            let app = allowed.permit.app();
            let (now, before) = (self.clock.now(), self.template_row(&allowed.app, id).await?);
            let key = match &before {
                Some(row) => row.key,
                None => TemplateKey(self.store.reserve(1).await?.start),
            };
            let version = Version(before.as_ref().map_or(0, |row| row.version.0) + 1);
            let body = TemplateBody { id: id.clone(), says: draft.clone() };
            let row = TemplateRow {
                key,
                id_mac: self.keyed(app).await?.macs.template_id(id),
                body: self.sealer.seal(&Place::template(app, key, version.0), &body).await?,
                created_at: before.as_ref().map_or(now, |row| row.created_at),
                updated_at: now,
                version,
            };
            let shown = show(&row, body);
            match self.store.put_template(&allowed.permit, row).await {
                // Somebody else has written it meanwhile: look again.
                Err(StoreError::Taken(Unique::Template) | StoreError::Changed) => Err(Error::Stale),
                Err(error) => Err(error.into()),
                Ok(new) => Ok(Outcome { value: shown, repeated: !new, answered: false }),
            }
        })
    }

    /// The app's templates.
    pub async fn list_templates(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<Template>> {
        decided!(self, Ask::in_app(actor, Action::ListTemplates), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_templates(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key.0)).await?;
            let app = allowed.permit.app();
            let opener = self.sealer.opener(app, rows.iter().map(|row| &row.body)).await?;
            let shown = |row: &TemplateRow| {
                Ok(show(row, opener.open(&Place::template(app, row.key, row.version.0), &row.body)?))
            };
            Ok(Listed { next, ..Listed::whole(rows.iter().map(shown).collect::<Result<_>>()?) })
        })
    }

    /// One of the app's templates.
    pub async fn template(&self, actor: &Actor, id: &TemplateId) -> Result<Template> {
        decided!(self, Ask::in_app(actor, Action::ListTemplates), |allowed| async {
            let row = self.template_row(&allowed.app, id).await?.ok_or(Error::NotFound)?;
            Ok(show(&row, self.template_body(&allowed.app, &row).await?))
        })
    }

    /// Deletes a template: it appears no more once this returns, and what has appeared of it stays. One that is not there is as
    /// it should be.
    pub async fn delete_template(&self, actor: &Actor, id: &TemplateId) -> Result<()> {
        let noted = Noted::of(Act::DeleteTemplate).to(About::Template).named(id.as_str());
        decided!(self, Ask::in_app(actor, Action::EditTemplate).noted(noted.clone()), |allowed| async {
            let id = self.keyed(allowed.permit.app()).await?.macs.template_id(id);
            Ok(self.store.delete_template(&allowed.permit, id).await?)
        })
    }

    /// Has a template appear in `conversation`, or in the client's support conversation, which is made where it does not
    /// exist. One that appears once answers with the message that is there, whatever the template says by now; so does one that
    /// may repeat, for the same `message`.
    ///
    /// # Errors
    /// `NotFound` for a template that is not there; `Invalid` where it may repeat, and the page does not name the message.
    pub async fn send_template(
        &self,
        actor: &Actor,
        conversation: Option<&ConversationId>,
        template: TemplateUse<'_>,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let Actor::User(client) = actor else { return Err(Error::Forbidden(crate::Missing::Actor)) };
        let sent = self.carry_template(actor, client, conversation, template, asked).await;
        self.pay_if_refused(actor, sent).await
    }

    async fn carry_template(
        &self,
        actor: &Actor,
        client: &UserActor,
        conversation: Option<&ConversationId>,
        template: TemplateUse<'_>,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let carries = Carries::Template(template.id);
        let conversation = self.carried_to(actor, client, conversation, carries, true).await?;
        let conversation = conversation.ok_or(Error::NotFound)?;
        let ask = Ask {
            carries: Some(carries),
            ..Ask::in_conversation(actor, Action::CarryMessage, &conversation)
        };
        decided!(self, ask.clone(), |allowed| async {
            let draft = self.draft_of(&allowed, template).await?;
            self.carry_allowed(actor, &allowed, &draft, asked).await
        })
    }

    /// What a template is to say where the client has it appear.
    async fn draft_of(&self, allowed: &Allowed, used: TemplateUse<'_>) -> Result<Draft> {
        let row = allowed.template.as_ref().ok_or(Error::NotFound)?;
        let TemplateDraft { bot, content, repeat } = self.template_body(&allowed.app, row).await?.says;
        let id = match (repeat, used.message) {
            (true, Some(message)) => message,
            (true, None) => return Err(Invalid::new("id", "must be there: the template may repeat").into()),
            (false, _) => {
                let conversation = allowed.conversation()?.key;
                let macs = self.keyed(allowed.permit.app()).await?;
                carry::message_id(macs.macs.template_message(used.id, conversation))
            }
        };
        let author = Author::Template { template: used.id.clone(), bot };
        Ok(Draft { id, author, content, reply_to: None, silent: false })
    }

    /// A template's row, as it is now.
    pub(crate) async fn template_row(
        &self,
        app: &AppContext,
        id: &TemplateId,
    ) -> Result<Option<TemplateRow>> {
        let id = self.keyed(app.key()).await?.macs.template_id(id);
        Ok(self.store.template(app.key(), id).await?)
    }

    async fn template_body(&self, app: &AppContext, row: &TemplateRow) -> Result<TemplateBody> {
        let place = Place::template(app.key(), row.key, row.version.0);
        Ok(self.sealer.open_one(&place, &row.body).await?)
    }
}

fn show(row: &TemplateRow, body: TemplateBody) -> Template {
    Template { id: body.id, says: body.says, created_at: row.created_at, updated_at: row.updated_at }
}
