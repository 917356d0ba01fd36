//! The relay of a world: its limits, dialects and listeners, out of the seed.

use std::time::Duration;

use fantail::dialects::echo::Echo;
use fantail::dialects::topics::Topics;
use fantail::dialects::topics::settings::{Settings as TopicsSettings, StatisticsAccess};
use fantail::limits::Limits;
use fantail::protocol::json_web_token::sign;
use fantail::relay::dialect::{Dialect, DialectId};
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use serde_json::json;

use super::places;

const SECRET: &str = "a secret for simulations";

const AUDIENCE: &str = "https://relay.example";

/// The listeners: what each serves.
pub(crate) const LISTENERS: u16 = 3;

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    Topics,
    TopicsAndEcho,
    Echo,
}

impl Serves {
    /// What the listener of this number serves.
    pub(crate) fn of(listener: u16) -> Self {
        match listener {
            0 => Self::Topics,
            1 => Self::TopicsAndEcho,
            _ => Self::Echo,
        }
    }
}

/// A relay out of the seed; with tokens, and topics that compress, if it is one of those.
pub(crate) fn relay(rng: &mut fastrand::Rng, with_tokens: bool, compression: bool) -> Relay {
    let topics = TopicsSettings {
        secret: Secret::new(if with_tokens { SECRET } else { "" }),
        audience: AUDIENCE.to_owned(),
        statistics: StatisticsAccess::Loopback,
        policies: places::policies(),
        compression,
        ..TopicsSettings::default()
    };
    let dialects: Vec<Box<dyn Dialect>> = vec![Box::new(Topics::new(topics)), Box::new(Echo)];
    let services = [vec![0], vec![0, 1], vec![1]]
        .map(|dialects| Service::clients(dialects.into_iter().map(DialectId::new).collect()));
    let message = [1_000, 20_000, 70_000][rng.usize(..3)];
    let limits = Limits {
        head: rng.usize(700..4_000),
        http_body: rng.usize(1_000..=message),
        message,
        topics_message: message,
        fragments: rng.usize(4..40),
        compression: [0, 1_000, 100_000][rng.usize(..3)],
        ..Limits::default()
    };
    Relay::new(changed(rng, &limits), dialects, services.to_vec())
}

/// Settings with everything changed that a reload may change under the feet of clients.
pub(crate) fn changed(rng: &mut fastrand::Rng, limits: &Limits) -> Settings {
    let output = rng.usize(2_000..150_000);
    let often = |rng: &mut fastrand::Rng, count: usize| rng.u8(..4) > 0 && count > 0;
    Settings {
        limits: Limits {
            messages: if often(rng, 1) { 0 } else { rng.usize(5..50) },
            control_frames_burst: rng.usize(5..60),
            output,
            output_soft: rng.usize(500..=output),
            output_soft_time: Duration::from_secs(rng.u64(1..10)),
            memory: if often(rng, 1) {
                8_000_000
            } else {
                rng.usize(50_000..500_000)
            },
            connections: rng.usize(10..60),
            connections_per_address: rng.usize(3..30),
            handshakes_per_address: rng.usize(1..20),
            handshakes_per_address_burst: rng.usize(3..60),
            failed_logins: rng.usize(2..10),
            frames_per_turn: [1, 2, 7, 64][rng.usize(..4)],
            drain: Duration::from_secs(rng.u64(1..30)),
            ..limits.clone()
        },
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        control_secret: Default::default(),
    }
}

/// A token for `path` that ends at `expires`, in seconds since 1970.
pub(crate) fn token(path: &str, expires: u64) -> String {
    let claims = json!({"aud": format!("{AUDIENCE}{path}"), "exp": expires});
    sign(claims.as_object().unwrap(), SECRET.as_bytes()).unwrap()
}
