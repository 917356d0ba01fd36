//! What the server says when it is ready: where it is, and how to try it.

use std::fmt::Write;

use crate::config::{Listen, Service};

/// A line per listener, and for the first one with topics how to try it.
pub(super) fn text(listen: &[Listen], addresses: &[String]) -> String {
    let mut text = String::new();
    for (listen, address) in listen.iter().zip(addresses) {
        let serves: Vec<_> = listen.serve.iter().map(|service| service.name()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Fantail {} relays on {address} ({})",
            env!("CARGO_PKG_VERSION"),
            serves.join(", ")
        );
    }
    let topics = listen.iter().zip(addresses).find(|(listen, address)| {
        listen.serve.contains(&Service::Topics) && address.starts_with("ws://")
    });
    if let Some((_, address)) = topics {
        let program = std::env::args()
            .next()
            .unwrap_or_else(|| "fantail".to_owned());
        let address = reachable(address);
        let _ = writeln!(text, "  try it:     {program} sub {address}/demo");
        let _ = writeln!(text, "              {program} pub {address}/demo \"hello\"");
        let _ = writeln!(
            text,
            "  statistics: {}/stats",
            address.replacen("ws://", "http://", 1)
        );
    }
    text
}

/// An address of this machine for one that stands for all of them.
fn reachable(address: &str) -> String {
    address
        .replacen("//0.0.0.0:", "//127.0.0.1:", 1)
        .replacen("//[::]:", "//[::1]:", 1)
}
