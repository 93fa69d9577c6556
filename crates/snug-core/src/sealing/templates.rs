//! What is inside a sealed template.

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    TemplateId,
    messages::Content,
    templates::TemplateDraft,
    text::{BotName, Text},
};

use super::plain::{Plain, attributes, laid_out, optional};

/// A template's id, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateBody {
    /// The id that the customer chose.
    pub id: TemplateId,
    /// What it says. It mentions nobody.
    pub says: TemplateDraft,
}

/// Of a template.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct TemplateLayout<'a> {
    #[b(0)]
    id: &'a str,
    #[b(1)]
    bot: &'a str,
    #[b(2)]
    text: Option<&'a str>,
    #[b(3)]
    attributes: Option<&'a str>,
    #[n(4)]
    repeat: Option<bool>,
}

impl Plain for TemplateBody {
    type Layout<'a> = TemplateLayout<'a>;

    fn layout(&self) -> TemplateLayout<'_> {
        let TemplateDraft { bot, content, repeat } = &self.says;
        TemplateLayout {
            id: self.id.as_str(),
            bot: bot.as_str(),
            text: content.text.as_ref().map(Text::as_str),
            attributes: laid_out(&content.attributes),
            repeat: repeat.then_some(true),
        }
    }

    fn from_layout(layout: TemplateLayout<'_>) -> Option<Self> {
        let content = Content {
            text: optional(layout.text, |text| Text::parse(text).ok())?,
            attributes: attributes(layout.attributes),
            mentions: Vec::new(),
        };
        Some(Self {
            id: TemplateId::parse(layout.id).ok()?,
            says: TemplateDraft {
                bot: BotName::parse(layout.bot).ok()?,
                content,
                repeat: layout.repeat.unwrap_or(false),
            },
        })
    }
}
