//! Who may come in: the settings.

use super::*;
use crate::harness::{Setup, backend::Place};

on_both! {
    every_scheme_is_off_in_a_new_app
    a_secret_goes_in_and_never_comes_out
    two_secrets_are_good_at_a_time
    no_secret_serves_two_purposes
    a_scheme_is_on_with_what_it_needs
    where_others_come_everybody_proves_who_they_are
}

/// The field that a change of the schemes is refused for.
async fn refused(node: &Node, schemes: Value) -> String {
    let patch = json!({ "settings": { "identity": { "schemes": schemes } } });
    let refused = node.back_end(Method::PATCH, "", patch).await.refused(400, "invalid");
    assert!(!refused.to_string().contains(SECRET), "{refused}");
    refused["field"].as_str().unwrap().strip_prefix("settings.identity.schemes.").unwrap().to_owned()
}

async fn every_scheme_is_off_in_a_new_app(backend: Backend) {
    let node = Node::start(backend).await;
    let app = node.back_end(Method::GET, "", Value::Null).await.is(200);
    let identity = &app["settings"]["identity"];
    assert_eq!(identity["required"], true);
    let schemes = identity["schemes"].as_object().unwrap();
    let names: Vec<_> = schemes.keys().map(String::as_str).collect();
    assert_eq!(names, ["agora", "hmac", "jwt", "stream", "talkjs", "twilio", "visitor"]);
    assert!(schemes.values().all(|scheme| scheme["enabled"] == false && scheme["max_ttl_s"] == 3_600));
}

async fn a_secret_goes_in_and_never_comes_out(backend: Backend) {
    let node = Node::start(backend).await;
    let hmac = json!({ "secrets": { "this_year": { "secret": SECRET } } });
    let identity = node.identity(json!({ "schemes": { "hmac": hmac } })).await;
    let kept = &identity["schemes"]["hmac"]["secrets"]["this_year"];
    assert!(kept["created_at"].is_string() && kept.as_object().unwrap().len() == 1, "{kept}");
    for path in ["", "/keys"] {
        let shown = node.back_end(Method::GET, path, Value::Null).await.is(200);
        assert!(!shown.to_string().contains(SECRET), "{shown}");
    }
    // A change of something else keeps it.
    node.identity(json!({ "schemes": { "hmac": { "enabled": true } } })).await;
    node.back_end(Method::PATCH, "", json!({ "name": "renamed" })).await.is(200);
    token(node.enter(signed("ann")).await);
    let none = node.identity(json!({ "schemes": { "hmac": { "secrets": { "this_year": null } } } })).await;
    assert_eq!(none["schemes"]["hmac"]["secrets"], json!({}));
}

async fn two_secrets_are_good_at_a_time(backend: Backend) {
    let node = Node::start(backend).await;
    let secrets = |secrets: Value| json!({ "hmac": { "secrets": secrets } });
    let two = json!({ "a": { "secret": SECRET }, "b": { "secret": OTHER_SECRET } });
    node.identity(json!({ "schemes": secrets(two.clone()) })).await;
    let again = node.identity(json!({ "schemes": secrets(two) })).await;
    assert_eq!(again["schemes"]["hmac"]["secrets"].as_object().unwrap().len(), 2, "the same call again");
    let third = json!({ "secret": "a third secret, too many" });
    assert_eq!(refused(&node, secrets(json!({ "c": third }))).await, "hmac.secrets.c.secret");
    node.identity(json!({ "schemes": secrets(json!({ "c": third, "a": null })) })).await;
    // A name stands for one secret, as long as it is there.
    let other = json!({ "b": { "secret": "another secret of that name" } });
    assert_eq!(refused(&node, secrets(other)).await, "hmac.secrets.b.secret");
}

