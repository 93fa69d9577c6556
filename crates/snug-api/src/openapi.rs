//! The OpenAPI document (REST), made from the routes that are served.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::http::Method;
use snug_wire::{Code, Problem, problem::MEDIA_TYPE};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi, PathItem, Paths, Ref,
        RefOr, Required, ResponseBuilder, Schema, SecurityRequirement, Type,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::routes::{Collect, Looks, Route, Takes, routes};

/// The name of the credential of back ends.
const API_KEY: &str = "api_key";
/// The name of the credential of clients.
const ACCESS_TOKEN: &str = "access_token";

/// The document, as JSON.
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        let document = document();
        serde_json::to_string_pretty(&document)
            .unwrap_or_else(|_| unreachable!("the document is made of JSON"))
    })
}

fn document() -> OpenApi {
    let mut schemas = Schemas::default();
    let mut paths = Paths::new();
    for route in routes() {
        let item = PathItem::new(method(&route.method), operation(route, &mut schemas));
        match paths.paths.get_mut(route.path) {
            Some(there) => there.merge_operations(item),
            None => {
                paths.paths.insert(route.path.to_owned(), item);
            }
        }
    }
    schemas.add(&Looks::like::<Problem>());
    let info = InfoBuilder::new().title("Snug").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Programmable chat that a company owns. The socket is described by /asyncapi.json.",
    ));
    let mut document = OpenApi::new(info.build(), paths);
    document.components = Some(components(schemas));
    document
}

fn components(schemas: Schemas) -> Components {
    let mut components = Components::new();
    components.schemas.extend(schemas.0);
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, `sk_<id>_<secret>`."));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token, never in a URL."));
    components.add_security_scheme(API_KEY, SecurityScheme::Http(key.build()));
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(token.build()));
    components
}

/// The schemas that have names, collected on the way.
#[derive(Default)]
pub(crate) struct Schemas(pub(crate) BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    /// Adds what something refers to.
    fn add_rest(&mut self, rest: Collect) {
        let mut schemas = Vec::new();
        rest(&mut schemas);
        self.0.extend(schemas);
    }

    /// Adds a schema with all that it refers to; what stands for it where it is used.
    pub(crate) fn add(&mut self, looks: &Looks) -> RefOr<Schema> {
        self.add_rest(looks.rest);
        match &looks.name {
            None => (looks.schema)(),
            Some(name) => {
                self.0.insert(name.clone(), (looks.schema)());
                RefOr::Ref(Ref::from_schema_name(name))
            }
        }
    }
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route, schemas: &mut Schemas) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .description(Some(who(route)))
        .tag(tag(route.path));
    for parameter in path_parameters(route.path).chain(route.query.iter().cloned()).chain(header(route)) {
        operation = operation.parameter(parameter);
    }
    if let Some(rest) = route.query_rest {
        schemas.add_rest(rest);
    }
    if let Some(body) = &route.body {
        let content = ContentBuilder::new().schema(Some(schemas.add(body))).build();
        let required = if route.body_required { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().content(body.media_type, content).required(Some(required));
        operation = operation.request_body(Some(body.build()));
    }
    for (status, looks) in &route.answers {
        let mut response = ResponseBuilder::new().description(meaning(*status));
        if let Some(looks) = looks {
            let content = ContentBuilder::new().schema(Some(schemas.add(looks))).build();
            response = response.content(looks.media_type, content);
        }
        for media_type in route.texts.iter().filter(|_| *status == 200) {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            response = response.content(*media_type, ContentBuilder::new().schema(Some(text)).build());
        }
        operation = operation.response(status.to_string(), response);
    }
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let refused = ResponseBuilder::new()
        .description(format!("Refused: one of {}.", codes()))
        .content(MEDIA_TYPE, problem);
    operation = operation.response("default", refused);
    let securities = [(route.takes.back_ends, API_KEY), (route.takes.clients, ACCESS_TOKEN)];
    for (_, name) in securities.into_iter().filter(|(taken, _)| *taken && route.takes != Takes::NO_CREDENTIAL)
    {
        operation = operation.security(SecurityRequirement::new(name, Vec::<String>::new()));
    }
    operation
}

/// Who may use a route, in words.
fn who(route: &Route) -> String {
    if route.takes == Takes::NO_CREDENTIAL {
        return "It takes no credential: what the body proves is enough.".to_owned();
    }
    let key = format!("An API key needs the scope `{}`.", route.takes.scope);
    match (route.takes.clients, route.takes.permission) {
        (false, _) => key,
        (true, "") => format!("{key} A client acts on itself, or where it is a member."),
        (true, permission) => format!("{key} A client needs `{permission}`."),
    }
}

/// The noun of a path: what stands last in it without being a parameter, but for the verbs.
fn tag(path: &str) -> &'static str {
    let nouns = [
        "reactions",
        "messages",
        "sync",
        "read",
        "typing",
        "members",
        "conversations",
        "users",
        "tokens",
        "sessions",
        "roles",
        "keys",
        "jobs",
        "usage",
    ];
    nouns.into_iter().find(|noun| path.contains(&format!("/{noun}"))).unwrap_or("apps")
}

fn path_parameters(path: &str) -> impl Iterator<Item = Parameter> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let schema = ObjectBuilder::new().schema_type(Type::String).build();
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema))
            .build()
    })
}

/// The header that makes a repeat of a POST answer the same.
fn header(route: &Route) -> Option<Parameter> {
    let parameter = |name: &str, what: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(what))
            .schema(Some(String::schema()))
            .build()
    };
    if route.once {
        return Some(parameter(
            "Idempotency-Key",
            "The same request with the same key again is answered the same.",
        ));
    }
    route
        .if_match
        .then(|| parameter("If-Match", "`\"<epoch>.<rev>\"`: done only in that state, else `conflict`."))
}

fn meaning(status: u16) -> &'static str {
    match status {
        201 => "It is new.",
        202 => "It has begun: the job tells how far it is.",
        204 => "Done.",
        _ => "As asked.",
    }
}

fn codes() -> String {
    let names: Vec<_> =
        Code::ALL.iter().map(|code| format!("`{}` ({})", code.name(), code.status())).collect();
    names.join(", ")
}
