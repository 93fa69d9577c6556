//! Keys: those that may, those that lack what is asked for, and those that are not good here.

use super::*;

/// All scopes that routes ask for.
const SCOPES: [&str; 12] = [
    "app",
    "keys",
    "roles",
    "tokens",
    "users",
    "conversations",
    "messages",
    "messages.as_user",
    "bot_messages",
    "events",
    "export",
    "audit",
];

impl Making<'_> {
    /// Adds the keys; those whose scopes are a rule's own, by the scopes that it asks for.
    pub(super) async fn keys(&mut self, rules: &[Rule]) -> BTreeMap<(Kind, String), String> {
        let node = self.node;
        self.add("key", Actor::bearer(node.key.clone()));
        self.add("key-basic", Actor::of(Credential::Basic(node.key.clone())));
        for kind in ["key-alone", "key-reader", "key-lacking"] {
            self.add(kind, Actor::bearer(node.key.clone()));
        }
        let (id, _) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        self.add("key-wrong-secret", Actor::bearer(format!("sk_{id}_{}", "A".repeat(43))));
        let browser = |header, value| Actor::of(Credential::Browser(node.key.clone(), header, value));
        self.add("key-in-browser", browser("sec-fetch-mode", "cors"));
        self.add("key-from-page", browser("origin", "https://page.example"));
        let elsewhere = json!({ "name": "k", "scopes": SCOPES, "allowed_addresses": ["192.0.2.0/24"] });
        let (_, elsewhere) = self.key(elsewhere).await;
        self.add("key-elsewhere", Actor::bearer(elsewhere));
        let installation = snug_model::keys::KeyDraft {
            name: snug_model::text::Name::parse("installation").unwrap(),
            scopes: snug_model::keys::ScopeSet::EMPTY.with(snug_model::keys::Scope::Installation),
            may_mint: None,
            allowed_addresses: Vec::new(),
            expires_at: None,
        };
        let installation = node.core.create_installation_key(&installation).await.unwrap();
        self.add("installation-key", Actor::bearer(installation.credential.expose()));
        let mut keys = BTreeMap::new();
        for scope in rules.iter().map(|rule| rule.scope) {
            if scope == "-"
                || scope.starts_with("installation")
                || keys.contains_key(&("key-alone", scope.to_owned()))
            {
                continue;
            }
            let asked: Vec<_> = scope.split('+').map(|scope| scope.trim_end_matches(":read")).collect();
            let readers = asked.iter().map(|scope| format!("{scope}:read")).collect();
            let others =
                SCOPES.iter().filter(|scope| !asked.contains(scope)).map(|scope| (*scope).to_owned());
            for (kind, scopes) in [
                ("key-alone", asked.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>()),
                ("key-reader", readers),
                ("key-lacking", others.collect()),
            ] {
                let (_, key) = self.key(json!({ "name": "k", "scopes": scopes })).await;
                keys.insert((kind, scope.to_owned()), key);
            }
        }
        keys
    }
}