async fn no_secret_serves_two_purposes(backend: Backend) {
    let node = Node::start(backend).await;
    let with = |scheme: &str, secret: &str| json!({ scheme: { "secrets": { "s": { "secret": secret } } } });
    node.identity(json!({ "schemes": with("hmac", SECRET) })).await;
    for scheme in ["twilio", "stream"] {
        let field = format!("{scheme}.secrets.s.secret");
        assert_eq!(refused(&node, with(scheme, SECRET)).await, field);
    }
    let twice = json!({ "hmac": { "secrets": { "again": { "secret": SECRET } } } });
    assert!(refused(&node, twice).await.starts_with("hmac.secrets."));
    let both = json!({ "twilio": { "secrets": { "s": { "secret": OTHER_SECRET } } },
        "stream": { "secrets": { "s": { "secret": OTHER_SECRET } } } });
    refused(&node, both).await;
    // TalkJS has one for its pair, by design.
    node.identity(json!({ "schemes": with("talkjs", SECRET) })).await;
    // An API key's, as it is sent and alone.
    let (_, alone) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    for secret in [node.key.as_str(), alone] {
        assert_eq!(refused(&node, with("stream", secret)).await, "stream.secrets.s.secret");
    }
    node.identity(json!({ "schemes": with("stream", OTHER_SECRET) })).await;
}

async fn a_scheme_is_on_with_what_it_needs(backend: Backend) {
    let node = Node::start(backend).await;
    let hex = "970CA35de60c44645bbae8a215061b33";
    for (schemes, field) in [
        (json!({ "talkjs": { "enabled": true } }), "talkjs.app_id"),
        (json!({ "twilio": { "enabled": true, "service_sid": "IS1" } }), "twilio.account_sid"),
        (json!({ "twilio": { "enabled": true, "account_sid": "AC1" } }), "twilio.service_sid"),
        (json!({ "agora": { "enabled": true } }), "agora.app_id"),
        (json!({ "agora": { "enabled": true, "app_id": "not-hexadecimal" } }), "agora.app_id"),
        (json!({ "agora": { "secrets": { "c": { "secret": SECRET } } } }), "agora.secrets.c.secret"),
        (json!({ "hmac": { "secrets": { "s": { "secret": "too short" } } } }), "hmac.secrets.s.secret"),
        (json!({ "stream": { "ttl_without_exp_s": 0 } }), "stream.ttl_without_exp_s"),
        (json!({ "hmac": { "max_ttl_s": 86_401 } }), "hmac.max_ttl_s"),
        (json!({ "visitor": { "origins": ["https://shop.example/"] } }), "visitor.origins[0]"),
        (json!({ "visitor": { "secrets": {} } }), "visitor.secrets"),
        (json!({ "telepathy": {} }), "telepathy"),
    ] {
        assert_eq!(refused(&node, schemes.clone()).await, field, "{schemes}");
    }
    node.identity(json!({ "schemes": {
        "talkjs": { "enabled": true, "app_id": "t1" },
        "twilio": { "enabled": true, "account_sid": "AC1", "service_sid": "IS1" },
        "agora": { "enabled": true, "app_id": hex, "secrets": { "c": { "secret": hex } } },
    } }))
    .await;
    // What it needs stays as long as it is on.
    assert_eq!(refused(&node, json!({ "talkjs": { "app_id": null } })).await, "talkjs.app_id");
}

async fn where_others_come_everybody_proves_who_they_are(backend: Backend) {
    let setup = Setup { public: true, ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    turn_hmac_on(&node).await;
    let off = json!({ "settings": { "identity": { "required": false } } });
    let refused = node.back_end(Method::PATCH, "", off).await.refused(400, "invalid");
    assert_eq!(refused["field"], "settings.identity.required");
    assert_eq!(node.identity(json!({ "required": true })).await["required"], true);
    let claimed = json!({ "scheme": "hmac", "user": "ann" });
    node.enter(claimed).await.refused(401, "unauthenticated");
    token(node.enter(signed("ann")).await);
}
