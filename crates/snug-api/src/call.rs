//! One request, on its way to the core: who, where, what.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::{RawPathParams, rejection::RawPathParamsRejection},
    http::{HeaderMap, StatusCode, Uri, header, request},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};
use snug_core::{Core, Error, FromPage, OnceKey, sealing::Answer};
use snug_model::{
    Actor, AppId, ConversationId, Epoch, Invalid, JobId, KeyId, MessageId, Rev, TemplateId, UserId, limits,
    text::RoleName,
};
use snug_wire::{Problem, json, paging::Nothing, preconditions, query};

use crate::{
    browsers::Page,
    credentials::{Credential, credential},
    problem::{problem, response},
    routes::{Pays, Route},
};

/// How long a client may take to send a body.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// What every request of this node shares.
pub struct Node {
    /// The use cases.
    pub core: Arc<Core>,
    /// Whether others reach it by HTTPS, which it does itself or a proxy in front.
    pub https: bool,
}

/// Why a request was not done.
pub(crate) enum Failure {
    /// The core said so.
    Core(Error),
    /// It was told here.
    Problem(Box<Problem>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Core(invalid.into())
    }
}

/// What a handler answers.
pub(crate) type Answered = Result<Response, Failure>;

/// A request, read as far as its route needs.
pub(crate) struct Call {
    pub(crate) node: Arc<Node>,
    pub(crate) route: &'static Route,
    peer: SocketAddr,
    path: String,
    parameters: HashMap<String, String>,
    query: String,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
    /// Whether it comes from a page that may not talk to the app.
    foreign: bool,
}

impl Call {
    /// Reads a request that matched `route`. The body is read whole, up to its limit.
    pub(crate) async fn read(
        node: Arc<Node>,
        route: &'static Route,
        peer: SocketAddr,
        parameters: Result<RawPathParams, RawPathParamsRejection>,
        (parts, body): (request::Parts, Body),
        foreign: bool,
    ) -> Result<Self, Failure> {
        // They come decoded, each once.
        let parameters =
            parameters.map_err(|_| Invalid::new("", "must have a path of percent-encoded UTF-8"))?;
        let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = tokio::time::timeout(BODY_WAIT, read_body(&node, route, body)).await;
        let body =
            body.unwrap_or_else(|_| Err(Invalid::new("", "has a body that did not come in time").into()))?;
        Ok(Self {
            node,
            route,
            peer,
            path: parts.uri.path().to_owned(),
            parameters,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            uri: parts.uri,
            headers: parts.headers,
            body,
            foreign,
        })
    }

    /// The use cases.
    pub(crate) fn core(&self) -> &Core {
        &self.node.core
    }

    /// Who asks: a back end or a client, whichever the route takes.
    pub(crate) async fn actor(&self) -> Result<Actor, Failure> {
        let app = match self.parameters.get("app") {
            Some(_) => Some(self.app()?),
            None => None,
        };
        let credential = credential(&self.headers).ok_or(Error::Unauthenticated)?;
        let attempt = self.authenticate(app.as_ref(), credential);
        let from = self.peer.ip();
        // Who ends somebody's access is neither kept from it by who fails at the same address, nor by what it asked before.
        let actor = match self.route.ends_access {
            true => self.core().attempt_anyway(app.as_ref(), from, attempt).await?,
            false => self.core().attempt(app.as_ref(), from, attempt).await?,
        }
        .at(from);
        match self.route.pays {
            Pays::ByRequest if self.route.ends_access => self.core().charge_what_is_there(&actor).await?,
            Pays::ByRequest => self.core().charge(&actor).await?,
            Pays::ByItem => {}
        }
        self.refuse_foreign()?;
        let taken = match actor {
            Actor::User(_) => self.route.takes.clients,
            Actor::Key(_) | Actor::System(_) => self.route.takes.back_ends,
        };
        if taken {
            return Ok(actor);
        }
        // Only who could use the route with the other credential learns that there is one.
        self.core().admit(&actor).await?;
        Err(Error::Forbidden(snug_core::Missing::Actor).into())
    }

