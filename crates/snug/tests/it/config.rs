//! The configuration: where it comes from, what is refused, and what is printed of it.

use std::fs;

use crate::stage::{folder, printed, refused, set_mode, snug};

#[test]
fn the_printed_defaults_are_a_configuration() {
    let folder = folder();
    let file = folder.path().join("snug.toml");
    fs::write(&file, printed(snug().args(["config", "--defaults"]))).unwrap();
    let by_file = printed(snug().args(["config", "--config"]).arg(&file));
    let by_nothing = printed(snug().arg("config"));
    assert_eq!(by_file.replace(&file.display().to_string(), "the default"), by_nothing);
}

#[test]
fn a_flag_counts_before_a_variable_and_that_before_the_file() {
    let folder = folder();
    let file = folder.path().join("snug.toml");
    fs::write(&file, "region = \"by-file\"\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"error\"\n").unwrap();
    let shown = printed(
        snug()
            .args(["config", "--listen", "127.0.0.1:3", "--behind-proxy", "--config"])
            .arg(&file)
            .env("SNUG_LISTEN", "127.0.0.1:2")
            .env("SNUG_LOG_LEVEL", "debug"),
    );
    for line in [
        "listen = \"127.0.0.1:3\" # --listen",
        "behind_proxy = true # --behind-proxy",
        "level = \"debug\" # SNUG_LOG_LEVEL",
        &format!("region = \"by-file\" # {}", file.display()),
        "format = \"text\" # the default",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no {line} in\n{shown}");
    }
}

#[test]
fn what_is_unknown_is_refused_wherever_it_stands() {
    let folder = folder();
    let file = folder.path().join("snug.toml");
    fs::write(&file, "[log]\ncolour = true\n").unwrap();
    let by_file = refused(snug().args(["config", "--config"]).arg(&file));
    assert_eq!(by_file, format!("snug: {} has an unknown key: log.colour", file.display()));
    let by_variable = refused(snug().arg("serve").env("SNUG_LISTENS", "127.0.0.1:1"));
    assert_eq!(by_variable, "snug: the environment has an unknown variable: SNUG_LISTENS");
    let by_flag = snug().args(["serve", "--listens", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(by_flag.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&by_flag.stderr).contains("unexpected argument '--listens'"));
    let missing = refused(snug().args(["config", "--config", "/nowhere/snug.toml"]));
    assert!(
        missing.starts_with("snug: the configuration file /nowhere/snug.toml cannot be read: "),
        "{missing}"
    );
}

#[test]
fn a_value_that_is_none_is_refused_with_its_place() {
    for (name, value, complaint) in [
        (
            "SNUG_LISTEN",
            "8484",
            "listen (set by SNUG_LISTEN): must be an address and a port, such as 127.0.0.1:8484",
        ),
        ("SNUG_LISTEN", "", "listen must not be empty"),
        ("SNUG_DATA_DIR", "", "data_dir must not be empty"),
        ("SNUG_REGION", "EU", "region (set by SNUG_REGION): must be 1 to 32 lower-case letters"),
        (
            "SNUG_STORE_BACKEND",
            "mysql",
            "store.backend (set by SNUG_STORE_BACKEND): must be `sqlite` or `postgres`",
        ),
        ("SNUG_STORE_BACKEND", "postgres", "store.backend is `postgres`, which needs store.postgres_url and"),
        (
            "SNUG_STORE_POSTGRES_URL",
            "postgres://h/d",
            "store.backend is `sqlite`, and a URL of PostgreSQL is set",
        ),
        ("SNUG_LOG_LEVEL", "loud", "log.level (set by SNUG_LOG_LEVEL): must be `error`, `warn`"),
        ("SNUG_LOG_FORMAT", "xml", "log.format (set by SNUG_LOG_FORMAT): must be `json` or `text`"),
        (
            "SNUG_CACHE_SECRETS_MIB",
            "0",
            "cache.secrets_mib (set by SNUG_CACHE_SECRETS_MIB): must be a number of MiB",
        ),
        ("SNUG_BEHIND_PROXY", "yes", "SNUG_BEHIND_PROXY must be a boolean"),
        ("SNUG_TLS_KEY_FILE", "key.pem", "tls.certificate_file and tls.key_file belong together"),
    ] {
        let refused = refused(snug().arg("serve").env(name, value));
        assert!(refused.starts_with(&format!("snug: {complaint}")), "{name}={value}: {refused}");
    }
}

#[test]
fn secrets_are_masked_and_may_come_from_files() {
    let folder = folder();
    let file = folder.path().join("url");
    fs::write(&file, "postgres://snug:hidden-in-file@h/data\n").unwrap();
    set_mode(&file, 0o600);
    let config = || {
        let mut command = snug();
        command
            .args(["config", "--store-backend", "postgres", "--store-postgres-url-file"])
            .arg(&file)
            .env("SNUG_STORE_POSTGRES_KEYS_URL", "postgres://snug:hidden-in-variable@h/keys");
        command
    };
    let shown = printed(&mut config());
    assert!(shown.contains("postgres_keys_url = \"********\" # SNUG_STORE_POSTGRES_KEYS_URL"), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");

    let both = refused(config().env("SNUG_STORE_POSTGRES_URL", "postgres://snug:hidden-too@h/data"));
    assert_eq!(both, "snug: store.postgres_url and store.postgres_url_file are both set: which of the two?");

    set_mode(&file, 0o640);
    let shared = refused(&mut config());
    assert!(
        shared.contains(&format!("others could read the file of a secret, {}", file.display())),
        "{shared}"
    );
}

#[test]
fn secrets_have_no_flag() {
    let output = snug().args(["config", "--store-postgres-url", "postgres://h/d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_configuration_file_with_a_secret_is_private() {
    let folder = folder();
    let file = folder.path().join("snug.toml");
    let urls = "postgres_url = \"postgres://snug:hidden@h/data\"\npostgres_keys_url = \"postgres://h/keys\"";
    fs::write(&file, format!("[store]\nbackend = \"postgres\"\n{urls}\n")).unwrap();
    set_mode(&file, 0o644);
    let shared = refused(snug().args(["config", "--config"]).arg(&file));
    assert!(shared.contains("others could read the configuration file with a secret in it"), "{shared}");
    set_mode(&file, 0o600);
    assert!(!printed(snug().args(["config", "--config"]).arg(&file)).contains("hidden"));
}
