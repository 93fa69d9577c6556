//! Messages that a back end has signed, and that an untrusted page carries to where they are shown.
//!
//! The signature covers all that is shown and all that decides: who carries it, where to, and how long. So the page can
//! change nothing, and bring it nowhere else. The message's id comes of what names the token, and the store keeps ids: the
//! same token again answers with the same message for ever, without a memory of tokens.

use snug_model::{
    Action, Actor, ConversationId, Invalid, KeyId, UserActor, Voucher,
    keys::Scope,
    limits,
    messages::{Author, Draft, Message},
    secret::SecretText,
    signatures::Algorithm,
    signed::{Carrier, SignedMessage},
};
use snug_wire::{
    json,
    signed::{SIGNED_MESSAGE, SignedClaims},
};

use crate::{
    Core, Error, Result,
    authorize::{Ask, Carries, Decision, decided},
    carry,
    context::AppContext,
    jws::{self, Unverified, VerifyingKey},
    publish::{Asked, Outcome},
};

/// A signed message, verified, and what signed it.
struct Verified {
    message: SignedMessage,
    signer: Voucher,
}

impl Core {
    /// Has a signed message appear in `conversation`, or in the client's support conversation, which is made where it does
    /// not exist. The same token again answers with the message as it is now, also after its end.
    ///
    /// # Errors
    /// `Invalid`, which does not say why, for a token that no back end of this app signed for this page and place, or that
    /// has ended before its message appeared; `Conflict` where the conversation has gone beyond its `after_seq`.
    pub async fn send_signed(
        &self,
        actor: &Actor,
        conversation: Option<&ConversationId>,
        jws: &str,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let Actor::User(client) = actor else { return Err(Error::Forbidden(crate::Missing::Actor)) };
        let sent = self.carry_signed(actor, client, conversation, jws, asked).await;
        self.pay_if_refused(actor, sent).await
    }

    async fn carry_signed(
        &self,
        actor: &Actor,
        client: &UserActor,
        conversation: Option<&ConversationId>,
        jws: &str,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let app = self.authorize(&mut Decision::new(Ask::in_app(actor, Action::BringMessage))).await?.app;
        let me = self.own_id(actor).await?.ok_or(Error::Unauthenticated)?;
        let Verified { message, signer } = self.verify_signed(&app, jws).await?.ok_or_else(refused)?;
        let carried = match &message.carrier {
            Carrier::User(user) => *user == me,
            Carrier::Session(session) => self.has_session(client, session.as_str()),
        };
        if !carried || message.conversation.as_ref() != conversation {
            return Err(refused());
        }
        let ended = self.clock.now() >= message.expires_at;
        let carries = Carries::Signed(&signer);
        // None is opened for what cannot appear any more.
        let conversation = self.carried_to(actor, client, conversation, carries, !ended).await?;
        let conversation = conversation.ok_or_else(refused)?;
        let macs = self.keyed(app.key()).await?;
        let draft = Draft {
            id: carry::message_id(macs.macs.signed_message(signer.kid(), &message.jti)),
            author: Author::Carried { bot: message.bot, after_seq: message.after_seq },
            content: message.content,
            reply_to: None,
            silent: false,
        };
        let ask = Ask {
            carries: Some(carries),
            ..Ask::in_conversation(actor, Action::CarryMessage, &conversation)
        };
        let outcome = decided!(self, ask.clone(), |allowed| async {
            if ended && self.store.message(&allowed.permit, draft.id).await?.is_none() {
                return Err(refused());
            }
            self.carry_allowed(actor, &allowed, &draft, asked).await
        });
        outcome.map_err(|error| match error {
            Error::Conflict(_) => Error::Conflict("the conversation has moved on since it was signed"),
            error => error,
        })
    }

    /// A signed message of this app; none where anything about it is wrong.
    async fn verify_signed(&self, app: &AppContext, jws: &str) -> Result<Option<Verified>> {
        let Some(token) = Unverified::read(jws).filter(|token| token.is_typed(SIGNED_MESSAGE)) else {
            return Ok(None);
        };
        let Some(id) = token.kid().and_then(|kid| KeyId::parse(kid).ok()) else { return Ok(None) };
        let (signer, payload) = match token.algorithm() {
            Algorithm::Hs256 => {
                let row = self.key_row(&id, false).await?;
                let row = row.filter(|row| row.app == app.key() && row.scopes.has(Scope::BotMessages));
                let Some(row) = row else { return Ok(None) };
                let secret = self.key_secret(&row).await?;
                let key = VerifyingKey::secret(Algorithm::Hs256, secret.expose().as_bytes());
                (Voucher::ApiKey(id), key.and_then(|key| token.verify(&key)))
            }
            Algorithm::Es256 | Algorithm::EdDsa => {
                let row = self.token_key_row(&id, false).await?;
                let row = row.filter(|row| row.app == app.key() && row.scopes.has(Scope::BotMessages));
                let Some(row) = row else { return Ok(None) };
                (Voucher::TokenKey(id), token.verify(&*self.public_key(&row).await?))
            }
            _ => return Ok(None),
        };
        let claims = payload.and_then(|payload| json::parse::<SignedClaims>(payload).ok());
        let message = claims.and_then(|claims| claims.into_message(app.id().as_str()).ok());
        let latest = self.clock.now().plus_s(limits::TOKEN_FUTURE_S_MAX as i64);
        let message = message.filter(|message| message.issued_at <= latest);
        Ok(message.map(|message| Verified { message, signer }))
    }

    /// Whether a session is the client's own, and open.
    fn has_session(&self, client: &UserActor, session: &str) -> bool {
        let mut has = false;
        self.hub.directory.each_of_user(client.app, client.user, |open| has |= open.id().as_str() == session);
        has
    }
}

/// The one refusal of a signed message: whoever tries learns nothing.
fn refused() -> Error {
    Invalid::new(
        "jws",
        "is no message that a back end of this app signed for this page and place, or has ended",
    )
    .into()
}

/// Signs a message with a key's secret, as back ends do: HS256, keyed with its ASCII.
///
/// # Errors
/// `Internal` where the claims cannot be encoded.
pub fn sign_message(message: SignedMessage, key: &KeyId, app: &str, secret: &str) -> Result<SecretText> {
    let claims = json::print(&SignedClaims::new(message, app)).map_err(Error::internal)?;
    Ok(SecretText::new(jws::sign_hs256(SIGNED_MESSAGE, key.as_str(), &claims, secret.as_bytes())))
}
