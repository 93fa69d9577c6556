//! What the fuzzer starts from, and what it found, through the same functions: `fuzz/corpus` has a folder for each target. What
//! people wrote has a name there; `found-` and a hash is what the fuzzer found and reaches code that nothing else there does.

use std::{fs, path::Path};

use snug_api::fuzzing;

/// A target, and how many inputs of its corpus are to be taken at least, and how many refused: so that neither a harness that
/// signs wrongly nor a parser that takes everything goes unnoticed.
fn replays(target: &str, take: fn(&[u8]) -> bool, [taken_min, refused_min]: [usize; 2]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let (mut taken, mut refused) = (0, 0);
    for file in fs::read_dir(folder).unwrap() {
        let input = fs::read(file.unwrap().path()).unwrap();
        if take(&input) { taken += 1 } else { refused += 1 }
    }
    assert!(taken >= taken_min && refused >= refused_min, "{target}: {taken} taken, {refused} refused");
}

#[test]
fn signed_tokens() {
    replays("jwt", fuzzing::jwt, [15, 30]);
}

#[test]
fn agoras_tokens() {
    replays("agora", fuzzing::agora, [4, 20]);
}

#[test]
fn bodies_of_sessions() {
    replays("session", fuzzing::session, [14, 20]);
}

#[test]
fn frames_of_sockets() {
    replays("frames", fuzzing::frames, [20, 30]);
}
