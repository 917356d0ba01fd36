#![no_main]

#[path = "../../tests/fuzz_bodies/http_head.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
