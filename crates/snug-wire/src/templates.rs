//! Templates: what a bot may say on pages that cannot sign.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, messages::Content, templates as model};
use utoipa::ToSchema;

use crate::{
    attributes::Attributes,
    ids::{ConversationId, MessageId, TemplateId},
    json::present,
    text::{BotName, Text},
    time::Time,
};

/// A template: what a page that cannot sign may have a bot say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// The bot's name.
    pub bot: BotName,
    /// The text; null where it has none.
    #[schema(required = true)]
    pub text: Option<Text>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// Whether it may appear in a conversation more than once.
    pub repeat: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last written.
    pub updated_at: Time,
}

/// Makes or replaces a template, whose id is in the path. What has appeared of it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateDraft {
    /// The bot's name.
    pub bot: BotName,
    /// The text. It or `attributes` must be there.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Text, required = false)]
    pub text: Option<Text>,
    /// What the customer keeps.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Attributes, required = false)]
    pub attributes: Option<Attributes>,
    /// Whether it may appear in a conversation more than once. Otherwise it appears once, whoever has it appear.
    #[serde(default)]
    pub repeat: bool,
}

/// Has a template appear.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    /// What the page calls the message, where the template may appear more than once: the same `id` again is the same
    /// message. Where it appears once, its message has an id of its own, and this is passed over.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MessageId, required = false)]
    pub id: Option<MessageId>,
}

/// `send_template`: has a template appear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendTemplateRequest {
    /// Where; one's support conversation where it is left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConversationId, required = false)]
    pub conversation: Option<ConversationId>,
    /// Which template.
    pub template: TemplateId,
    /// What the page calls the message, where the template may appear more than once: the same `id` again is the same
    /// message. Where it appears once, its message has an id of its own, and this is passed over.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MessageId, required = false)]
    pub id: Option<MessageId>,
}

impl TryFrom<TemplateDraft> for model::TemplateDraft {
    type Error = Invalid;

    /// # Errors
    /// `Invalid` where it would say nothing.
    fn try_from(draft: TemplateDraft) -> Result<Self, Invalid> {
        if draft.text.is_none() && draft.attributes.is_none() {
            return Err(Invalid::new("text", "or `attributes` must be there"));
        }
        let content = Content {
            text: draft.text.map(Into::into),
            attributes: draft.attributes.map(|attributes| attributes.0).unwrap_or_default(),
            mentions: Vec::new(),
        };
        Ok(Self { bot: draft.bot.into(), content, repeat: draft.repeat })
    }
}

impl From<model::Template> for Template {
    fn from(template: model::Template) -> Self {
        let model::TemplateDraft { bot, content, repeat } = template.says;
        Self {
            id: template.id.into(),
            bot: bot.into(),
            text: content.text.map(Into::into),
            attributes: content.attributes.into(),
            repeat,
            created_at: template.created_at.into(),
            updated_at: template.updated_at.into(),
        }
    }
}
