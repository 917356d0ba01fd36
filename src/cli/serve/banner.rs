//! What the server says when it is ready: where it is, and how to try it.

use std::fmt::Write;

use super::made_secrets::MadeSecrets;
use crate::config::{Config, Service};
use crate::relay::peer::ListenerId;

/// A line per listener, the first one for topics with the address of the statistics, how to try
/// it, and what was made at random.
pub(super) fn text(
    config: &Config,
    made: &MadeSecrets,
    addresses: &[(ListenerId, String)],
) -> String {
    let mut text = String::new();
    let mut topics = None;
    let mut control = Vec::new();
    for (id, address) in addresses {
        let Some(listen) = config.listen.get(id.index()) else {
            control.push(address.as_str());
            continue;
        };
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
    let control = control.join(", ").replace("ws://", "tcp://");
    let _ = match (control.is_empty(), made.wson()) {
        (true, None) => Ok(()),
        (false, None) => writeln!(text, "  control: {control}"),
        (true, Some(secret)) => writeln!(text, "  wson secret of this run: {secret}"),
        (false, Some(secret)) => {
            writeln!(
                text,
                "  control: {control}, wson secret of this run: {secret}"
            )
        }
    };
    text
}

/// An address of this machine for one that stands for all of them.
fn reachable(address: &str) -> String {
    address
        .replacen("//0.0.0.0:", "//127.0.0.1:", 1)
        .replacen("//[::]:", "//[::1]:", 1)
}
