//! The conversations of `tests/transcripts/`, against the real binary and against the relay core
//! with a simulated clock.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;
mod transcript;

use support::Server;
use transcript::{OverTcp, Script, Simulated, Transport, play};

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
        let script = Script::parse(self.text, |line| transcript::expand_tokens(line, now));
        play(self.name, &script, transport);
    }

    fn play_over_tcp(&self) {
        let settings = self.settings();
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let server = Server::start(&settings);
        self.play(&mut OverTcp::new(server.address()));
    }

    fn play_simulated(&self) {
        for seed in 0..SEEDS {
            self.play(&mut Simulated::new(&self.settings(), seed));
        }
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
}
