//! `snug sign-message`: signs a message as a back end does, with a key's secret and nothing else. No store is opened.

use anyhow::{Result, ensure};
use snug_core::{
    clock::{Clock, SystemClock},
    sealing::Random,
    sign_message,
};
use snug_model::{
    AppId, ConversationId, UserId,
    ids::Seq,
    limits,
    messages::Content,
    signed::{Carrier, SignedMessage},
    text::{BotName, Text},
};

use super::given::credential;
use crate::cli::SignMessage;

pub(crate) fn run(sign: &SignMessage) -> Result<()> {
    let app = AppId::parse(&sign.app)?;
    let (key, secret) = credential(&sign.key)?;
    let life = limits::SIGNED_LIFE_S_MAX as i64;
    ensure!((1..=life).contains(&sign.ttl), "a signed message waits at least 1 and at most {life} seconds");
    let issued_at = SystemClock.now();
    let message = SignedMessage {
        carrier: Carrier::User(UserId::parse(&sign.user)?),
        conversation: sign.conversation.as_deref().map(ConversationId::parse).transpose()?,
        bot: BotName::parse(&sign.bot)?,
        content: Content { text: Some(Text::parse(&sign.text)?), ..Content::default() },
        issued_at,
        expires_at: issued_at.plus_s(sign.ttl),
        jti: Random.id_part()?.into(),
        after_seq: sign.after_seq.map(Seq),
    };
    println!("{}", sign_message(message, &key, app.as_str(), secret.expose())?.expose());
    Ok(())
}
