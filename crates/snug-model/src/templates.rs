//! Templates: what a bot may say on pages that cannot sign, written by a back end beforehand.

use crate::{
    ids::{MessageId, TemplateId},
    messages::Content,
    text::BotName,
    time::Timestamp,
};

/// A template as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The id that the customer chose.
    pub id: TemplateId,
    /// What it says, and how often.
    pub says: TemplateDraft,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// What a template is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateDraft {
    /// Who says it.
    pub bot: BotName,
    /// What it says. It mentions nobody.
    pub content: Content,
    /// Whether it may appear in a conversation more than once.
    pub repeat: bool,
}

/// A use of a template by a page.
#[derive(Debug, Clone, Copy)]
pub struct TemplateUse<'a> {
    /// The template.
    pub id: &'a TemplateId,
    /// What the page calls the message, where the template may appear more than once.
    pub message: Option<MessageId>,
}
