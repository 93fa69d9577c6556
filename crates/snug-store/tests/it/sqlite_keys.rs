//! What is peculiar to the embedded key store: its files hold nothing of what was destroyed.

use std::{collections::HashSet, fs, path::Path};

use snug_model::{AppKey, Timestamp, UserKey};
use snug_store::{KeyStore, SecretName, Wrapped, sqlite::SqliteKeys};

const APP: AppKey = AppKey(1);
const AT: Timestamp = Timestamp(1_795_000_000_000);
/// As many bytes as a wrapped secret has.
const WRAPPED_BYTES: usize = 81;
/// Bytes of a secret that are looked for: by chance so many are nowhere else.
const NEEDLE_BYTES: usize = 12;

/// A secret that is like no other, in any part of it.
fn wrapped(n: i64) -> Wrapped {
    // The step of SplitMix64, which is a bijection.
    let mut state = n as u64;
    let mut bytes = Vec::with_capacity(WRAPPED_BYTES + 8);
    while bytes.len() < WRAPPED_BYTES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bytes.extend_from_slice(&((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)).to_be_bytes());
    }
    bytes.truncate(WRAPPED_BYTES);
    Wrapped(bytes.into())
}

fn name(n: i64) -> SecretName {
    // In no order of their making, so that pages split in their middle.
    SecretName::User(APP, UserKey((n * 7_919) % 100_003))
}

/// Which secrets have a part in any file of the folder; and how many bytes were searched.
fn found(folder: &Path, secrets: impl Iterator<Item = i64>) -> (HashSet<i64>, usize) {
    let mut needles = std::collections::HashMap::new();
    for n in secrets {
        for part in wrapped(n).0.chunks_exact(NEEDLE_BYTES) {
            needles.insert(part.to_vec(), n);
        }
    }
    let (mut found, mut searched) = (HashSet::new(), 0);
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        searched += bytes.len();
        found.extend(bytes.windows(NEEDLE_BYTES).filter_map(|window| needles.get(window)));
    }
    (found, searched)
}

#[tokio::test]
async fn nothing_of_a_destroyed_secret_stays_in_the_files() {
    const SECRETS: i64 = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let keys = SqliteKeys::open(&folder.path().join("keys.db")).unwrap();
    let mut tasks = Vec::new();
    for n in 0..SECRETS {
        tasks.push(keys.keep_secret(name(n), wrapped(n), None));
    }
    futures_util::future::try_join_all(tasks).await.unwrap();
    let destroyed = |n: &i64| n % 3 == 0;
    let (before, _) = found(folder.path(), 0..SECRETS);
    assert_eq!(before.len() as i64, SECRETS, "the search finds what is there");

    for part in (0..SECRETS).filter(destroyed).collect::<Vec<_>>().chunks(100) {
        let names: Vec<_> = part.iter().map(|n| name(*n)).collect();
        assert_eq!(keys.destroy_secrets(&names, AT).await.unwrap(), names.len() as u64);
        // Others are made meanwhile.
        keys.keep_secret(SecretName::User(AppKey(2), UserKey(part[0])), Wrapped(Box::new([7; 81])), None)
            .await
            .unwrap();
    }
    keys.destroy_secrets(&[name(0)], AT).await.unwrap();
    let log = fs::metadata(folder.path().join("keys.db-wal")).unwrap().len();
    assert_eq!(log, 0, "the log is empty");
    let (left, searched) = found(folder.path(), (0..SECRETS).filter(destroyed));
    println!(
        "{searched} bytes searched for {} destroyed secrets: {} found",
        (0..SECRETS).filter(destroyed).count(),
        left.len()
    );
    assert!(left.is_empty(), "parts of {} destroyed secrets are left", left.len());
    let (kept, _) = found(folder.path(), (0..SECRETS).filter(|n| !destroyed(n)));
    assert_eq!(kept.len(), (0..SECRETS).filter(|n| !destroyed(n)).count(), "the others are there");

    let apps = keys.destroy_app_secrets(APP, u64::from(u32::MAX), AT).await.unwrap();
    assert_eq!(apps as i64, SECRETS, "names that were destroyed before are forgotten too");
    let (left, _) = found(folder.path(), 0..SECRETS);
    assert!(left.is_empty(), "parts of {} secrets of a deleted app are left", left.len());
}
