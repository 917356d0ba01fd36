#![no_main]

#[path = "../../tests/fuzz_bodies/cookies.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
