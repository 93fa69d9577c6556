//! An identity provider: an HTTPS server whose answers a test sets, under a root of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use snug_core::Outbound;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A running provider.
pub(crate) struct Provider {
    address: SocketAddr,
    root: reqwest::Certificate,
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicU32>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            address: listener.local_addr().unwrap(),
            root: reqwest::Certificate::from_der(made.cert.der()).unwrap(),
            answer: Arc::default(),
            asked: Arc::default(),
        };
        provider.publishes(&json!({ "keys": [] }));
        let (answer, asked) = (Arc::clone(&provider.answer), Arc::clone(&provider.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer, asked) = (acceptor.clone(), Arc::clone(&answer), Arc::clone(&asked));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    let answer = answer.lock().clone();
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        provider
    }

    /// Where it publishes its keys.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/keys", self.address.port())
    }

    /// Answers with these keys from now on.
    pub(crate) fn publishes(&self, keys: &Value) {
        let body = keys.to_string();
        self.answers(&format!("200 OK\r\nContent-Length: {}", body.len()), body.as_bytes());
    }

    /// Answers with this status line and headers, and this body.
    pub(crate) fn answers(&self, head: &str, body: &[u8]) {
        let mut answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        *self.answer.lock() = answer;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// A server that may ask it, and knows its root.
    pub(crate) fn reached(&self) -> Outbound {
        Outbound {
            allowed: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..self.trusted()
        }
    }

    /// A server that knows its root, and may not ask it.
    pub(crate) fn trusted(&self) -> Outbound {
        Outbound { allowed: Vec::new(), roots: vec![self.root.clone()] }
    }
}
