//! A transcript as a page (HTML), for people who read it: whatever was written in it is text, it runs nothing, and loads nothing.

use maud::{DOCTYPE, PreEscaped, html};
use snug_core::AsOf;
use snug_wire::{
    messages::{Message, Sender},
    people::People,
};

use super::{Format, Source};
use crate::call::Failure;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
article{padding:.75rem 0;border-top:1px solid #ddd}header{color:#555;font-size:.875rem}header b{color:#1a1a1a;margin-right:.5rem}\
p{margin:.25rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}ul{list-style:none;margin:.25rem 0 0;padding:0;display:flex;gap:.75rem}\
.note{color:#555;font-style:italic}footer{margin-top:2rem;color:#555}";
/// What the page may do: nothing but to have this style.
const POLICY: &str = "default-src 'none'; style-src 'sha256-msJkYxb5oh6NbbEcZ/oYoRBEPjuZ7HqXipzTI4/OE3s='";

/// An article for each message.
#[derive(Default)]
pub(super) struct HtmlPage {
    count: u64,
}

impl HtmlPage {
    pub(super) const MEDIA_TYPE: &str = "text/html; charset=utf-8";
    pub(super) const FILE: &str = "attachment; filename=\"transcript.html\"";
}

impl Format for HtmlPage {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let head = html! {
            (DOCTYPE)
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width";
            title { "Transcript" }
            style { (PreEscaped(STYLE)) }
            h1 { "Transcript" }
        };
        out.extend(head.into_string().into_bytes());
        Ok(())
    }

    fn message(&mut self, message: Message, people: &People, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.count += 1;
        let (from, note) = match &message.sender {
            Sender::User { user: None } => ("somebody who was erased".to_owned(), None),
            Sender::User { user: Some(user) } => {
                let name = people.0.get(user).and_then(|person| person.name.as_ref());
                (
                    name.map_or(user.as_str(), |name| name.as_str()).to_owned(),
                    name.map(|_| user.as_str().to_owned()),
                )
            }
            Sender::Bot { bot, verified } => {
                let name = bot.as_ref().map_or("a bot", |bot| bot.as_str());
                (name.to_owned(), Some(if *verified { "bot" } else { "bot, not verified" }.to_owned()))
            }
            Sender::System { .. } => ("system".to_owned(), None),
        };
        let created_at = message.created_at.to_string();
        let text = message.text.as_ref().and_then(Option::as_ref);
        let article = html! {
            article id={ "m" (message.seq.0) } {
                header {
                    b { bdi { (from) } }
                    @if let Some(note) = &note { bdi { (note) } " · " }
                    time datetime=(created_at) { (created_at) }
                    @if message.edited_at.is_some() { " · edited" }
                }
                @if message.deleted_at.is_some() {
                    p.note { "deleted" }
                } @else if let Some(text) = text {
                    p dir="auto" { (text.as_str()) }
                }
                @if let Some(reactions) = message.reactions.as_ref().filter(|reactions| !reactions.0.is_empty()) {
                    ul { @for (emoji, reaction) in &reactions.0 { li { (emoji.as_str()) " " (reaction.count) } } }
                }
            }
        };
        out.extend(article.into_string().into_bytes());
        Ok(())
    }

    async fn end(&mut self, _: &Source, _: AsOf) -> Result<Vec<u8>, Failure> {
        Ok(html! { footer { (self.count) " messages" } }.into_string().into_bytes())
    }
}
