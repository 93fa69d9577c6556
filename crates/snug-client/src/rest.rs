//! Requests over HTTP: paths, credentials, and what comes back.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use snug_wire::Problem;
use snug_wire::ids::AppId;

use crate::endpoint::Endpoint;
use crate::error::Error;

/// What is escaped in a segment of a path: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of something of an app. Ids are escaped, so that none can leave its segment.
pub(crate) fn path(app: &AppId, segments: &[&str]) -> String {
    let mut path = "/v1/apps".to_owned();
    for segment in std::iter::once(&app.as_str()).chain(segments) {
        path.push('/');
        path.extend(utf8_percent_encode(segment, ESCAPED));
    }
    path
}

/// A body or a query that says nothing.
pub(crate) const NOTHING: Option<&()> = None;

/// Asks with one credential.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    endpoint: Endpoint,
    authorization: HeaderValue,
}

impl Rest {
    /// `credential` goes out as a bearer's, and is not shown by `Debug`.
    pub(crate) fn new(endpoint: Endpoint, credential: &str) -> Result<Self, Error> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {credential}"))
            .map_err(|_| Error::Address("the credential has characters that none has".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Self { endpoint, authorization })
    }

    /// Asks, and reads the answer's body. `query` and `body` are left out where they are none.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: Option<&impl Serialize>,
        body: Option<&impl Serialize>,
        headers: HeaderMap,
    ) -> Result<(StatusCode, A), Error> {
        let response = self.send(method, path, query, body, headers).await?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(Error::transport)?;
        // A 204 has no body, and stands for the answer that says nothing.
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        let answer = serde_json::from_slice(bytes).map_err(|error| Error::Answer(error.to_string()))?;
        Ok((status, answer))
    }

    /// Asks, and hands over the answer once its head is there and says that all is well.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        query: Option<&impl Serialize>,
        body: Option<&impl Serialize>,
        headers: HeaderMap,
    ) -> Result<Response, Error> {
        let mut request = self
            .endpoint
            .http()
            .request(method, format!("{}{path}", self.endpoint.base()))
            .header(AUTHORIZATION, self.authorization.clone())
            .headers(headers);
        if let Some(query) = query {
            request = request.query(&pairs(query)?);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(Error::transport)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await.map_err(Error::transport)?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(problem.into()),
            // Not the server itself: a proxy before it, most likely.
            Err(_) => Err(Error::Answer(format!("status {status} without a problem document"))),
        }
    }
}

/// The parameters of a query; one that is a list is repeated for each of its items.
fn pairs(query: &impl Serialize) -> Result<Vec<(String, String)>, Error> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let query = serde_json::to_value(query).map_err(|error| Error::Answer(error.to_string()))?;
    let Value::Object(fields) = query else { return Ok(Vec::new()) };
    let pair = |(name, value): (String, Value)| match value {
        Value::Array(items) => items.into_iter().map(|item| (name.clone(), text(item))).collect(),
        value => vec![(name, text(value))],
    };
    Ok(fields.into_iter().flat_map(pair).collect())
}
