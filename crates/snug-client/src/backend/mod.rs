//! What a customer's back end asks of its app, with an API key: a method for each route.

mod apps;
mod conversations;
mod keys;
mod members;
mod messages;
mod roles;
mod templates;
mod token_keys;
mod tokens;
mod users;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use snug_wire::exports::{ExportEnd, ExportLine};
use snug_wire::ids::{AppId, JobId};
use snug_wire::jobs::Job;

pub use self::apps::Installation;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::rest::{NOTHING, Rest, path};

/// The header by which a POST that is repeated answers with its first result.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A back end of one app.
#[derive(Clone, Debug)]
pub struct Backend {
    rest: Rest,
    app: AppId,
    idempotency_key: Option<HeaderValue>,
}

/// What a `PUT` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put<T> {
    /// The thing as it is now.
    pub value: T,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Backend {
    /// A back end of `app` that asks with `key`, such as `sk_4tZq…_…`.
    ///
    /// # Errors
    /// [`Error::Address`] where the key has characters that no key has.
    pub fn new(endpoint: &Endpoint, app: AppId, key: &str) -> Result<Self, Error> {
        Ok(Self { rest: Rest::new(endpoint.clone(), key)?, app, idempotency_key: None })
    }

    /// The app.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// The same back end, for one `POST` that may have to be repeated: with the same `key`, it is done once. Messages need
    /// no such key, since they have ids.
    ///
    /// # Errors
    /// [`Error::Address`] where the key cannot stand in a header.
    pub fn with_idempotency_key(&self, key: &str) -> Result<Self, Error> {
        let key = HeaderValue::from_str(key)
            .map_err(|_| Error::Address("an idempotency key that cannot stand in a header".to_owned()))?;
        Ok(Self { idempotency_key: Some(key), ..self.clone() })
    }

    /// How far a job is.
    ///
    /// # Errors
    /// Those of every request: [`Error::Transport`], [`Error::Refused`], [`Error::Answer`].
    pub async fn job(&self, job: &JobId) -> Result<Job, Error> {
        self.get(&["jobs", job.as_str()], NOTHING).await
    }

    async fn get<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: Option<&impl Serialize>,
    ) -> Result<A, Error> {
        let path = path(&self.app, segments);
        self.rest.ask(Method::GET, &path, query, NOTHING, HeaderMap::new()).await.map(|(_, answer)| answer)
    }

    /// Reads an export line by line; its last line.
    async fn export<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        mut each: impl FnMut(A),
    ) -> Result<ExportEnd, Error> {
        let path = path(&self.app, segments);
        let mut answer = self.rest.send(Method::GET, &path, NOTHING, NOTHING, HeaderMap::new()).await?;
        let (mut rest, mut count) = (Vec::new(), 0);
        while let Some(chunk) = answer.chunk().await.map_err(Error::transport)? {
            for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                rest.extend_from_slice(part);
                if !rest.ends_with(b"\n") {
                    continue;
                }
                let line = serde_json::from_slice(&rest).map_err(|error| Error::Answer(error.to_string()))?;
                rest.clear();
                match line {
                    ExportLine::Item(item) => {
                        count += 1;
                        each(item);
                    }
                    ExportLine::End(end) if end.count == count => return Ok(end),
                    ExportLine::End(end) => {
                        return Err(Error::Answer(format!("{count} lines of {} came", end.count)));
                    }
                }
            }
        }
        Err(Error::Answer("an export without its last line".to_owned()))
    }

    async fn post<A: DeserializeOwned>(&self, segments: &[&str], body: &impl Serialize) -> Result<A, Error> {
        self.post_as(segments, NOTHING, body).await
    }

    async fn post_as<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: Option<&impl Serialize>,
        body: &impl Serialize,
    ) -> Result<A, Error> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, key.clone());
        }
        let path = path(&self.app, segments);
        self.rest.ask(Method::POST, &path, query, Some(body), headers).await.map(|(_, answer)| answer)
    }

    async fn put<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: Option<&impl Serialize>,
        body: &impl Serialize,
        headers: HeaderMap,
    ) -> Result<Put<A>, Error> {
        let path = path(&self.app, segments);
        let (status, value) = self.rest.ask(Method::PUT, &path, query, Some(body), headers).await?;
        Ok(Put { value, is_new: status == reqwest::StatusCode::CREATED })
    }

    async fn patch<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
        headers: HeaderMap,
    ) -> Result<A, Error> {
        let path = path(&self.app, segments);
        self.rest.ask(Method::PATCH, &path, NOTHING, Some(body), headers).await.map(|(_, answer)| answer)
    }

    async fn delete<A: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: Option<&impl Serialize>,
    ) -> Result<A, Error> {
        let path = path(&self.app, segments);
        self.rest.ask(Method::DELETE, &path, query, NOTHING, HeaderMap::new()).await.map(|(_, answer)| answer)
    }

    async fn delete_silently(&self, segments: &[&str], query: Option<&impl Serialize>) -> Result<(), Error> {
        self.delete::<IgnoredAny>(segments, query).await.map(drop)
    }
}
