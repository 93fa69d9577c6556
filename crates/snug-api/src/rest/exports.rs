//! Exports, line by line: a page is read once the one before it was taken, so that an export takes no more memory than a page of a list.

use std::{io, sync::Arc};

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

/// Where an export goes on.
enum Next {
    /// With the page of this cursor; with the first one, if it has none.
    Page(Option<String>),
    /// With its last line.
    End,
    /// Nowhere.
    Done,
}

/// Answers with a line for each item of the pages, which `page` reads by their cursor. What the first page is refused with is the answer. A
/// later one that fails cuts the export: it has no last line then, and its connection ends before its body does.
pub(super) async fn export<T, W, F>(
    node: &Arc<Node>,
    page: impl Fn(Option<String>) -> F + Send + Sync + 'static,
) -> Answered
where
    T: Send + 'static,
    W: From<T> + Serialize,
    F: Future<Output = Result<Listed<T>, Error>> + Send,
{
    let mut export = Export { node: Arc::clone(node), page, lines: Lines::default(), next: Next::Page(None) };
    let first = export.chunk::<T, W, F>().await?;
    let rest = stream::try_unfold(export, |mut export| async {
        match export.chunk::<T, W, F>().await {
            Ok(chunk) => Ok(chunk.map(|chunk| (chunk, export))),
            Err(failure) => Err(io::Error::other(format!("cut by {}", failed(failure).status()))),
        }
    });
    let body = stream::iter(first.map(Ok)).chain(rest);
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], Body::from_stream(body)).into_response())
}

struct Export<P> {
    node: Arc<Node>,
    page: P,
    lines: Lines,
    next: Next,
}

impl<P> Export<P> {
    /// The lines of the next page, or the last one; none behind that.
    async fn chunk<T, W, F>(&mut self) -> Result<Option<Bytes>, Failure>
    where
        P: Fn(Option<String>) -> F,
        W: From<T> + Serialize,
        F: Future<Output = Result<Listed<T>, Error>>,
    {
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
            Next::End => {
                let (count, sha256) = std::mem::take(&mut self.lines).end();
                chunk = line(&ExportEnd { count, sha256: sha256.into() })?;
            }
        }
        Ok(Some(chunk.into()))
    }
}

fn line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = json::print(value).map_err(Error::internal)?;
    line.push(b'\n');
    Ok(line)
}
