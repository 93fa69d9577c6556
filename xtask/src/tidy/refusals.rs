//! Every route and every socket request stands in the refusal test, which asks each by every kind of actor.
//!
//! What is served is read from the API's documents, which a test keeps true to the code.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Tree, rust};

const OPENAPI: &str = "docs/openapi.json";
const ASYNCAPI: &str = "docs/asyncapi.json";
const RULES: &str = "crates/snug-api/tests/it/refusals/rules.rs";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let json = |file: &str| serde_json::from_str(&tree.text(file)?).with_context(|| file.to_owned());
    findings(&json(OPENAPI)?, &json(ASYNCAPI)?, &rust::tokens(&tree.text(RULES)?)?)
}

fn findings(openapi: &Value, asyncapi: &Value, rules: &[rust::Token]) -> Result<Vec<String>> {
    let lists =
        [("route", routes(openapi)?, "ROUTES"), ("socket request", requests(asyncapi)?, "OPERATIONS")];
    let mut findings = Vec::new();
    for (what, served, list) in lists {
        let ruled = first_texts(rules, list).with_context(|| format!("{RULES} has no list {list}"))?;
        let missing = served.iter().filter(|id| !ruled.contains(id));
        findings.extend(missing.map(|id| format!("{RULES}: the {what} {id} has no rule in {list}")));
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

/// The texts that stand first in a call, or are a field's, in the constant list `name`: `reads("id", …)`, `id: "id"`.
fn first_texts<'a>(tokens: &'a [rust::Token], name: &str) -> Option<Vec<&'a str>> {
    let begin = tokens.windows(2).position(|pair| pair[0].text == "const" && pair[1].text == name)?;
    let length = tokens[begin..].iter().position(|token| token.text == ";")?;
    let pairs = tokens[begin..begin + length].windows(2);
    let first = pairs.filter(|pair| ["(", ":"].contains(&pair[0].text.as_str()));
    Some(first.filter_map(|pair| pair[1].text.strip_prefix('"')?.strip_suffix('"')).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(rules: &str) -> Vec<String> {
        let openapi = json!({"paths": {"/v1/apps": {"get": {"operationId": "listApps"}, "post": {"operationId": "react"}}}});
        let asyncapi = json!({"channels": {"socket": {"messages": {"react_answer": {}, "push": {}}}}});
        findings(&openapi, &asyncapi, &rust::tokens(rules).expect("Rust")).expect("both lists are there")
    }

    #[test]
    fn a_route_or_request_without_a_rule_is_found() {
        let rules = "const ROUTES: &[Rule] = &[reads(\"listApps\", \"x\"), writes(\"react\", \"x\")];\n\
            const OPERATIONS: &[Rule] = &[Rule { id: \"react\", scope: \"\" }];";
        assert_eq!(found(rules), [""; 0]);
        let finding = |what, id, list| format!("{RULES}: the {what} {id} has no rule in {list}");
        assert_eq!(
            found(&rules.replace("reads(\"listApps\", \"x\"),", "")),
            [finding("route", "listApps", "ROUTES")]
        );
        assert_eq!(
            found(&rules.replace("writes(\"react\", \"x\")", "")),
            [finding("route", "react", "ROUTES")]
        );
        let without = rules.replace("Rule { id: \"react\", scope: \"\" }", "");
        assert_eq!(found(&without), [finding("socket request", "react", "OPERATIONS")]);
    }

    #[test]
    fn a_list_or_document_that_is_not_found_is_an_error() {
        let documents = (json!({"paths": {}}), json!({"channels": {"socket": {"messages": {}}}}));
        assert!(findings(&documents.0, &documents.1, &[]).is_err());
        assert!(findings(&json!({}), &documents.1, &[]).is_err());
        assert!(findings(&documents.0, &json!({}), &[]).is_err());
    }
}
