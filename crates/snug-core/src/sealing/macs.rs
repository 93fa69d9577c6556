//! Keyed MACs: for what must be found or compared, and not read.
//!
//! HMAC-SHA256, with a key of its own for each use. A plain digest would do for nothing here: ids are emails, reactions are
//! a few thousand emoji, and whoever reads the store could try them all. The keys come from the app's secret. What tells
//! something of a message has one of the message's own secrets in it too, or erasing and retention would leave a way to try what it said.

use aws_lc_rs::{error::Unspecified, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_model::{
    Actor, ConversationId, ConversationKey, MessageId, TemplateId, UserId, UserKey,
    consents::{Consent, ConsentText},
    facts::{ConsentMark, IdMac},
    messages::{Author, Draft},
    permissions::Scope,
    secret::Secret32,
    text::{Emoji, RoleName},
};
use snug_store::Mac;

use super::{derive::key_of_one, fields::Fields};

/// The MACs of one app; equal things of two apps have different ones.
pub struct Macs {
    user_id: hmac::Key,
    conversation_id: hmac::Key,
    alias: hmac::Key,
    role_name: hmac::Key,
    template_id: hmac::Key,
    draft: hmac::Key,
    emoji: hmac::Key,
    members: hmac::Key,
    jti: hmac::Key,
    event_id: hmac::Key,
    consent: hmac::Key,
    once_scope: hmac::Key,
    once_body: hmac::Key,
}

impl Macs {
    pub(super) fn new(secret: &Secret32) -> Result<Self, Unspecified> {
        let key = |purpose: &str| -> Result<hmac::Key, Unspecified> {
            let key = key_of_one(secret, format!("snug.mac.{purpose}.1").as_bytes())?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &key.0))
        };
        Ok(Self {
            user_id: key("user_id")?,
            conversation_id: key("conversation_id")?,
            alias: key("alias")?,
            role_name: key("role_name")?,
            template_id: key("template_id")?,
            draft: key("draft")?,
            emoji: key("emoji")?,
            members: key("members")?,
            jti: key("jti")?,
            event_id: key("event_id")?,
            consent: key("consent")?,
            once_scope: key("once_scope")?,
            once_body: key("once_body")?,
        })
    }

    /// A user's id, to be found by.
    pub fn user_id(&self, id: &UserId) -> IdMac {
        IdMac(sign(&self.user_id, id.as_str().as_bytes()))
    }

    /// A conversation's id, to be found by.
    pub fn conversation_id(&self, id: &ConversationId) -> IdMac {
        IdMac(sign(&self.conversation_id, id.as_str().as_bytes()))
    }

    /// A conversation's alias, to be found by.
    pub fn alias(&self, alias: &ConversationId) -> IdMac {
        IdMac(sign(&self.alias, alias.as_str().as_bytes()))
    }

    /// A role's name, to be found by.
    pub fn role_name(&self, scope: Scope, name: &RoleName) -> Mac {
        let scope = match scope {
            Scope::App => 1,
            Scope::Conversation => 2,
        };
        Mac(sign(&self.role_name, Fields::new("role").byte(scope).text(name.as_str())))
    }

    /// All that the sender of a message said, before anything was made of it: equal for a repeat, and only for that. `author` is
    /// the secret that is the message's first lock.
    pub(super) fn draft(&self, author: &Secret32, conversation: ConversationKey, draft: &Draft) -> Mac {
        let fields = Fields::new("draft").int(conversation.0).bytes(draft.id.as_bytes());
        let fields = match &draft.author {
            Author::Own => fields.byte(1),
            Author::User(user) => fields.byte(2).text(user.as_str()),
            Author::Bot(name) => fields.byte(3).text(name.as_str()),
            Author::Carried { bot, after_seq } => {
                fields.byte(4).text(bot.as_str()).int(after_seq.map_or(-1, |seq| seq.0))
            }
            // What its page says is which template, and no more.
            Author::Template { template, .. } => {
                let fields = fields.byte(5).text(template.as_str());
                return Mac(sign_both(&self.draft, &author.0, fields.as_ref()));
            }
        };
        let content = &draft.content;
        let fields = fields
            .optional(content.text.as_ref().map(|text| text.as_str().as_bytes()))
            .text(content.attributes.as_json())
            .optional(draft.reply_to.as_ref().map(|id| id.as_bytes().as_slice()))
            .byte(draft.silent.into())
            .int(content.mentions.len() as i64);
        let fields = content.mentions.iter().fold(fields, |fields, user| fields.text(user.as_str()));
        Mac(sign_both(&self.draft, &author.0, fields.as_ref()))
    }

    /// An emoji on a message, whoever uses it; `day` is the secret of the message's day. On another message it is another
    /// one, so that the store does not show who likes what they like.
    pub(super) fn emoji(
        &self,
        day: &Secret32,
        conversation: ConversationKey,
        message: MessageId,
        emoji: &Emoji,
    ) -> Mac {
        let fields = Fields::new("emoji").int(conversation.0).bytes(message.as_bytes()).text(emoji.as_str());
        Mac(sign_both(&self.emoji, &day.0, fields.as_ref()))
    }

    /// A set of members, in whatever order they are named, and however often.
    pub fn members(&self, users: &[UserKey]) -> Mac {
        let mut users = users.to_vec();
        users.sort_unstable();
        users.dedup();
        Mac(sign(&self.members, users.iter().fold(Fields::new("members"), |fields, user| fields.int(user.0))))
    }

    /// What the id of a user's support conversation is made of.
    pub fn support(&self, user: UserKey) -> Mac {
        Mac(sign(&self.members, Fields::new("support").int(user.0)))
    }

    /// What the id of a signed message is made of: what names its token.
    pub fn signed_message(&self, kid: &str, jti: &str) -> Mac {
        Mac(sign(&self.jti, Fields::new("signed message").text(kid).text(jti)))
    }

    /// What the id of a template's message is made of, where the template appears in a conversation once.
    pub fn template_message(&self, template: &TemplateId, conversation: ConversationKey) -> Mac {
        let fields = Fields::new("template message").text(template.as_str()).int(conversation.0);
        Mac(sign(&self.jti, fields))
    }

    /// A template's id, to be found by.
    pub fn template_id(&self, id: &TemplateId) -> IdMac {
        IdMac(sign(&self.template_id, id.as_str().as_bytes()))
    }

    /// An event's id: equal for the same event for ever, and nothing in it of where it stands.
    pub fn event_id(&self, event: i64, offset: i64) -> String {
        let mac = sign(&self.event_id, Fields::new("event").int(event).int(offset));
        format!("evt_{}", URL_SAFE_NO_PAD.encode(&mac[..16]))
    }

    /// A token's own id.
    pub fn jti(&self, jti: &str) -> Mac {
        Mac(sign(&self.jti, jti.as_bytes()))
    }

    /// What is accepted by who accepts a text: id, version, and the digest of each language, in whatever order they stand.
    pub fn consent(&self, consent: &Consent) -> ConsentMark {
        let mut texts: Vec<&ConsentText> = consent.texts.iter().collect();
        texts.sort_unstable_by_key(|text| &text.locale);
        let fields = Fields::new("consent").text(consent.id.as_str()).text(consent.version.as_str());
        let each =
            |fields: Fields, text: &&ConsentText| fields.text(text.locale.as_str()).bytes(&text.digest.0);
        ConsentMark(sign(&self.consent, texts.iter().fold(fields, each)))
    }

    /// What an `Idempotency-Key` is unique in: credential, method and path. A user's tokens are one credential.
    pub fn once_scope(&self, actor: &Actor, method: &str, path: &str, key: &str) -> Mac {
        let fields = actor_fields(Fields::new("once"), actor).text(method).text(path).text(key);
        Mac(sign(&self.once_scope, fields))
    }

    /// The body that came with an `Idempotency-Key`.
    pub fn once_body(&self, scope: Mac, body: &[u8]) -> Mac {
        Mac(sign_both(&self.once_body, &scope.0, body))
    }
}

/// Who acts, as far as it matters to whom something was given.
pub(super) fn actor_fields(fields: Fields, actor: &Actor) -> Fields {
    match actor {
        Actor::Key(key) => fields.byte(1).text(key.key.as_str()),
        Actor::User(user) => fields.byte(2).int(user.user.0),
        Actor::System(_) => fields.byte(3),
    }
}

/// What the server's function makes of a vector of HMAC-SHA256.
#[cfg(feature = "controls")]
pub(super) fn signed(key: &[u8], data: &[u8]) -> [u8; 32] {
    sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data)
}

fn sign(key: &hmac::Key, data: impl AsRef<[u8]>) -> [u8; 32] {
    bytes(&hmac::sign(key, data.as_ref()))
}

/// Signs 32 bytes and what follows them. Where the first are a secret, whoever lacks it can try nothing, key or not: it is what
/// HKDF does with a secret and a salt that everybody knows.
fn sign_both(key: &hmac::Key, first: &[u8; 32], then: &[u8]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(first);
    context.update(then);
    bytes(&context.sign())
}

fn bytes(tag: &hmac::Tag) -> [u8; 32] {
    // HMAC-SHA256 has 32 bytes.
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}
