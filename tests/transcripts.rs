//! The conversations of `tests/transcripts/`, against the real binary and against the relay core
//! with a simulated clock.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;
mod transcript;

use std::time::Duration;
use support::{Server, wait_until};
use transcript::{ControlAddress, OverTcp, Script, Simulated, Transport, play};

/// Ways to cut the bytes up.
const SEEDS: u64 = 8;

/// A transcript, by its name below `tests/transcripts/`.
struct Transcript {
    name: &'static str,
    text: &'static str,
}

impl Transcript {
    /// The settings, which do not depend on the clock.
    fn settings(&self) -> Vec<(String, String)> {
        Script::parse(self.text, str::to_owned).settings
    }

    fn play(&self, transport: &mut dyn Transport) {
        let now = transport.epoch_seconds();
        let script = Script::parse(self.text, |line| transcript::expand(line, now));
        play(self.name, &script, transport);
    }

    /// Whether it needs a store that this build does not have.
    fn is_for_others(&self) -> bool {
        let mut settings = self.settings().into_iter();
        !cfg!(feature = "sqlite") && settings.any(|(name, _)| name.contains("_KEEP"))
    }

    fn play_over_tcp(&self) {
        if self.is_for_others() {
            return;
        }
        let settings = self.settings();
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let server = Server::start(&settings);
        self.play(&mut OverTcp::new(
            server.address(),
            control_address(&server),
        ));
    }

    fn play_simulated(&self) {
        if self.is_for_others() {
            return;
        }
        for seed in 0..SEEDS {
            self.play(&mut Simulated::new(&self.settings(), seed));
        }
    }
}

/// Where the control port is: on the socket of the defaults, unless the server tells otherwise.
fn control_address(server: &Server) -> ControlAddress {
    let socket = server.control_socket();
    let told = || {
        let output = server.output();
        let (_, rest) = output.split_once("control: ")?;
        rest.split_once('\n').map(|(address, _)| address.to_owned())
    };
    wait_until("a control port", Duration::from_secs(5), || {
        told().is_some()
    });
    match told().and_then(|address| address.strip_prefix("tcp://")?.parse().ok()) {
        Some(address) => ControlAddress::Tcp(address),
        None => ControlAddress::Unix(socket),
    }
}

macro_rules! transcripts {
    ($($name:ident: $path:literal;)+) => {
        $(mod $name {
            use super::Transcript;

            const TRANSCRIPT: Transcript = Transcript {
                name: $path,
                text: include_str!(concat!("transcripts/", $path)),
            };

            #[test]
            fn over_tcp() {
                TRANSCRIPT.play_over_tcp();
            }

            #[test]
            fn simulated() {
                TRANSCRIPT.play_simulated();
            }
        })+
    };
}

transcripts! {
    topics_http: "topics/http.txt";
    topics_relay: "topics/relay.txt";
    topics_stats: "topics/stats.txt";
    topics_auth: "topics/auth.txt";
    dsock_common: "dsock/common.txt";
    dsock_claim: "dsock/claim.txt";
    dsock_connect_errors: "dsock/connect-errors.txt";
    dsock_info: "dsock/info.txt";
    dsock_send: "dsock/send.txt";
    dsock_channel: "dsock/channel.txt";
    dsock_disconnect: "dsock/disconnect.txt";
    dsock_beside_others: "dsock/beside-others.txt";
    dsock_version_0_2: "dsock/version-0.2.txt";
    dsock_limits: "dsock/limits.txt";
    wson_handshake: "wson/handshake.txt";
    wson_hmac: "wson/hmac.txt";
    wson_keepalive: "wson/keepalive.txt";
    drc_handshake: "drc/handshake.txt";
    drc_errors: "drc/errors.txt";
    drc_grant_modes: "drc/grant-modes.txt";
    drc_limits: "drc/limits.txt";
    drc_memory: "drc/memory.txt";
    drc_addresses: "drc/addresses.txt";
    drc_handshake_rate: "drc/handshake-rate.txt";
    drc_keepalive: "drc/keepalive.txt";
    drc_join_authority: "drc/join-authority.txt";
    message_broker_connect: "message-broker/connect.txt";
    message_broker_relay: "message-broker/relay.txt";
    message_broker_round_robin: "message-broker/round-robin.txt";
    message_broker_db: "message-broker/db.txt";
    message_broker_limit: "message-broker/limit.txt";
    message_broker_confirm: "message-broker/confirm.txt";
    message_broker_confirm_live: "message-broker/confirm-live.txt";
    message_broker_acknowledge: "message-broker/acknowledge.txt";
    message_broker_sender_id: "message-broker/sender-id.txt";
    control_letters: "control/letters.txt";
    control_errors: "control/errors.txt";
    control_additions: "control/additions.txt";
    control_secret: "control/secret.txt";
    control_overflow: "control/overflow.txt";
}
