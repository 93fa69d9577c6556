//! A node on a free port, and what a program without our types needs to talk to it: JSON over HTTP and WebSocket.

pub(crate) mod backend;
pub(crate) mod clock;
mod socket;

use std::{net::SocketAddr, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};
use snug_api::Proxies;
use snug_core::{
    Core, Outbound, Parts, Settings,
    clock::{SharedClock, SystemClock},
    sealing::{MasterKey, Random, Sealer},
};
use snug_model::{
    Actor,
    apps::AppDraft,
    ids::Region,
    keys::{KeyDraft, ScopeSet},
    text::Name,
};
use snug_wire::{apps::AppPatch, rates::RatesPatch};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use self::backend::Place;
pub(crate) use self::{backend::Backend, socket::Socket};

/// A running node with one app and a key that may do everything in it.
pub(crate) struct Node {
    pub(crate) core: Arc<Core>,
    pub(crate) address: SocketAddr,
    pub(crate) app: String,
    pub(crate) key: String,
    http: reqwest::Client,
    stop: CancellationToken,
    place: Place,
    /// Has the master key, which is read once.
    folder: TempDir,
}

/// What may be different of a node.
pub(crate) struct Setup {
    /// Whether others than this machine reach it.
    pub(crate) public: bool,
    pub(crate) clock: SharedClock,
    pub(crate) proxies: Proxies,
    /// Whether it believes to be reached by HTTPS.
    pub(crate) https: bool,
    /// Where it may ask for the keys of issuers.
    pub(crate) outbound: Outbound,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            proxies: Proxies::default(),
            https: false,
            outbound: Outbound::default(),
            public: false,
        }
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// That it was refused with this code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body
    }
}

impl Node {
    pub(crate) async fn start(backend: Backend) -> Self {
        let node = Self::start_still(backend).await;
        node.run();
        node
    }

    /// Lets happen what does beside the requests.
    pub(crate) fn run(&self) {
        tokio::spawn(Arc::clone(&self.core).run(self.stop.clone()));
    }

    /// A node in which nothing happens beside the requests, so that what is stored changes by them alone.
    pub(crate) async fn start_still(backend: Backend) -> Self {
        Self::start_at(Place::new(backend)).await
    }

    /// A node whose data lies there, in which nothing happens beside the requests.
    pub(crate) async fn start_at(place: Place) -> Self {
        Self::start_with(place, Setup::default()).await
    }

    /// A node that is set up in this way, in which nothing happens beside the requests.
    pub(crate) async fn start_with(place: Place, setup: Setup) -> Self {
        let Setup { clock, proxies, https, outbound, public } = setup;
        let folder = tempfile::tempdir().unwrap();
        let (store, keys) = place.open().await.unwrap();
        let master = MasterKey::at_start(&folder.path().join("master.key"), &*keys, Random).await.unwrap();
        let sealer = Sealer::open(master, keys, 8 << 20, Random).await.unwrap();
        let region = Region::parse("eu").unwrap();
        let elsewhere = [(Region::parse("us").unwrap(), "https://us.example".to_owned())].into();
        let settings = Settings { region, elsewhere, public, outbound, outside: Vec::new() };
        let core = Core::new(Parts { store, sealer, clock, settings });
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let node = snug_api::Node { core: Arc::clone(&core), https };
        let serving = snug_api::Serving { node, listener, tls: None, proxies, stop: stop.clone() };
        tokio::spawn(snug_api::serve(serving));
        let (app, key) = new_app(&core).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { core, address, app, key, http, stop, place, folder }
    }

