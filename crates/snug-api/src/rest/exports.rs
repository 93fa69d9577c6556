//! Exports, line by line: a page is read once the one before it was taken, so that an export takes no more memory than a page of a list.

use std::{io, marker::PhantomData, sync::Arc};

use axum::{body::Body, http::header, response::IntoResponse};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use snug_core::{Error, Lines, Listed};
use snug_wire::{
    exports::{ExportEnd, MEDIA_TYPE},
    json,
};

use crate::call::{Answered, Failure, Node, failed};

/// A body that is made while it is sent.
pub(super) trait Chunks: Send + 'static {
    /// The next part; none behind the last one.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Failure>> + Send;
}

/// Answers chunk by chunk. What the first one is refused with is the answer. A later one that fails cuts the body: it has no last line
/// then, and its connection ends before it does.
pub(super) async fn streamed(media_type: &'static str, mut chunks: impl Chunks) -> Answered {
    let first = chunks.next().await?;
    let rest = stream::try_unfold(chunks, |mut chunks| async {
        match chunks.next().await {
            Ok(chunk) => Ok(chunk.map(|chunk| (chunk, chunks))),
            Err(failure) => Err(io::Error::other(format!("cut by {}", failed(failure).status()))),
        }
    });
    let body = stream::iter(first.map(Ok)).chain(rest);
    Ok(([(header::CONTENT_TYPE, media_type)], Body::from_stream(body)).into_response())
}

/// Answers with a line for each item of the pages, which `page` reads by their cursor, and a last one with their number.
pub(super) async fn export<T, W, F>(
    node: &Arc<Node>,
    page: impl Fn(Option<String>) -> F + Send + Sync + 'static,
) -> Answered
where
    T: Send + 'static,
    W: From<T> + Serialize + 'static,
    F: Future<Output = Result<Listed<T>, Error>> + Send + 'static,
{
    let (lines, next, line) = (Lines::default(), Next::Page(None), PhantomData::<fn(T) -> W>);
    streamed(MEDIA_TYPE, Export { node: Arc::clone(node), page, lines, next, line }).await
}

/// Where an export goes on.
enum Next {
    /// With the page of this cursor; with the first one, if it has none.
    Page(Option<String>),
    /// With its last line.
    End,
    /// Nowhere.
    Done,
}

struct Export<P, T, W> {
    node: Arc<Node>,
    page: P,
    lines: Lines,
    next: Next,
    line: PhantomData<fn(T) -> W>,
}

impl<P, T, W, F> Chunks for Export<P, T, W>
where
    P: Fn(Option<String>) -> F + Send + Sync + 'static,
    T: Send + 'static,
    W: From<T> + Serialize + 'static,
    F: Future<Output = Result<Listed<T>, Error>> + Send + 'static,
{
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut chunk = Vec::new();
        match std::mem::replace(&mut self.next, Next::Done) {
            Next::Done => return Ok(None),
            Next::Page(cursor) => {
                self.node.core.memory().check()?;
                let listed = (self.page)(cursor).await?;
                for item in listed.items {
                    let line = line(&W::from(item))?;
                    self.lines.add(&line);
                    chunk.extend(line);
                }
                self.next = listed.next.map_or(Next::End, |cursor| Next::Page(Some(cursor)));
            }
            Next::End => chunk = last_line(&mut self.lines)?,
        }
        Ok(Some(chunk.into()))
    }
}

/// The last line of an export, which has no receipt.
pub(super) fn last_line(lines: &mut Lines) -> Result<Vec<u8>, Failure> {
    let (count, sha256) = std::mem::take(lines).end();
    line(&ExportEnd { count, sha256: sha256.into(), receipt: None })
}

/// A line of JSON.
pub(super) fn line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = json::print(value).map_err(Error::internal)?;
    line.push(b'\n');
    Ok(line)
}
