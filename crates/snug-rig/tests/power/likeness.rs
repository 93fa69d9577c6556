//! The disk against an ordinary one: the same seeded acts on both leave the same files.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use snug_rig::PowerDisk;

const SEEDS: u64 = 8;
const ROUNDS: usize = 3;
const ACTS: usize = 300;

/// What one would do to a folder. Names are few, so that acts meet.
#[derive(Debug, Clone)]
enum Act {
    Write { path: PathBuf, offset: u64, bytes: Vec<u8> },
    SetSize { path: PathBuf, size: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Link { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    CreateDirectory { path: PathBuf },
    RemoveDirectory { path: PathBuf },
    Symlink { path: PathBuf, target: PathBuf },
    Sync { path: PathBuf },
}

impl Act {
    fn choose(random: &mut ChaCha8Rng) -> Act {
        let path = choose_path(random);
        match random.random_range(0..22) {
            0..=7 => {
                let bytes = vec![random.random(); random.random_range(1..9_000)];
                Act::Write { path, offset: random.random_range(0..20_000), bytes }
            }
            8..=10 => Act::SetSize { path, size: random.random_range(0..30_000) },
            11..=13 => Act::Rename { from: path, to: choose_path(random) },
            14 => Act::Link { from: path, to: choose_path(random) },
            15 | 16 => Act::Remove { path },
            17 => Act::CreateDirectory { path },
            18 => Act::RemoveDirectory { path },
            19 => Act::Symlink { path, target: choose_path(random) },
            _ => Act::Sync { path },
        }
    }

    /// Does it below `root`.
    fn apply(&self, root: &Path) -> io::Result<()> {
        match self {
            Act::Write { path, offset, bytes } => {
                let file = File::options().write(true).create(true).truncate(false).open(root.join(path))?;
                file.write_all_at(bytes, *offset)
            }
            Act::SetSize { path, size } => File::options().write(true).open(root.join(path))?.set_len(*size),
            Act::Rename { from, to } => fs::rename(root.join(from), root.join(to)),
            Act::Link { from, to } => fs::hard_link(root.join(from), root.join(to)),
            Act::Remove { path } => fs::remove_file(root.join(path)),
            Act::CreateDirectory { path } => fs::create_dir(root.join(path)),
            Act::RemoveDirectory { path } => fs::remove_dir(root.join(path)),
            Act::Symlink { path, target } => std::os::unix::fs::symlink(target, root.join(path)),
            Act::Sync { path } => File::open(root.join(path))?.sync_all(),
        }
    }
}

fn choose_path(random: &mut ChaCha8Rng) -> PathBuf {
    let depth = random.random_range(1..=2);
    (0..depth).filter_map(|_| ["a", "b", "c", "d"].choose(random)).collect()
}

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    File { bytes: Vec<u8>, links: u64 },
    Directory,
    Symlink(PathBuf),
}

/// Everything below `root`, by path.
fn tree(root: &Path) -> BTreeMap<PathBuf, Found> {
    use std::os::unix::fs::MetadataExt;
    let mut found = BTreeMap::new();
    let mut unseen = vec![PathBuf::new()];
    while let Some(directory) = unseen.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            let full = root.join(&path);
            let metadata = fs::symlink_metadata(&full).unwrap();
            let here = if metadata.is_dir() {
                unseen.push(path.clone());
                Found::Directory
            } else if metadata.is_symlink() {
                Found::Symlink(fs::read_link(&full).unwrap())
            } else {
                Found::File { bytes: fs::read(&full).unwrap(), links: metadata.nlink() }
            };
            found.insert(path, here);
        }
    }
    found
}

/// Syncs all that is below `root`.
fn sync_all(root: &Path) {
    File::open(root).unwrap().sync_all().unwrap();
    for (path, found) in tree(root) {
        if !matches!(found, Found::Symlink(_)) {
            File::open(root.join(path)).unwrap().sync_all().unwrap();
        }
    }
}

#[test]
fn the_same_acts_leave_the_same_files() {
    for seed in 1..=SEEDS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let ordinary = tempfile::tempdir().unwrap();
        let mut disk = PowerDisk::mount().unwrap();
        for round in 1..=ROUNDS {
            let name = format!("seed {seed}, round {round}");
            let mut done = 0;
            for _ in 0..ACTS {
                let act = Act::choose(&mut random);
                let expected = act.apply(ordinary.path()).map_err(|error| error.raw_os_error());
                let outcome = act.apply(disk.path()).map_err(|error| error.raw_os_error());
                assert_eq!(outcome, expected, "{name}: {act:?}");
                done += usize::from(outcome.is_ok());
            }
            assert!(done > ACTS / 5, "{name}: only {done} acts did anything");
            let expected = tree(ordinary.path());
            assert!(tree(disk.path()) == expected, "{name}: before the cut");

            // What is synced is kept as it is, whatever is written after.
            sync_all(disk.path());
            for _ in 0..ACTS {
                let act = Act::choose(&mut random);
                if !matches!(act, Act::Sync { .. }) {
                    // Many of them are in vain, as above.
                    let _ = act.apply(disk.path());
                }
            }
            assert!(tree(disk.path()) != expected, "{name}: nothing would be discarded");
            disk.remount().unwrap();
            assert!(tree(disk.path()) == expected, "{name}: after the cut");
        }
        assert!(disk.counters().discarded_bytes > 0, "seed {seed}");
    }
}
