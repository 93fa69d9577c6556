//! The kinds of actors: who each is, where it is, and its credential.

mod bearers;
mod consents;
mod foreign;
mod keys;
mod people;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use snug_core::clock::{Clock, SystemClock};
use snug_model::Timestamp;

pub(super) use self::consents::{Demand, accepted, demand, known};
pub(crate) use self::people::minter;
use super::rules::{Kind, Rule};
use crate::{
    harness::{Backend, Node, Setup, backend::Place, new_id},
    issuers::provider::Provider,
    signing::Pair,
};

/// The conversation that most of it is about.
pub(super) const HERE: &str = "here";
/// Whom acts on others concern: a member of every conversation.
pub(super) const TARGET: &str = "target";
/// How long before now the cast is assembled: what is to have ended by now ends meanwhile.
const REHEARSAL_MS: i64 = 600_000;

/// The machine's clock, some time ago at first.
pub(super) struct Late(AtomicI64);

impl Clock for Late {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 - self.0.load(Ordering::SeqCst))
    }
}

/// How a request says whose it is.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// It does not.
    None,
    /// As access tokens are sent, and keys.
    Bearer(String),
    /// As a key's id and secret.
    Basic(String),
    /// A key, with a header that only browsers send.
    Browser(String, &'static str, &'static str),
}

/// One actor.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// The user that it is; of who is nobody in particular, somebody.
    pub(super) user: String,
    /// Where it is a member, or looks.
    pub(super) place: &'static str,
    /// Its role and access there, where it has some.
    pub(super) standing: Option<(&'static str, &'static str)>,
    pub(super) credential: Credential,
    /// What it brings to the door, if it has something of its own.
    pub(super) proof: Option<Value>,
    /// What the app demands as long as it is there.
    pub(super) demand: Demand,
}

impl Actor {
    /// Somebody who has no more than a credential.
    fn of(credential: Credential) -> Self {
        Self {
            user: TARGET.to_owned(),
            place: HERE,
            standing: None,
            credential,
            proof: None,
            demand: Demand::Nothing,
        }
    }

    fn bearer(token: impl Into<String>) -> Self {
        Self::of(Credential::Bearer(token.into()))
    }

    /// What a socket's `hello` would take.
    pub(super) fn token(&self) -> &str {
        match &self.credential {
            Credential::None => "",
            Credential::Bearer(token) | Credential::Basic(token) | Credential::Browser(token, ..) => token,
        }
    }

    pub(super) fn signs(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credential {
            Credential::None => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::Basic(key) => {
                let (id, secret) = key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
                request.basic_auth(id, Some(secret))
            }
            Credential::Browser(key, header, value) => request.bearer_auth(key).header(*header, *value),
        }
    }
}

/// All of them.
pub(super) struct Cast {
    actors: BTreeMap<Kind, Actor>,
    /// Keys by their kind and the scopes of a rule.
    keys: BTreeMap<(Kind, String), String>,
    /// The id of a message of each user, by where it is.
    pub(super) messages: BTreeMap<(&'static str, String), String>,
    /// A key that may give every app role.
    minter: String,
    /// A token of the target's.
    pub(super) target: String,
}

/// A node with the cast on it, in which nothing happens beside the requests.
pub(super) struct Troupe {
    pub(super) node: Node,
    pub(super) cast: Cast,
    clock: Arc<Late>,
    /// Ends with this: it publishes the issuer's keys.
    _provider: Provider,
}

impl Troupe {
    pub(super) async fn assemble(backend: Backend, rules: &[Rule]) -> Self {
        let provider = Provider::start().await;
        let clock = Arc::new(Late(AtomicI64::new(REHEARSAL_MS)));
        let setup = Setup { clock: clock.clone(), outbound: provider.reached(), ..Setup::default() };
        let node = Node::start_with(Place::new(backend), setup).await;
        let mut making =
            Making { node: &node, clock: &clock, actors: BTreeMap::new(), minter: String::new() };
        making.people_and_places().await;
        let issuer = Pair::es256();
        provider.publishes(&json!({ "keys": [foreign::published(&issuer)] }));
        making.what_ends().await;
        making.what_other_systems_gave(&issuer, &provider.url()).await;
        making.bad_tokens(&issuer).await;
        making.people().await;
        let keys = making.keys(rules).await;
        let messages = making.messages().await;
        making.who_is_asked_to_consent(rules).await;
        making.what_happens_to_some().await;
        let target = making.mint(json!({ "user": TARGET })).await;
        let Making { actors, minter, .. } = making;
        Self { cast: Cast { actors, keys, messages, minter, target }, node, clock, _provider: provider }
    }

