//! Where the master key comes from, and what is refused.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use snug_core::sealing::{KeySource, MasterKey, MasterKeyError, Random};
use snug_model::secret::SecretText;
use tempfile::TempDir;

use super::keys::MemoryKeys;

const HEADER: &str = "snug master key 1";
const DIGITS: &str = "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff9";
const OTHER_DIGITS: &str = "8d3f0c1b2a495867768594a3b2c1d0eff0e1d2c3b4a5968778695a4b3c2d1e0f";

/// An identity and two files that Debian's age 1.1.1 made: each says [`HEADER`] and [`DIGITS`].
const IDENTITY: &str = "AGE-SECRET-KEY-1CPG2KNRJRQJWTF5XDL963PNNFZ9KWLT9FWKP0SH6VQ7397EY3KESAMZRHN";
const ARMORED: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBsVlZrL1RtanZkTmQ1WjdH
WmpVbVZSNHRKLzRyTE5kakx5TCtSTnJUU1ZzCm4xaUFhNHpOVzJpV3RBS2pkVDJX
M3hkZFBVd2ZJRFhqUnhUOW1yNDdjMFEKLS0tIEM3djNmbWhBMEtaUlhOWDZna09r
d3N1MmRTTjRSWjJzOTEydUw1QVd0WHcKFCfb4+hU3bWErVB8vLfNltjxkin4hCv3
R4sTvTuL4Eg5rg1EfCHSI2zVps1WIX9LroMpSriBtJQst/sL+gvvcEdaTOn1OzYE
51QVwZZjOTecB95ndofAC+tH1RW/8ZBXvyvu7u8CearjI00eygRDpaIdsg==
-----END AGE ENCRYPTED FILE-----
";
const BINARY: &str = "\
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBQcGE1RmtxblVub0VuU29NMjBqOGtwUmE4emU5Q0RITUVVL3NVWlpoSkVv\
CmxRRVFCeEg2dVJFV2NZMXVOZ2lyZ1hhUUJydEJkSDA1TmcxRndLcVF3NXMKLS0tIHlwSWJpMzFiS0Jkcm9xVi9Lb1hNRnFxNGhQ\
N0Z3UkE1UWRvbUIrTXZEVWcKjyXsxN2mNTYuRUER33fpJ6oip/plvoDzcSQ/p4KZcN789HzqJmiebf3Sw4LGwCoXrypQH6KuvtUG\
8QGR6Og+XdalNoBMTRzTMIgk9/mUQN1LyoBl9uNzpBHaRdXwBWw3EHH9U6TBzJqhpEkUCu/T1VGSkA==";

type Read = Result<Option<MasterKey>, MasterKeyError>;

fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

async fn written(text: &str, mode: u32) -> Read {
    let folder = tempfile::tempdir().unwrap();
    MasterKey::read(&file(&folder, "master.key", text, mode)).await
}

async fn value(text: &str) -> Read {
    MasterKey::read(KeySource::Value(SecretText::new(text.to_owned()))).await
}

async fn command(words: &[&str]) -> Read {
    MasterKey::read(KeySource::Command(words.iter().map(|word| (*word).to_owned()).collect())).await
}

fn text() -> String {
    format!("{HEADER}\n{DIGITS}\n")
}

#[tokio::test]
async fn a_file_is_made_once_with_mode_0600_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    assert!(MasterKey::read(&path).await.unwrap().is_none());
    let keys = MemoryKeys::default();
    let first = MasterKey::at_start(&path, &keys, Random).await.unwrap();
    let second = MasterKey::at_start(&path, &keys, Random).await.unwrap();
    assert!(first.print() == second.print(), "the first stays");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
}

#[tokio::test]
async fn others_may_not_read_a_file() {
    for mode in [0o600, 0o400] {
        assert!(written(&text(), mode).await.unwrap().is_some());
    }
    for mode in [0o640, 0o604, 0o660, 0o644, 0o601, 0o620] {
        let error = written(&text(), mode).await.err();
        assert!(matches!(error, Some(MasterKeyError::Shared { mode: m, .. }) if m == mode), "{mode:o}");
    }
}

#[tokio::test]
async fn another_form_is_refused() {
    let short = &DIGITS[..62];
    let of_both = [
        String::new(),
        HEADER.into(),
        format!("{HEADER}\n{short}\n"),
        format!("{HEADER}\n{DIGITS}00\n"),
        format!("{HEADER}\n{short}xx\n"),
        format!("snug master key 2\n{DIGITS}\n"),
        format!("{HEADER}\n\n{DIGITS}\n"),
        format!("{HEADER}\n{DIGITS}\nsomething else\n"),
        format!("{HEADER}\n{DIGITS}\n{}", " ".repeat(5_000)),
    ];
    for text in &of_both {
        assert!(matches!(written(text, 0o600).await, Err(MasterKeyError::Form { .. })), "{text:?}");
        assert!(matches!(value(text).await, Err(MasterKeyError::Form { .. })), "{text:?}");
    }
    assert!(matches!(written(DIGITS, 0o600).await, Err(MasterKeyError::Form { .. })), "a file has a header");
    let print = value(DIGITS).await.unwrap().unwrap().print();
    for same in [format!("{HEADER}\r\n{DIGITS}\r\n"), text(), format!("{DIGITS}\n\n")] {
        assert!(value(&same).await.unwrap().unwrap().print() == print, "{same:?}");
    }
    // While it is being replaced there are two, of which the first counts.
    let two = format!("{HEADER}\n{OTHER_DIGITS}\n{DIGITS}\n");
    assert!(
        written(&two, 0o600).await.unwrap().unwrap().print()
            == value(OTHER_DIGITS).await.unwrap().unwrap().print()
    );
}

