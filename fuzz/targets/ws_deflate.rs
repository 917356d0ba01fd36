#![no_main]

#[path = "../../tests/fuzz_bodies/ws_deflate.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
