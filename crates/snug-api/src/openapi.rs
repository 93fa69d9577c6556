//! The documents of the API, made from the routes and frames that are served.

/// The OpenAPI document, as JSON.
pub fn openapi_json() -> &'static str {
    "{}"
}

/// The AsyncAPI document, as JSON.
pub fn asyncapi_json() -> &'static str {
    "{}"
}
