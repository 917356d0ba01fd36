#![no_main]

#[path = "../../tests/fuzz_bodies/control_frame.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
