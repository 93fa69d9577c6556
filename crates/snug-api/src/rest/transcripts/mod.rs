//! Transcripts: a conversation's messages for who keeps them elsewhere, and its end once they are there.

mod page;
mod table;

use std::sync::Arc;

use axum::http::{HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use snug_core::{AsOf, Lines, TranscriptPage};
use snug_model::{Actor, ConversationId, Seq, limits::PAGE_ITEMS_MAX};
use snug_wire::{
    conversations::ConversationEnd,
    exports::{ExportEnd, MEDIA_TYPE, TranscriptFormat},
    jobs::StartedJob,
    messages::Message,
    paging::{NoQuery, TranscriptQuery},
    people::People,
};

use self::{page::HtmlPage, table::CsvTable};
use super::{
    exports::{Chunks, line, streamed},
    wire,
};
use crate::{
    call::{Answered, Call, Failure, Node, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/export",
            "exportConversation",
            "Exports a conversation's messages: a line each, and a last one with their number and a receipt; or a table; or a page.",
            Takes::back_end("export"),
            export,
        )
        .query::<TranscriptQuery>()
        .exports::<Message>()
        .answers_text(CsvTable::MEDIA_TYPE)
        .answers_text(HtmlPage::MEDIA_TYPE),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/end",
            "endConversation",
            "Deletes a conversation of which the caller has a whole transcript.",
            Takes::both("conversations", "conversation.delete"),
            end,
        )
        .body::<ConversationEnd>()
        .answers::<StartedJob>(202),
    ]
}

async fn export(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: TranscriptQuery = call.query()?;
    let conversation = call.conversation()?;
    call.core().enter_transcript(&actor, &conversation).await?;
    let after = query.after.map_or(Seq(0), |seq| seq.0);
    let source = Source { node: Arc::clone(&call.node), actor, conversation };
    let (media_type, mut answer) = match query.format {
        TranscriptFormat::Ndjson => {
            return streamed(MEDIA_TYPE, Transcript::new(source, Seq(0), NdjsonLines::new(after))).await;
        }
        TranscriptFormat::Csv => {
            (CsvTable::FILE, streamed(CsvTable::MEDIA_TYPE, Transcript::new(source, after, CsvTable)).await?)
        }
        TranscriptFormat::Html => (
            HtmlPage::FILE,
            streamed(HtmlPage::MEDIA_TYPE, Transcript::new(source, after, HtmlPage::default())).await?,
        ),
    };
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(media_type));
    Ok(answer)
}

async fn end(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let end: ConversationEnd = call.body()?;
    let job =
        call.core().end_conversation(&actor, &call.conversation()?, &end.sha256.into(), &end.receipt).await?;
    reply(StatusCode::ACCEPTED, &StartedJob { job: job.into() })
}

/// Where the messages are read.
struct Source {
    node: Arc<Node>,
    actor: Actor,
    conversation: ConversationId,
}

/// How a transcript is written.
trait Format: Send + 'static {
    /// What stands before the first message.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), Failure>;
    /// A message.
    fn message(&mut self, message: Message, people: &People, out: &mut Vec<u8>) -> Result<(), Failure>;
    /// What stands behind the last one.
    fn end(&mut self, source: &Source, as_of: AsOf) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send;
}

/// Where a transcript goes on.
#[derive(Clone, Copy)]
enum Next {
    /// With the messages above this seq; before the first ones nothing was read yet.
    After(Seq, Option<AsOf>),
    /// With what stands behind them.
    End(AsOf),
    /// Nowhere.
    Done,
}

struct Transcript<F> {
    source: Source,
    format: F,
    next: Next,
}

impl<F: Format> Transcript<F> {
    fn new(source: Source, after: Seq, format: F) -> Self {
        Self { source, format, next: Next::After(after, None) }
    }
}

impl<F: Format> Chunks for Transcript<F> {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let Source { node, actor, conversation } = &self.source;
        let mut chunk = Vec::new();
        match std::mem::replace(&mut self.next, Next::Done) {
            Next::Done => return Ok(None),
            Next::After(after, begun) => {
                node.core.memory().check()?;
                // Whether the actor may is decided for each page again.
                let page = node.core.transcript(actor, conversation, after, PAGE_ITEMS_MAX as i64).await?;
                let TranscriptPage { messages, people, more, as_of } = page;
                if begun.is_none() {
                    self.format.begin(&mut chunk)?;
                }
                let begun = begun.unwrap_or(as_of);
                self.next = match messages.last() {
                    Some(last) if more => Next::After(last.seq, Some(begun)),
                    _ => Next::End(begun),
                };
                let people = wire(people);
                for message in messages {
                    self.format.message(message.into(), &people, &mut chunk)?;
                }
            }
            Next::End(as_of) => chunk = self.format.end(&self.source, as_of).await?,
        }
        Ok(Some(chunk.into()))
    }
}

/// A line of JSON for each message. The last one speaks of all lines, those included that a caller who goes on has already.
struct NdjsonLines {
    lines: Lines,
    /// Up to where the caller has them.
    had: Seq,
}

impl NdjsonLines {
    fn new(had: Seq) -> Self {
        Self { lines: Lines::default(), had }
    }
}

impl Format for NdjsonLines {
    fn begin(&mut self, _: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }

    fn message(&mut self, message: Message, _: &People, out: &mut Vec<u8>) -> Result<(), Failure> {
        let had = message.seq.0 <= self.had;
        let line = line(&message)?;
        self.lines.add(&line);
        if !had {
            out.extend(line);
        }
        Ok(())
    }

    async fn end(&mut self, source: &Source, as_of: AsOf) -> Result<Vec<u8>, Failure> {
        let (count, sha256) = std::mem::take(&mut self.lines).end();
        let receipt = source.node.core.transcript_receipt(&source.actor, as_of, &sha256).await?;
        line(&ExportEnd { count, sha256: sha256.into(), receipt: Some(receipt) })
    }
}
