//! How inputs are made that are JSON.

use snug_api::fuzzing::edited;

/// What `fuzz_mutator!` asks for: changes the input at the start of `data`, and says how long it is then. Every other time that
/// is an edit of its JSON, if it is any; otherwise the fuzzer changes bytes, as it does by itself.
pub fn mutate_json(data: &mut [u8], size: usize, size_max: usize, seed: u32) -> usize {
    let edit = seed.is_multiple_of(2).then(|| edited(&data[..size], seed, size_max)).flatten();
    match edit {
        Some(edit) => {
            data[..edit.len()].copy_from_slice(&edit);
            edit.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, size_max),
    }
}