#[tokio::test]
async fn what_is_not_random_is_refused() {
    let counted: [u8; 32] = std::array::from_fn(|i| i as u8);
    let sevens: [u8; 32] = std::array::from_fn(|i| 7_u8.wrapping_mul(i as u8));
    let words = *b"changemechangemechangemechangeme";
    for weak in [[0; 32], [0xff; 32], counted, sevens, words] {
        let weak = hex::encode(weak);
        assert!(matches!(value(&weak).await, Err(MasterKeyError::Weak { .. })), "{weak}");
        let second = format!("{HEADER}\n{DIGITS}\n{weak}\n");
        assert!(matches!(written(&second, 0o600).await, Err(MasterKeyError::Weak { .. })), "{weak}");
    }
    for _ in 0..1_000 {
        assert!(value(&hex::encode(Random.bytes::<32>().unwrap())).await.is_ok(), "a random key passes");
    }
}

#[tokio::test]
async fn a_command_prints_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "key", text(), 0o600);
    let key = command(&["cat", path.to_str().unwrap()]).await.unwrap().unwrap();
    assert!(key.print() == value(DIGITS).await.unwrap().unwrap().print());
    // No shell looks at it.
    let key = command(&["printf", "%s", &format!("{DIGITS}\n")]).await.unwrap().unwrap();
    assert!(key.print() == value(DIGITS).await.unwrap().unwrap().print());
    assert!(matches!(command(&["printf", "$(id)"]).await, Err(MasterKeyError::Form { .. })));

    let complaint = |read: Read| read.err().unwrap().to_string();
    let told = complaint(command(&["sh", "-c", "echo her-secret; echo his-complaint >&2; exit 3"]).await);
    assert!(told.contains("master_key.command (sh …)") && told.contains("exit status: 3"), "{told}");
    assert!(!told.contains("her-secret") && !told.contains("his-complaint"), "{told}");
    let told = complaint(command(&["/no/such/program", "--password=x"]).await);
    assert!(told.contains("it cannot start") && !told.contains("password"), "{told}");
    assert!(
        complaint(command(&["yes", DIGITS]).await).contains("it failed"),
        "one that never ends its output"
    );
    assert!(complaint(command(&["true"]).await).contains("64 hexadecimal digits"));
}

async fn by_age(folder: &TempDir, encrypted: &Path, identity: &str) -> Read {
    let identity = file(folder, "identity", identity, 0o600);
    MasterKey::read(KeySource::Age { file: encrypted.to_owned(), identity }).await
}

#[tokio::test]
async fn what_age_encrypted_opens_by_its_identity() {
    let folder = tempfile::tempdir().unwrap();
    let expected = value(DIGITS).await.unwrap().unwrap().print();
    let identities = format!("# created: long ago\n# public key: age1…\n{IDENTITY}\n");
    for encrypted in [ARMORED.as_bytes().to_vec(), STANDARD.decode(BINARY).unwrap()] {
        let path = file(&folder, "key.age", encrypted, 0o644);
        assert!(by_age(&folder, &path, &identities).await.unwrap().unwrap().print() == expected);
    }
}

#[tokio::test]
async fn a_file_of_age_that_was_changed_or_is_for_another_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let good = STANDARD.decode(BINARY).unwrap();
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let path = file(&folder, "key.age", changed, 0o600);
        assert!(
            matches!(by_age(&folder, &path, IDENTITY).await, Err(MasterKeyError::Age { .. })),
            "bit {bit}"
        );
    }
    for length in 0..good.len() {
        let path = file(&folder, "key.age", &good[..length], 0o600);
        assert!(by_age(&folder, &path, IDENTITY).await.is_err(), "{length} bytes");
    }
    let path = file(&folder, "key.age", &good, 0o600);
    // Of another person, with a changed digit, cut, and none at all.
    let other = "AGE-SECRET-KEY-1LFFWAQQ8L57ZDJ9CHLJTY9Y2NHE7VADZ69986S23NF5TJVVTY3FSP9EJC2";
    for (identity, why) in [
        (other, "another identity"),
        (&IDENTITY.replace("CPG2", "CPG3"), "no X25519 identity"),
        (&IDENTITY[..60], "no X25519 identity"),
        ("# nothing\n", "has no identity"),
    ] {
        let told = by_age(&folder, &path, identity).await.err().unwrap().to_string();
        assert!(told.contains(why) && told.contains("master_key.age_file"), "{identity}: {told}");
        assert!(!told.contains("AGE-SECRET"), "{told}");
    }
    let shared = file(&folder, "shared", IDENTITY, 0o644);
    let refused = MasterKey::read(KeySource::Age { file: path.clone(), identity: shared }).await;
    assert!(matches!(refused, Err(MasterKeyError::Shared { .. })));
    let gone = MasterKey::read(KeySource::Age { file: path, identity: folder.path().join("none") }).await;
    assert!(matches!(gone, Err(MasterKeyError::Missing { .. })));
}
