#![no_main]

#[path = "../../tests/fuzz_bodies/message_broker.rs"]
mod body;
#[path = "../../tests/driver/mod.rs"]
mod driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
