//! A running server with an app and a key to it, and the binary's commands.

use std::{
    env,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value, json};
use snug_rig::{Backend, Server, ServerOptions, TestDatabase};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_postgres::NoTls;

use crate::socket::Socket;

/// The scopes of a key that may do everything in its app.
pub(crate) const ALL_SCOPES: &str = "app,keys,roles,tokens,users,conversations,messages,messages.as_user,import,export,audit,events,bot_messages";

/// Runs each of the module's functions as a test on each backend.
macro_rules! on_both_backends {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::stage::On::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::stage::On::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both_backends;

/// What keeps a stage's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// The binary, configured by nothing but its flags.
pub(crate) fn snug() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snug"));
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SNUG_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a command printed that ended well.
#[track_caller]
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{said}", complaint(&output));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What a command complained about that ended badly.
#[track_caller]
pub(crate) fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    complaint(&output)
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

/// Sets a file's permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A file's permission bits.
pub(crate) fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A private folder for a server's data.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// An answer of REST, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// A running server, an app on it, and a key that may do everything in the app.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) app: String,
    pub(crate) key: String,
    http: reqwest::Client,
    /// The data's and the keys'. After the server, which uses them to its end.
    databases: Option<[TestDatabase; 2]>,
}

impl Stage {
    /// Starts it on SQLite, with further variables.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_on(On::Sqlite, variables)
    }

    /// Starts it, with further variables.
    pub(crate) fn start_on(on: On, variables: &[(&str, &str)]) -> Self {
        let database = || blocking(TestDatabase::create).unwrap();
        let databases = (on == On::Postgres).then(|| [database(), database()]);
        let backend = backend_of(databases.as_ref());
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = ServerOptions {
            binary: Some(env!("CARGO_BIN_EXE_snug").into()),
            variables: variables.collect(),
            backend,
            ..ServerOptions::default()
        };
        let server = blocking(|| Server::start(options)).unwrap();
        let app = printed(server.command().args(["app", "create", "--name", "Stage"]));
        let key = printed(server.command().args([
            "key",
            "create",
            "--app",
            &app,
            "--name",
            "back end",
            "--scopes",
            ALL_SCOPES,
            "--may-mint",
            "moderator",
        ]));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, app, key, http, databases }
    }

    /// One of the binary's commands, with the server's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.server.command();
        command.args(arguments);
        command
    }

    /// An empty database, where this one's data lies in one.
    pub(crate) fn another_database(&self) -> Option<TestDatabase> {
        self.databases.as_ref().map(|_| blocking(TestDatabase::create).unwrap())
    }

    /// Where the keys lie, where that is a database.
    pub(crate) fn keys_url(&self) -> Option<String> {
        self.databases.as_ref().map(|[_, keys]| keys.url().to_owned())
    }

    /// Does something to the data by hand.
    pub(crate) async fn by_hand(&self, sql: &str) {
        let changed = self.change(0, "data.sqlite", sql).await;
        assert_ne!(changed, 0, "{sql} changed nothing");
    }

    /// Makes a table beside the data by hand.
    pub(crate) async fn table_by_hand(&self, sql: &str) {
        self.change(0, "data.sqlite", sql).await;
    }

    /// Does something to the key store by hand.
    pub(crate) async fn by_hand_to_keys(&self, sql: &str) {
        let changed = self.change(1, "keys/keys.sqlite", sql).await;
        assert_ne!(changed, 0, "{sql} changed nothing");
    }

    /// Runs statements on the data by hand.
    pub(crate) async fn script(&self, sql: &str) {
        match &self.databases {
            None => {
                let file = self.server.data_folder().join("data.sqlite");
                rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
            }
            Some([data, _]) => {
                let (client, connection) = tokio_postgres::connect(data.url(), NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// What a query by hand finds in the data: rows of a number and bytes.
    pub(crate) async fn bytes(&self, sql: &str) -> Vec<(i64, Vec<u8>)> {
        match &self.databases {
            None => {
                let file = self.server.data_folder().join("data.sqlite");
                let connection = rusqlite::Connection::open(file).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Some([data, _]) => {
                let (client, connection) = tokio_postgres::connect(data.url(), NoTls).await.unwrap();
                tokio::spawn(connection);
                let rows = client.query(sql, &[]).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }

    /// Where its server keeps what it stores.
    pub(crate) fn backend(&self) -> Backend {
        backend_of(self.databases.as_ref())
    }

    /// Where the data is, if it is in PostgreSQL.
    pub(crate) fn data_url(&self) -> Option<&str> {
        self.databases.as_ref().map(|[data, _]| data.url())
    }

    /// Bytes as they stand in a statement.
    pub(crate) fn literal(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match &self.databases {
            None => format!("x'{digits}'"),
            Some(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    async fn change(&self, database: usize, file: &str, sql: &str) -> u64 {
        match &self.databases {
            None => {
                let connection = rusqlite::Connection::open(self.server.data_folder().join(file)).unwrap();
                connection.execute(sql, []).unwrap() as u64
            }
            Some(databases) => {
                let (client, connection) =
                    tokio_postgres::connect(databases[database].url(), NoTls).await.unwrap();
                tokio::spawn(connection);
                client.execute(sql, &[]).await.unwrap()
            }
        }
    }

    /// The last part of the key, `sk_<id>_<secret>`: an underscore may be one of its own characters.
    pub(crate) fn secret(&self) -> &str {
        self.key.splitn(3, '_').last().unwrap()
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.url().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Reads an address of the server.
    pub(crate) async fn get(&self, url: &str) -> (u16, String) {
        let response = self.http.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A request to a path below the app, with a bearer credential.
    pub(crate) async fn ask(&self, method: Method, path: &str, credential: &str, body: Value) -> Answer {
        let url = format!("{}/v1/apps/{}{path}", self.server.url(), self.app);
        let mut request = self.http.request(method, url).bearer_auth(credential);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        Self::answer(request).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status, body }
    }

    /// A request of the back end.
    pub(crate) async fn back_end(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask(method, path, &self.key, body).await
    }

    /// A request of the back end, to make something once.
    pub(crate) async fn back_end_once(&self, path: &str, once: &str, body: Value) -> Answer {
        let url = format!("{}/v1/apps/{}{path}", self.server.url(), self.app);
        let request = self.http.post(url).bearer_auth(&self.key).header("Idempotency-Key", once);
        Self::answer(request.body(body.to_string())).await
    }

    /// Makes users, and a conversation in which they all are.
    pub(crate) async fn conversation(&self, id: &str, users: &[&str]) {
        for user in users {
            let body = json!({ "name": user.to_uppercase() });
            self.back_end(Method::PUT, &format!("/users/{user}"), body).await.is(201);
        }
        let members: Vec<Value> = users.iter().map(|user| json!({ "user": user })).collect();
        self.back_end(Method::POST, "/conversations", json!({ "id": id, "members": members })).await.is(201);
    }

    /// The texts of a conversation's messages, in order of seq.
    pub(crate) async fn texts(&self, conversation: &str) -> Vec<String> {
        let path = format!("/conversations/{conversation}/messages?limit=200");
        let history = self.back_end(Method::GET, &path, Value::Null).await.is(200);
        let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
        history["items"].as_array().unwrap().iter().map(text).collect()
    }

    /// A token of a user, signed by the command.
    pub(crate) fn token(&self, user: &str) -> String {
        printed(&mut self.command(&["token", "--app", &self.app, "--key", &self.key, "--user", user]))
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn socket(&self) -> Socket {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        Socket::open(stream, &format!("{}/v1/apps/{}/socket", self.server.socket_url(), self.app)).await
    }

    /// A socket of a user that has said `hello`.
    pub(crate) async fn hello(&self, user: &str) -> Socket {
        let mut socket = self.socket().await;
        socket.hello(&self.token(user)).await;
        socket
    }
}

fn backend_of(databases: Option<&[TestDatabase; 2]>) -> Backend {
    match databases {
        None => Backend::Sqlite,
        Some([data, keys]) => Backend::Postgres { url: data.url().into(), keys_url: keys.url().into() },
    }
}

/// Does what blocks a thread, such as starting and stopping a server.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