    /// Refuses what comes from a page that may not talk to the app. Where a browser asks first it is not sent at all; this is for
    /// what it sends without asking.
    pub(crate) fn refuse_foreign(&self) -> Result<(), Failure> {
        if self.foreign { Err(Error::Forbidden(snug_core::Missing::Origin).into()) } else { Ok(()) }
    }

    async fn authenticate(&self, app: Option<&AppId>, credential: Credential) -> Result<Actor, Error> {
        match (credential, app) {
            (Credential::Key { id, secret }, app) => {
                self.core().authenticate_key(app, &id, secret.expose(), self.peer.ip()).await
            }
            (Credential::Token(token), Some(app)) => {
                self.core().authenticate_client(app, token.expose()).await
            }
            (Credential::Token(_), None) => Err(Error::Unauthenticated),
        }
    }

    /// The app in the path, if it lives in this node's region.
    pub(crate) fn app(&self) -> Result<AppId, Failure> {
        let app = AppId::parse(self.parameter("app")).map_err(|_| Error::Unauthenticated)?;
        self.core().in_region(&app)?;
        Ok(app)
    }

    /// The address that it comes from.
    pub(crate) fn from(&self) -> IpAddr {
        self.peer.ip()
    }

    /// The page that the request comes from, as far as a browser says.
    pub(crate) fn page(&self) -> FromPage {
        let page = Page::of(&self.headers, &self.uri, self.node.https);
        page.map_or_else(FromPage::default, |page| page.told())
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The user in the path.
    pub(crate) fn user(&self) -> Result<UserId, Failure> {
        Ok(UserId::parse(self.parameter("user"))?)
    }

    /// The other user in the path.
    pub(crate) fn other(&self) -> Result<UserId, Failure> {
        Ok(UserId::parse(self.parameter("other"))?)
    }

    /// The conversation in the path.
    pub(crate) fn conversation(&self) -> Result<ConversationId, Failure> {
        Ok(ConversationId::parse(self.parameter("conversation"))?)
    }

    /// The message in the path.
    pub(crate) fn message(&self) -> Result<MessageId, Failure> {
        Ok(MessageId::parse(self.parameter("message"))
            .map_err(|invalid| Invalid { field: "message".into(), ..invalid })?)
    }

    /// The template in the path.
    pub(crate) fn template(&self) -> Result<TemplateId, Failure> {
        Ok(TemplateId::parse(self.parameter("template"))?)
    }

    /// The key in the path. What is no key's id names no key.
    pub(crate) fn key(&self) -> Result<KeyId, Failure> {
        Ok(KeyId::parse(self.parameter("key")).map_err(|_| Error::NotFound)?)
    }

    /// The job in the path.
    pub(crate) fn job(&self) -> Result<JobId, Failure> {
        Ok(JobId::parse(self.parameter("job")).map_err(|_| Error::NotFound)?)
    }

    /// The role in the path.
    pub(crate) fn role(&self) -> Result<(snug_wire::roles::RoleScope, RoleName), Failure> {
        let scope = match self.parameter("scope") {
            "app" => snug_wire::roles::RoleScope::App,
            "conversation" => snug_wire::roles::RoleScope::Conversation,
            _ => return Err(Invalid::new("scope", "is `app` or `conversation`").into()),
        };
        Ok((scope, RoleName::parse(self.parameter("role"))?))
    }

    /// The emoji in the path, as it was written.
    pub(crate) fn emoji(&self) -> &str {
        self.parameter("emoji")
    }

    /// The body.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(json::parse(&self.body)?)
    }

