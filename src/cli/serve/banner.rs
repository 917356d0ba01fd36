//! What the server says when it is ready: where it is, and how to try it.

use std::fmt::Write;

use crate::config::{Listen, Service};

/// A line per listener, the first one for topics with the address of the statistics, and how to
/// try it.
pub(super) fn text(listen: &[Listen], addresses: &[String]) -> String {
    let mut text = String::new();
    let mut topics = None;
    for (listen, address) in listen.iter().zip(addresses) {
        let serves: Vec<_> = listen.serve.iter().map(|service| service.name()).collect();
        let (version, serves) = (env!("CARGO_PKG_VERSION"), serves.join(", "));
        // Writing to a string cannot fail.
        let _ = write!(text, "Fantail {version} relays on {address} ({serves})");
        let has_topics = listen.serve.contains(&Service::Topics) && address.starts_with("ws://");
        if has_topics && topics.is_none() {
            let address = reachable(address);
            let _ = write!(
                text,
                ", statistics: {}/stats",
                address.replacen("ws", "http", 1)
            );
            topics = Some(address);
        }
        text.push('\n');
    }
    if let Some(address) = topics {
        // Not `args`, which panics on a name that is not UTF-8.
        let program = std::env::args_os().next();
        let program = program.unwrap_or_else(|| "fantail".into());
        let program = program.to_string_lossy();
        let _ = writeln!(text, "  try it: {program} sub {address}/demo");
        let _ = writeln!(text, "          {program} pub {address}/demo \"hello\"");
    }
    text
}

/// An address of this machine for one that stands for all of them.
fn reachable(address: &str) -> String {
    address
        .replacen("//0.0.0.0:", "//127.0.0.1:", 1)
        .replacen("//[::]:", "//[::1]:", 1)
}
