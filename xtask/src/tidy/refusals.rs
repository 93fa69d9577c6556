//! Every route and every socket request stands in the refusal test, which asks each by every kind of actor.
//!
//! What is served is read from the API's documents, which a test keeps true to the code.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Tree;

const OPENAPI: &str = "docs/openapi.json";
const ASYNCAPI: &str = "docs/asyncapi.json";
const RULES: &str = "crates/snug-api/tests/it/refusals/rules.txt";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let json = |file: &str| serde_json::from_str(&tree.text(file)?).with_context(|| file.to_owned());
    findings(&json(OPENAPI)?, &json(ASYNCAPI)?, &tree.text(RULES)?)
}

fn findings(openapi: &Value, asyncapi: &Value, rules: &str) -> Result<Vec<String>> {
    let lists = [("route", routes(openapi)?, false), ("socket request", requests(asyncapi)?, true)];
    let mut findings = Vec::new();
    for (what, served, socket) in lists {
        let ruled = ruled(rules, socket);
        let missing = served.iter().filter(|id| !ruled.contains(id));
        findings.extend(missing.map(|id| format!("{RULES}: the {what} {id} has no rule")));
    }
    Ok(findings)
}

/// The ids of the operations of an OpenAPI document.
fn routes(openapi: &Value) -> Result<Vec<&str>> {
    let paths = openapi["paths"].as_object().context("the OpenAPI document has no paths")?;
    let methods = paths.values().filter_map(Value::as_object).flat_map(|path| path.values());
    Ok(methods.filter_map(|operation| operation["operationId"].as_str()).collect())
}

/// The requests of the AsyncAPI document: those that have an answer.
fn requests(asyncapi: &Value) -> Result<Vec<&str>> {
    let messages = asyncapi.pointer("/channels/socket/messages").and_then(Value::as_object);
    let messages = messages.context("the AsyncAPI document has no messages")?;
    Ok(messages.keys().filter_map(|name| name.strip_suffix("_answer")).collect())
}

/// The ids that have a rule: the first words of the lines in sections of the socket, or in the others.
fn ruled(rules: &str, socket: bool) -> Vec<&str> {
    let sections =
        rules.split("\nsection ").skip(1).filter(|section| section.starts_with("socket") == socket);
    let lines = sections.flat_map(|section| section.lines().skip(1));
    lines.filter(|line| !line.starts_with([' ', '#'])).filter_map(|line| line.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(rules: &str) -> Vec<String> {
        let openapi = json!({"paths": {"/v1/apps": {"get": {"operationId": "listApps"}, "post": {"operationId": "react"}}}});
        let asyncapi = json!({"channels": {"socket": {"messages": {"react_answer": {}, "push": {}}}}});
        findings(&openapi, &asyncapi, rules).expect("both documents are good")
    }

    #[test]
    fn a_route_or_request_without_a_rule_is_found() {
        let rules = "# react\nnobody = react\n         listApps\n\nsection all: nobody forbidden\nlistApps reads - all\n\
            react own writes - all\n\nsection socket: nobody forbidden\nreact writes - all\n";
        assert_eq!(found(rules), [""; 0]);
        let finding = |what, id| format!("{RULES}: the {what} {id} has no rule");
        assert_eq!(found(&rules.replace("listApps reads - all\n", "")), [finding("route", "listApps")]);
        assert_eq!(found(&rules.replace("react own writes - all\n", "")), [finding("route", "react")]);
        assert_eq!(
            found(&rules.replace("\nreact writes - all\n", "\n")),
            [finding("socket request", "react")]
        );
    }

    #[test]
    fn a_document_that_is_not_found_is_an_error() {
        let documents = (json!({"paths": {}}), json!({"channels": {"socket": {"messages": {}}}}));
        assert!(findings(&documents.0, &documents.1, "").is_ok());
        assert!(findings(&json!({}), &documents.1, "").is_err());
        assert!(findings(&documents.0, &json!({}), "").is_err());
    }
}
