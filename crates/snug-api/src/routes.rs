//! Every route of the REST API: the server, the OpenAPI document and the refusal test are made from this list.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    extract::{ConnectInfo, RawPathParams, Request, rejection::RawPathParamsRejection},
    http::Method,
    response::Response,
    routing::{MethodFilter, on},
};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        path::{Parameter, ParameterIn},
    },
};

use snug_model::AppId;
use snug_wire::{
    exports::{self, ExportLine},
    paging::Page,
};

use crate::{
    browsers::{self, Verdict},
    call::{Answered, Call, Node, failed},
    metrics::HTTP_REQUESTS,
    rest,
};

/// Which credentials a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// API keys.
    pub back_ends: bool,
    /// Access tokens.
    pub clients: bool,
    /// The scope that a back end needs, or the scopes between which the request decides.
    pub scope: &'static str,
    /// The permission that a client needs, in the words of the document; empty where being oneself, or a member, is enough.
    pub permission: &'static str,
}

impl Takes {
    /// None: it is where clients get one.
    pub const NO_CREDENTIAL: Self = Self { back_ends: false, clients: true, scope: "", permission: "" };

    /// Back ends alone.
    pub const fn back_end(scope: &'static str) -> Self {
        Self { back_ends: true, clients: false, scope, permission: "" }
    }

    /// Clients alone.
    pub const fn client(permission: &'static str) -> Self {
        Self { back_ends: false, clients: true, scope: "", permission }
    }

    /// Back ends, and clients with the permission.
    pub const fn both(scope: &'static str, permission: &'static str) -> Self {
        Self { back_ends: true, clients: true, scope, permission }
    }
}

/// How what is asked counts against the rates of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pays {
    /// Each request, as soon as it is known whose it is.
    ByRequest,
    /// Each user or message of the request, in the core: a message that is repeated counts nothing.
    ByItem,
}

type Handler = Box<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Answered> + Send>> + Send + Sync>;
type SchemaOf = fn() -> RefOr<Schema>;
pub(crate) type Collect = fn(&mut Vec<(String, RefOr<Schema>)>);

/// What a body looks like: a schema, by its name if it has one of its own, and all that it refers to.
#[derive(Clone)]
pub(crate) struct Looks {
    pub(crate) name: Option<String>,
    pub(crate) schema: SchemaOf,
    pub(crate) rest: Collect,
    /// As what it is sent.
    pub(crate) media_type: &'static str,
}

/// As what nearly all bodies are sent.
const JSON: &str = "application/json";

impl Looks {
    pub(crate) fn like<T: ToSchema>() -> Self {
        Self { name: Some(T::name().into_owned()), schema: T::schema, rest: T::schemas, media_type: JSON }
    }

    /// A page of these, which has no name of its own: there is one for each kind of item.
    pub(crate) fn page_of<T: ToSchema>() -> Self {
        let rest = |schemas: &mut Vec<(String, RefOr<Schema>)>| {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
            Page::<T>::schemas(schemas);
        };
        Self { name: None, schema: <Page<T> as PartialSchema>::schema, rest, media_type: JSON }
    }

    /// A line of an export of these.
    fn line_of<T: ToSchema>() -> Self {
        let rest = |schemas: &mut Vec<(String, RefOr<Schema>)>| {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
            ExportLine::<T>::schemas(schemas);
        };
        let schema = <ExportLine<T> as PartialSchema>::schema;
        Self { name: None, schema, rest, media_type: exports::MEDIA_TYPE }
    }
}

/// One route.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The operation's name in the OpenAPI document.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Which credentials it takes.
    pub takes: Takes,
    /// Whether it takes an `Idempotency-Key`.
    pub once: bool,
    /// Whether it takes `If-Match`.
    pub if_match: bool,
    /// Whether it ends what somebody may do: such is done however short memory is, and however much was asked before.
    pub(crate) ends_access: bool,
    pub(crate) pays: Pays,
    pub(crate) query: Vec<Parameter>,
    pub(crate) query_rest: Option<Collect>,
    pub(crate) body: Option<Looks>,
    pub(crate) body_required: bool,
    pub(crate) answers: Vec<(u16, Option<Looks>)>,
    /// As what else it may answer with 200.
    pub(crate) texts: Vec<&'static str>,
    handler: Handler,
}

