//! What a server does not start with. Each is told in words, with exit status 1, before a port opens.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::Connection;
use snug_rig::TestDatabase;
use tempfile::TempDir;

use crate::stage::{blocking, folder, printed, refused, set_mode, snug};

/// Says that a later version has been at work.
const NEWER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
    VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";

/// A data folder, and a server that would start in it.
struct Setting {
    folder: TempDir,
    port: u16,
}

impl Setting {
    fn new() -> Self {
        Self { folder: folder(), port: snug_rig::free_port().unwrap() }
    }

    /// One whose stores and master key were made.
    fn used() -> Self {
        let setting = Self::new();
        printed(setting.command("app").args(["create", "--name", "first"]));
        setting
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = snug();
        command.arg(name).arg("--data-dir").arg(self.data()).env("SNUG_METRICS_LISTEN", "");
        command
    }

    fn serve(&self) -> Command {
        let mut command = self.command("serve");
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command
    }

    /// What the server complains about, which then serves nothing.
    #[track_caller]
    fn refused(&self, command: &mut Command) -> String {
        let complaint = refused(command);
        assert!(!complaint.contains("serving"), "{complaint}");
        assert!(TcpStream::connect(("127.0.0.1", self.port)).is_err(), "the port is open");
        complaint
    }
}

#[track_caller]
fn assert_says(complaint: &str, says: &[&str]) {
    for part in says {
        assert!(complaint.contains(part), "no `{part}` in: {complaint}");
    }
}

#[test]
fn a_public_address_without_tls() {
    let setting = Setting::new();
    for address in ["0.0.0.0", "[::]", "192.0.2.1", "[::ffff:192.0.2.1]"] {
        let listen = format!("{address}:{}", setting.port);
        let complaint = setting.refused(setting.command("serve").args(["--listen", &listen]));
        assert_says(&complaint, &[&listen, "there is no TLS", "tls.certificate_file", "behind_proxy"]);
    }
    let metrics = setting.refused(setting.serve().args(["--metrics-listen", "0.0.0.0:0"]));
    assert_says(&metrics, &["metrics.listen is 0.0.0.0:0", "without TLS"]);
    let undeclared = setting.refused(setting.serve().arg("--behind-proxy"));
    assert_says(&undeclared, &["behind_proxy", "http.trusted_proxies is empty"]);
    let unreadable =
        setting.serve().args(["--http-trusted-proxies", "10.0.0.0/8, nowhere"]).output().unwrap();
    assert_says(&String::from_utf8_lossy(&unreadable.stderr), &["http.trusted_proxies", "CIDR"]);
    assert!(!setting.data().exists(), "nothing was made");
}

#[test]
fn what_others_may_read() {
    let setting = Setting::used();
    let files = [("", 0o750), ("", 0o701), ("keys", 0o750), ("master.key", 0o640), ("master.key", 0o604)];
    let databases = [("data.sqlite", 0o644), ("keys/keys.sqlite", 0o660)];
    for (name, mode) in files.into_iter().chain(databases) {
        let path = if name.is_empty() { setting.data() } else { setting.data().join(name) };
        let before = crate::stage::mode_of(&path);
        set_mode(&path, mode);
        let complaint = setting.refused(&mut setting.serve());
        assert_says(
            &complaint,
            &["others could read", &path.display().to_string(), &format!("{mode:o}"), "chmod"],
        );
        set_mode(&path, before);
    }
    assert_eq!(printed(&mut setting.command("check")), "", "all is as it was");
}

#[test]
fn a_certificate_that_cannot_be_used() {
    let setting = Setting::new();
    let (certificate, key) = (setting.folder.path().join("tls.pem"), setting.folder.path().join("tls.key"));
    let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (one, other) = (made("localhost"), made("localhost"));
    fs::write(&certificate, one.cert.pem()).unwrap();
    fs::write(&key, one.signing_key.serialize_pem()).unwrap();
    let serve = || {
        let mut command = setting.serve();
        command.arg("--tls-certificate-file").arg(&certificate).arg("--tls-key-file").arg(&key);
        command
    };
    set_mode(&key, 0o640);
    assert_says(&setting.refused(&mut serve()), &["others could read the certificate's key", "640"]);
    set_mode(&key, 0o600);

    fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    assert_says(&setting.refused(&mut serve()), &["cannot be used together"]);
    fs::write(&key, "no key").unwrap();
    assert_says(&setting.refused(&mut serve()), &["the certificate's key", "cannot be read"]);
    fs::write(&certificate, "no certificate").unwrap();
    assert_says(&setting.refused(&mut serve()), &["holds no certificate"]);
    fs::remove_file(&certificate).unwrap();
    assert_says(&setting.refused(&mut serve()), &["the certificate", "cannot be read"]);
}

