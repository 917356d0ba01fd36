#![no_main]

#[path = "../../tests/fuzz_bodies/dsock.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
