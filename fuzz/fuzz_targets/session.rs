#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    snug_api::fuzzing::session(input);
});

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    snug_fuzz::mutate_json(data, size, max_size, seed)
});
