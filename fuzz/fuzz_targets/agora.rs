#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    snug_api::fuzzing::agora(input);
});
