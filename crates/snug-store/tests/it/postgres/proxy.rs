//! Stands between the store and the server, and cuts a connection at a chosen word.

use std::{str::FromStr, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_postgres::{Config, config::Host};

use super::LIMIT;

/// What the driver sends to commit.
pub(super) const COMMIT: &[u8] = b"COMMIT\0";

/// Where a connection is to be cut, once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// When these bytes come, before the server sees them.
    Before(&'static [u8]),
    /// When the server has answered to these bytes, which its answer repeats, before anybody sees the answer.
    After(&'static [u8]),
    /// Not at all: from these bytes on nothing is handed on, as by a node that hangs.
    Hang(&'static [u8]),
}

/// A proxy in front of a server, until the runtime of the test ends.
pub(super) struct Proxy {
    config: Config,
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    pub(super) async fn start(url: &str) -> Self {
        let config = Config::from_str(url).expect("the URL of a database");
        let host = match &config.get_hosts()[0] {
            Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            Host::Unix(_) => panic!("the proxy needs a server on TCP"),
        };
        let server = (host, config.get_ports()[0]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let cut = Arc::default();
        let this = Self { config, port, cut: Arc::clone(&cut) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.expect("the server is there");
                // Whichever side ends, the other does with it.
                tokio::spawn(pass(client, server, Arc::clone(&cut)));
            }
        });
        this
    }

    /// The database behind the proxy.
    pub(super) fn url(&self) -> String {
        let (user, database) = (self.config.get_user(), self.config.get_dbname());
        let secret = match self.config.get_password() {
            Some(password) => format!(":{}", String::from_utf8_lossy(password)),
            None => String::new(),
        };
        let (user, database) = (user.unwrap_or_default(), database.unwrap_or_default());
        format!("postgres://{user}{secret}@127.0.0.1:{}/{database}", self.port)
    }

    /// Cuts the next connection that comes to that point.
    pub(super) fn cut(&self, cut: Cut) {
        *self.cut.lock() = Some(cut);
    }

    /// Returns once the cut was made.
    pub(super) async fn until_cut(&self) {
        let wait = async {
            while !self.was_cut() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the connection comes to where it is cut");
    }

    /// Whether the cut was made.
    pub(super) fn was_cut(&self) -> bool {
        self.cut.lock().is_none()
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, cut: Arc<Mutex<Option<Cut>>>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let now = take(&cut, &asked[..count]);
                match now {
                    Some(Cut::Before(_)) => return,
                    Some(Cut::Hang(_)) => std::future::pending().await,
                    Some(Cut::After(_)) | None => {}
                }
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                if let Some(Cut::After(word)) = now {
                    let mut answer = Vec::new();
                    while !holds(&answer, word) && matches!(server.read_buf(&mut answer).await, Ok(1..)) {}
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes the cut, if these bytes are those that it waits for. The driver writes a message at once.
fn take(cut: &Mutex<Option<Cut>>, bytes: &[u8]) -> Option<Cut> {
    let mut cut = cut.lock();
    let (Cut::Before(word) | Cut::After(word) | Cut::Hang(word)) = (*cut)?;
    if holds(bytes, word) { cut.take() } else { None }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