    /// The body, which may be left out.
    pub(crate) fn body_or_empty<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(json::parse_or_empty(&self.body)?)
    }

    /// That there is nothing in the body.
    pub(crate) fn no_body(&self) -> Result<(), Failure> {
        self.body_or_empty::<Nothing>().map(drop)
    }

    /// The query.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(query::parse(&self.query)?)
    }

    /// What a cursor is bound to: the path, and the query without its cursor and limit.
    pub(crate) fn list(&self) -> String {
        let mut rest: Vec<&str> = self.query.split('&').collect();
        rest.retain(|pair| !pair.is_empty() && !pair.starts_with("cursor=") && !pair.starts_with("limit="));
        rest.sort_unstable();
        format!("{}?{}", self.path, rest.join("&"))
    }

    /// The state that `If-Match` asks for.
    pub(crate) fn if_match(&self) -> Result<Option<(Epoch, Rev)>, Failure> {
        match self.headers.get(header::IF_MATCH) {
            None => Ok(None),
            Some(value) => Ok(Some(preconditions::parse(value.to_str().unwrap_or_default())?)),
        }
    }

    /// The request's `Idempotency-Key`, bound to all that it is for.
    pub(crate) async fn once(&self, actor: &Actor) -> Result<Option<OnceKey>, Failure> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        let method = self.route.method.as_str();
        Ok(Some(self.core().once_key(actor, method, &self.path, &key, &self.body).await?))
    }

    /// Refuses an `Idempotency-Key`: the answer holds a secret, which is not kept.
    pub(crate) fn never_once(&self) -> Result<(), Failure> {
        match self.idempotency_key()? {
            None => Ok(()),
            Some(_) => {
                Err(Invalid::new("Idempotency-Key", "is not taken here: the answer holds a secret").into())
            }
        }
    }

    fn idempotency_key(&self) -> Result<Option<String>, Failure> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let max = limits::IDEMPOTENCY_KEY_BYTES_MAX;
        let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() as u64 <= max);
        let key =
            key.ok_or_else(|| Invalid::new("Idempotency-Key", format!("has 1 to {max} ASCII characters")))?;
        Ok(Some(key.to_owned()))
    }

    /// Answers without a body, and keeps that where the request had an `Idempotency-Key`.
    pub(crate) async fn done_once(&self, once: Option<OnceKey>) -> Answered {
        if let Some(once) = once {
            let answer = Answer { status: StatusCode::NO_CONTENT.as_u16(), body: Vec::new() };
            self.core().keep_answer(&once, &answer).await?;
        }
        no_content()
    }

    /// Answers, and keeps the answer where the request had an `Idempotency-Key`.
    pub(crate) async fn reply_once<T: Serialize>(
        &self,
        once: Option<OnceKey>,
        status: StatusCode,
        value: &T,
    ) -> Answered {
        let body = json::print(value).map_err(Error::internal)?;
        if let Some(once) = once {
            let answer = Answer { status: status.as_u16(), body: body.clone() };
            self.core().keep_answer(&once, &answer).await?;
        }
        Ok(json_response(status, body))
    }
}

/// From what length on a body is worth a look at the memory that is left.
const LARGE_BODY_BYTES: u64 = 64 * 1024;
/// What a body may have that is read although memory is short: a ban with its reason.
const SMALL_BODY_BYTES: usize = 4 * 1024;

/// Reads a body, up to its limit, as long as there is memory for it: each may be small, and those of many are not.
async fn read_body(node: &Node, route: &Route, body: Body) -> Result<Bytes, Failure> {
    let mut body = Limited::new(body, limits::BODY_BYTES_MAX as usize);
    let large = body.size_hint().upper().is_none_or(|length| length > LARGE_BODY_BYTES);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Many of these come between two looks.
        if large && bytes.is_empty() {
            node.core.memory().look();
        }
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[], Bytes::as_ref)),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                return Err(Failure::Problem(Box::new(Problem::too_large(limits::BODY_BYTES_MAX))));
            }
            Err(_) => return Err(Invalid::new("", "ended before its body did").into()),
        }
        if !route.ends_access || bytes.len() > SMALL_BODY_BYTES {
            node.core.memory().check()?;
        }
    }
    Ok(bytes.freeze())
}

/// Answers with JSON.
pub(crate) fn reply<T: Serialize>(status: StatusCode, value: &T) -> Answered {
    Ok(json_response(status, json::print(value).map_err(Error::internal)?))
}

/// Answers without a body.
pub(crate) fn no_content() -> Answered {
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    if body.is_empty() || status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A failure as an HTTP answer; a repeat's is the first one's answer.
pub(crate) fn failed(failure: Failure) -> Response {
    match failure {
        Failure::Core(Error::Answered(answer)) => {
            json_response(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK), answer.body)
        }
        Failure::Core(error) => response(&problem(error)),
        Failure::Problem(problem) => response(&problem),
    }
}
