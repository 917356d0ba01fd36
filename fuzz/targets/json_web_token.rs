#![no_main]

#[path = "../../tests/fuzz_bodies/json_web_token.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
