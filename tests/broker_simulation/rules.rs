//! How a world's server is set up, and the names of channels.

use std::time::Duration;

use fantail::dialects::message_broker::settings::{Order, Settings as BrokerSettings};
use fantail::limits::Limits;
use fantail::relay::Settings;
use fantail::secret::Secret;

/// Names of channels, as JSON has them and as they are, and of which channel that is a name: those
/// that are numbers are one.
pub(crate) const CHANNELS: [(&str, &str, usize); 5] = [
    ("\"a\"", "a", 0),
    ("\"q\\\"\\u00e9\"", "q\"\u{e9}", 1),
    ("10", "10", 2),
    ("\"010\"", "010", 2),
    ("\"1e1\"", "1e1", 2),
];

/// What the broker is told.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) keep_data: bool,
    pub(crate) number_of_receiver: usize,
    pub(crate) delay_send: Duration,
    pub(crate) limit: usize,
    pub(crate) round_robin: bool,
}

impl Rules {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            keep_data: rng.u8(..4) > 0,
            number_of_receiver: rng.usize(..3),
            delay_send: Duration::from_millis(if rng.bool() { 0 } else { 30 }),
            limit: rng.usize(1..4),
            round_robin: rng.bool(),
        }
    }

    /// The same, as the server is told.
    pub(crate) fn to_settings(&self) -> BrokerSettings {
        BrokerSettings {
            number_of_receiver: self.number_of_receiver,
            keep_data: self.keep_data,
            delay_send: self.delay_send,
            limit: self.limit,
            order: match self.round_robin {
                true => Order::RoundRobin,
                false => Order::LongestConnected,
            },
            ..BrokerSettings::default()
        }
    }
}

/// The relay's settings: with the times of others out of the way.
pub(crate) fn relay_settings(output: usize) -> Settings {
    let long = Duration::from_secs(1_000_000);
    let limits = Limits {
        output,
        output_soft: output,
        output_soft_time: long,
        memory: 1_000_000_000,
        failed_logins: usize::MAX,
        authentication_time: long,
        ping_after: long,
        message_time: long,
        handshake_time: long,
        close_time: long,
        linger_time: long,
        control_frames: 1_000_000,
        control_frames_burst: 1_000_000,
        connections: 1_000,
        connections_per_address: 1_000,
        handshakes_per_address: 1_000_000,
        handshakes_per_address_burst: 1_000_000,
        frames_per_turn: 1_000_000,
        ..Limits::default()
    };
    Settings {
        limits,
        trusted_proxies: Vec::new(),
        control_secret: Secret::default(),
    }
}