    /// Lets time pass, in milliseconds.
    pub(super) fn forward(&self, ms: i64) {
        self.clock.0.fetch_sub(ms, Ordering::SeqCst);
    }
}

impl Cast {
    /// The kinds that there are.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.actors.keys().copied()
    }

    /// The actor of a kind, as it comes to what asks keys for `scope`.
    pub(super) fn actor(&self, kind: Kind, scope: &str) -> Actor {
        let mut actor = self.actors[kind].clone();
        if let Some(key) = self.keys.get(&(kind, scope.to_owned())) {
            actor.credential = Credential::Bearer(key.clone());
        }
        actor
    }

    /// While the app demands what somebody of this kind is there.
    pub(super) fn demand(&self, kind: Kind) -> Demand {
        self.actors[kind].demand
    }

    /// What proves the target at the door.
    pub(super) fn proof(&self) -> Value {
        foreign::of_target()
    }

    /// A token of another person than everybody here, who may all that its role lets it.
    pub(super) async fn token_of(&self, node: &Node, user: &str) -> String {
        mint(node, &self.minter, json!({ "user": user })).await
    }
}

/// What the cast is made with.
struct Making<'a> {
    node: &'a Node,
    clock: &'a Late,
    actors: BTreeMap<Kind, Actor>,
    minter: String,
}

impl Making<'_> {
    fn add(&mut self, kind: Kind, actor: Actor) {
        assert!(self.actors.insert(kind, actor).is_none(), "{kind} is there twice");
    }

    /// The member, as who it comes by another credential than its own.
    fn member(&self, token: impl Into<String>) -> Actor {
        let standing = Some(("member", "full"));
        Actor { user: "member".to_owned(), standing, ..Actor::bearer(token) }
    }

    async fn mint(&self, draft: Value) -> String {
        mint(self.node, &self.minter, draft).await
    }

    /// A key that is made so; its id and the credential.
    async fn key(&self, draft: Value) -> (String, String) {
        let key = self.node.back_end(Method::POST, "/keys", draft).await.is(201);
        let id = key["id"].as_str().unwrap();
        let credential =
            format!("sk_{}_{}", id.strip_prefix("key_").unwrap(), key["secret"].as_str().unwrap());
        (id.to_owned(), credential)
    }

    async fn does(&self, method: Method, path: &str, body: Value) {
        let answer = self.node.back_end(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
    }

    /// A message of each user where it is, and of the target everywhere.
    async fn messages(&self) -> BTreeMap<(&'static str, String), String> {
        let mut messages = BTreeMap::new();
        let targets = people::PLACES.iter().map(|place| (*place, TARGET.to_owned()));
        let own = self.actors.values().filter(|actor| actor.standing.is_some());
        for (place, user) in own.map(|actor| (actor.place, actor.user.clone())).chain(targets) {
            let id = new_id();
            if messages.contains_key(&(place, user.clone())) {
                continue;
            }
            let sent = json!({ "id": id, "text": "hello", "as": { "user": user } });
            self.does(Method::POST, &format!("/conversations/{place}/messages"), sent).await;
            messages.insert((place, user), id);
        }
        messages
    }
}

/// A token that a key mints, for two hours.
pub(crate) async fn mint(node: &Node, key: &str, mut draft: Value) -> String {
    draft["ttl_s"] = json!(7_200);
    let token = node.ask(Method::POST, "/tokens", key, Some(draft)).await.is(201);
    token["token"].as_str().unwrap().to_owned()
}
