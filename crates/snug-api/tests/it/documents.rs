//! The generated documents are under version control: a change of the API is a diff of them.

use std::{env, fs, path::Path};

/// Compares a document with its copy, or writes the copy where `SNUG_UPDATE` is set.
fn compare(file: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    if env::var_os("SNUG_UPDATE").is_some() {
        fs::write(&path, now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(now.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == now,
        "docs/{file} is not what the code says, from line {:?} on; if that is meant, run this with SNUG_UPDATE=1",
        differs.map(|line| line + 1),
    );
}

#[test]
fn the_openapi_document_is_as_kept() {
    compare("openapi.json", snug_api::openapi::json());
}

#[test]
fn the_asyncapi_document_is_as_kept() {
    compare("asyncapi.json", snug_api::asyncapi::json());
}

#[test]
fn every_reference_of_a_document_leads_to_a_schema() {
    for json in [snug_api::openapi::json(), snug_api::asyncapi::json()] {
        let document: serde_json::Value = serde_json::from_str(json).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut open = vec![&document];
        let mut references = 0;
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::Object(object) => {
                    if let Some(name) =
                        object.get("$ref").and_then(|it| it.as_str()?.strip_prefix("#/components/schemas/"))
                    {
                        assert!(schemas.contains_key(name), "nothing is called {name}");
                        references += 1;
                    }
                    open.extend(object.values());
                }
                serde_json::Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        assert!(references > 100, "the walk saw {references} references only");
    }
}

#[test]
fn every_route_is_in_the_document_with_an_id_of_its_own() {
    let document: serde_json::Value = serde_json::from_str(snug_api::openapi::json()).unwrap();
    let mut ids = std::collections::HashSet::new();
    for route in snug_api::routes() {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert_eq!(operation["operationId"], route.id, "{} {}", route.method, route.path);
        assert!(ids.insert(route.id), "{} is there twice", route.id);
    }
}
