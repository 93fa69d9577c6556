//! TLS by the server itself.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::Arc,
};

use reqwest::{Certificate, Client};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    socket::Socket,
    stage::{ALL_SCOPES, folder, printed, set_mode, snug},
};

/// A server that ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_rest_and_sockets_with_a_certificate() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(path("tls.pem"), made.cert.pem()).unwrap();
    fs::write(path("tls.key"), made.signing_key.serialize_pem()).unwrap();
    set_mode(&path("tls.key"), 0o600);
    let port = snug_rig::free_port().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = snug();
        command.args(arguments).arg("--data-dir").arg(path("data")).args(["--metrics-listen", ""]);
        command
    };
    let app = printed(&mut command(&["app", "create", "--name", "t"]));
    let key = printed(&mut command(&["key", "create", "--app", &app, "--name", "k", "--scopes", ALL_SCOPES]));

    // Public, and with a certificate: that is no reason to refuse.
    let mut serve = command(&["serve", "--listen", &format!("0.0.0.0:{port}")]);
    serve.arg("--tls-certificate-file").arg(path("tls.pem")).arg("--tls-key-file").arg(path("tls.key"));
    let mut served = Served(serve.stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(served.0.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("serving")), "it did not start");

    let root = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let url = format!("https://localhost:{port}/v1/apps/{app}");
    let user = client.put(format!("{url}/users/ann")).bearer_auth(&key).body("{}").send().await.unwrap();
    assert_eq!(user.status(), 201);
    assert_eq!(user.headers()["strict-transport-security"], "max-age=31536000");
    let plain = client.get(format!("http://localhost:{port}/healthz")).send().await;
    assert!(plain.is_err(), "no plain HTTP where there is TLS");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut socket = Socket::open(stream, &format!("wss://localhost:{port}/v1/apps/{app}/socket")).await;
    let token = printed(&mut command(&["token", "--app", &app, "--key", &key, "--user", "ann"]));
    assert_eq!(socket.hello(&token).await["user"]["id"], "ann");

    // A page of its own came by HTTPS; one of the same name that did not may be anybody's.
    for (scheme, status) in [("https", 200), ("http", 403)] {
        let request = client.get(format!("{url}/users/ann")).bearer_auth(&token);
        let page = request.header("origin", format!("{scheme}://localhost:{port}")).send().await.unwrap();
        assert_eq!(page.status(), status, "{scheme}");
    }
}