#[test]
fn a_master_key_that_is_weak_or_gone_or_another() {
    let setting = Setting::used();
    let file = setting.data().join("master.key");
    let key = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("snug master key 1\n{}\n", "00".repeat(32))).unwrap();
    assert_says(&setting.refused(&mut setting.serve()), &["is not random"]);
    fs::write(&file, "changeme\n").unwrap();
    assert_says(&setting.refused(&mut setting.serve()), &["is not `snug master key 1`"]);
    fs::remove_file(&file).unwrap();
    assert_says(
        &setting.refused(&mut setting.serve()),
        &["there is no master key", "the key store needs the one"],
    );
    let others = Setting::used();
    fs::copy(others.data().join("master.key"), &file).unwrap();
    assert_says(&setting.refused(&mut setting.serve()), &["was wrapped by master key", "and this is"]);
    fs::write(&file, key).unwrap();
    assert_eq!(printed(&mut setting.command("check")), "", "all is as it was");
}

#[test]
fn an_unknown_schema() {
    for name in ["data.sqlite", "keys/keys.sqlite"] {
        let setting = Setting::used();
        let file = setting.data().join(name);
        Connection::open(&file).unwrap().execute(NEWER, []).unwrap();
        let complaint = setting.refused(&mut setting.serve());
        assert_says(
            &complaint,
            &[&file.display().to_string(), "schema has version 99", "use a newer program"],
        );
    }
}

#[test]
fn a_weak_password_or_one_database_for_data_and_keys() {
    let setting = Setting::new();
    let serve = |url: &str, keys_url: &str| {
        let mut command = setting.serve();
        command.env("SNUG_STORE_BACKEND", "postgres");
        command.env("SNUG_STORE_POSTGRES_URL", url).env("SNUG_STORE_POSTGRES_KEYS_URL", keys_url);
        command
    };
    let good = "postgres://snug:kT9vqLx2Wm4p@127.0.0.1:1";
    let weak =
        setting.refused(&mut serve("postgres://snug:postgres@127.0.0.1:1/data", &format!("{good}/keys")));
    assert_says(&weak, &["the password in store.postgres_url is weak"]);
    let weak =
        setting.refused(&mut serve(&format!("{good}/data"), "postgres://snug:changeme@127.0.0.1:1/keys"));
    assert_says(&weak, &["the password in store.postgres_keys_url is weak"]);
    let same = setting.refused(&mut serve(&format!("{good}/data"), &format!("{good}/data")));
    assert_says(&same, &["are the same database"]);
    assert!(!same.contains("kT9vqLx2Wm4p"), "{same}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_postgres_that_is_not_meant_for_it() {
    let setting = Setting::new();
    let [data, keys] = [(); 2].map(|()| blocking(TestDatabase::create).unwrap());
    let serve = |url: &str, keys_url: &str| {
        let mut command = setting.serve();
        command.env("SNUG_STORE_BACKEND", "postgres");
        command.env("SNUG_STORE_POSTGRES_URL", url).env("SNUG_STORE_POSTGRES_KEYS_URL", keys_url);
        command
    };
    // By another name it looks like another database, and is found out by what it holds.
    let same = data.url().replace("127.0.0.1", "localhost");
    let complaint = setting.refused(&mut serve(data.url(), &same));
    assert_says(&complaint, &["store.postgres_keys_url", "data and keys must be two databases"]);
    let nobody = setting.refused(&mut serve("postgres://snug@127.0.0.1:1/data", keys.url()));
    assert_says(&nobody, &["store.postgres_url", "the database is not available"]);

    let (client, connection) = tokio_postgres::connect(data.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.execute(NEWER, &[]).await.unwrap();
    let complaint = setting.refused(&mut serve(data.url(), keys.url()));
    assert_says(&complaint, &["store.postgres_url", "schema has version 99", "use a newer program"]);
}

#[test]
fn a_clock_before_its_build() {
    let setting = Setting::new();
    let library = yesteryear(setting.folder.path());
    let complaint = setting.refused(setting.serve().env("LD_PRELOAD", library));
    assert_says(&complaint, &["the clock says 2001-09-09T01:46:40Z", "set the clock"]);
    assert!(!setting.data().exists(), "nothing was made");
}

/// A library that sets the clock of who loads it back to 2001, made by the C compiler that builds the database too.
fn yesteryear(folder: &Path) -> PathBuf {
    let source = folder.join("yesteryear.c");
    let library = folder.join("yesteryear.so");
    let code = "#include <time.h>\n\
        int clock_gettime(clockid_t id, struct timespec *now) { now->tv_sec = 1000000000; now->tv_nsec = 0; return 0; }\n";
    fs::write(&source, code).unwrap();
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().unwrap();
    assert!(status.success());
    library
}