    /// A request to a path below the app, with a bearer credential.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        credential: &str,
        body: Option<Value>,
    ) -> Answer {
        let url = format!("http://{}/v1/apps/{}{path}", self.address, self.app);
        let mut request = self.http.request(method, url);
        if !credential.is_empty() {
            request = request.bearer_auth(credential);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        self.send(request).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
        let body = match headers.get("content-type") {
            // An export: its lines.
            Some(kind) if kind == "application/x-ndjson" => {
                bytes.split_inclusive(|byte| *byte == b'\n').map(read).collect()
            }
            _ if bytes.is_empty() => Value::Null,
            _ => read(&bytes),
        };
        Answer { status, headers, body }
    }

    /// What opens what this node seals, over the same key store, and has no secret in memory yet.
    pub(crate) async fn sealer(&self) -> Sealer {
        let (_, keys) = self.place.open().await.unwrap();
        let path = self.folder.path().join("master.key");
        let master = MasterKey::at_start(&path, &*keys, Random).await.unwrap();
        Sealer::open(master, keys, 1 << 20, Random).await.unwrap()
    }

    /// Where its data lies.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// A request of the back end.
    pub(crate) async fn back_end(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask(method, path, &self.key, Some(body).filter(|body| !body.is_null())).await
    }

    /// Waits until the job is done that an answer names; the job.
    pub(crate) async fn done(&self, started: &Value) -> Value {
        let path = format!("/jobs/{}", started["job"].as_str().unwrap());
        loop {
            let job = self.back_end(Method::GET, &path, Value::Null).await.is(200);
            if job["state"] == "done" {
                return job;
            }
        }
    }

    /// Makes users.
    pub(crate) async fn users(&self, users: &[&str]) {
        for user in users {
            self.back_end(Method::PUT, &format!("/users/{user}"), json!({ "name": user.to_uppercase() }))
                .await
                .is(201);
        }
    }

    /// Makes a conversation with these members.
    pub(crate) async fn conversation(&self, id: &str, members: &[(&str, &str)]) {
        let members: Vec<Value> =
            members.iter().map(|(user, role)| json!({ "user": user, "role": role })).collect();
        let body = json!({ "id": id, "members": members });
        self.back_end(Method::POST, "/conversations", body).await.is(201);
    }

    /// Changes who may come in; the settings after that.
    pub(crate) async fn identity(&self, patch: Value) -> Value {
        let patch = json!({ "settings": { "identity": patch } });
        self.back_end(Method::PATCH, "", patch).await.is(200)["settings"]["identity"].take()
    }

    /// Comes to the door with this.
    pub(crate) async fn enter(&self, proof: Value) -> Answer {
        self.ask(Method::POST, "/sessions", "", Some(proof)).await
    }

    /// A token of a user.
    pub(crate) async fn token(&self, user: &str) -> String {
        self.narrowed_token(json!({ "user": user })).await
    }

    pub(crate) async fn narrowed_token(&self, draft: Value) -> String {
        let token = self.back_end(Method::POST, "/tokens", draft).await.is(201);
        token["token"].as_str().unwrap().to_owned()
    }

    /// Sends a message as a user.
    pub(crate) async fn say(&self, token: &str, conversation: &str, text: &str) -> Value {
        let body = json!({ "id": new_id(), "text": text });
        let path = format!("/conversations/{conversation}/messages");
        self.ask(Method::POST, &path, token, Some(body)).await.is(201)["message"].take()
    }

    /// A socket that has said `hello`, and what was answered.
    pub(crate) async fn hello(&self, token: &str) -> (Socket, Value) {
        let mut socket = self.socket().await;
        let hello = socket.ask(json!({ "op": "hello", "token": token })).await;
        assert!(hello["ok"].is_object(), "{hello}");
        (socket, hello["ok"].clone())
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn socket(&self) -> Socket {
        self.socket_of(&self.app, None).await
    }

    /// A socket to an app, of a page of this origin.
    pub(crate) async fn socket_of(&self, app: &str, origin: Option<&str>) -> Socket {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}/v1/apps/{app}/socket", self.address);
        Socket::open(stream, &url, origin).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Makes an app with a key that may do everything in it; their id and credential.
pub(crate) async fn new_app(core: &Core) -> (String, String) {
    let installation = Actor::System(snug_model::AppKey::INSTALLATION);
    let draft = AppDraft { name: Name::parse("test").unwrap(), region: None };
    let app = core.create_app(&installation, &draft, None).await.unwrap();
    let system = core.system_actor(&app.id).await.unwrap();
    core.edit_app(&system, &AppPatch::of_rates(RatesPatch::highest()).into()).await.unwrap();
    let draft = KeyDraft {
        name: Name::parse("everything").unwrap(),
        scopes: ScopeSet::all_of_app(),
        may_mint: Some(snug_model::text::RoleName::parse("moderator").unwrap()),
        allowed_addresses: Vec::new(),
        expires_at: None,
    };
    let key = core.create_key(&system, &draft).await.unwrap();
    (app.id.as_str().to_owned(), key.credential.expose().to_owned())
}

/// The signature of a user's id, as back ends make it.
pub(crate) fn identity_signature(secret: &str, user: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(aws_lc_rs::hmac::sign(&key, user.as_bytes()))
}

/// A message's id.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