impl Route {
    pub(crate) fn new<F>(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        takes: Takes,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answered> + Send + 'static,
    {
        let handler: Handler = Box::new(move |call| Box::pin(handler(call)));
        Self {
            method,
            path,
            id,
            summary,
            takes,
            once: false,
            if_match: false,
            ends_access: false,
            pays: Pays::ByRequest,
            body_required: false,
            query: Vec::new(),
            query_rest: None,
            body: None,
            answers: Vec::new(),
            texts: Vec::new(),
            handler,
        }
    }

    /// Its query has these parameters.
    pub(crate) fn query<Q: IntoParams + ToSchema>(mut self) -> Self {
        self.query = Q::into_params(|| Some(ParameterIn::Query));
        self.query_rest = Some(Q::schemas);
        self
    }

    /// Its body is of this type.
    pub(crate) fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some(Looks::like::<T>());
        self.body_required = true;
        self
    }

    /// It may have a body of this type.
    pub(crate) fn optional_body<T: ToSchema>(mut self) -> Self {
        self.body = Some(Looks::like::<T>());
        self
    }

    /// It takes `If-Match`.
    pub(crate) fn if_match(mut self) -> Self {
        self.if_match = true;
        self
    }

    /// It ends what somebody may do.
    pub(crate) fn ends_access(mut self) -> Self {
        self.ends_access = true;
        self
    }

    /// What counts is how many users or messages it writes.
    pub(crate) fn pays_by_item(mut self) -> Self {
        self.pays = Pays::ByItem;
        self
    }

    /// It answers with this status and type.
    pub(crate) fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, Some(Looks::like::<T>())));
        self
    }

    /// It answers with pages of these.
    pub(crate) fn lists<T: ToSchema>(mut self) -> Self {
        self.answers.push((200, Some(Looks::page_of::<T>())));
        self
    }

    /// It answers with an export of these.
    pub(crate) fn exports<T: ToSchema>(mut self) -> Self {
        self.answers.push((200, Some(Looks::line_of::<T>())));
        self
    }

    /// It may answer with a text of this type instead.
    pub(crate) fn answers_text(mut self, media_type: &'static str) -> Self {
        self.texts.push(media_type);
        self
    }

    /// It answers with this status and nothing else.
    pub(crate) fn answers_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, None));
        self
    }

    /// It takes an `Idempotency-Key`.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

/// All routes, in the order of the document.
pub fn routes() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(rest::routes)
}

/// The router over all routes.
pub(crate) fn router(node: &Arc<Node>) -> Router {
    let router = routes().iter().fold(Router::new(), |router, route| {
        let node = Arc::clone(node);
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let serve = move |ConnectInfo(peer): ConnectInfo<SocketAddr>,
                          parameters: Result<RawPathParams, RawPathParamsRejection>,
                          request: Request| {
            // A task of its own: a client that hangs up does not stop an act between its commit and its publishing.
            let node = Arc::clone(&node);
            async move {
                let work = tokio::spawn(handle(node, route, peer, parameters, request));
                work.await.unwrap_or_else(|error| failed(snug_core::Error::internal(error).into()))
            }
        };
        router.route(route.path, on(filter, serve))
    });
    let paths: BTreeSet<&str> = routes().iter().map(|route| route.path).collect();
    paths.into_iter().fold(router, |router, path| {
        let node = Arc::clone(node);
        let there: Vec<_> = routes().iter().filter(|route| route.path == path).collect();
        let asked_first = move |ConnectInfo(peer): ConnectInfo<SocketAddr>,
                                parameters: Result<RawPathParams, RawPathParamsRejection>,
                                request: Request| {
            let app = parameters.ok().as_ref().and_then(browsers::app_in);
            let (parts, _) = request.into_parts();
            browsers::preflight(Arc::clone(&node), there.clone(), peer.ip(), app, parts)
        };
        router.route(path, on(MethodFilter::OPTIONS, asked_first))
    })
}

async fn handle(
    node: Arc<Node>,
    route: &'static Route,
    peer: SocketAddr,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let app = parameters.as_ref().ok().and_then(browsers::app_in);
    let verdict = Verdict::on(&node, route, app.as_deref(), peer.ip(), &parts).await;
    let foreign = matches!(verdict, Verdict::Refused);
    let answered = async {
        // Before its body is read: of what belongs to another region nothing is kept, not even in memory.
        if let Some(app) = app.as_deref().and_then(|app| AppId::parse(app).ok()) {
            node.core.in_region(&app)?;
        }
        if !route.ends_access {
            node.core.memory().check()?;
        }
        let call = Call::read(node, route, peer, parameters, (parts, body), foreign).await?;
        (route.handler)(call).await
    };
    let answered = answered.await;
    let mut response = answered.unwrap_or_else(failed);
    verdict.tell(route, &mut response);
    ::metrics::counter!(HTTP_REQUESTS, "route" => route.id, "status" => response.status().as_u16().to_string())
        .increment(1);
    response
}
