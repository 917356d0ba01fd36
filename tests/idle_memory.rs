//! What an idle connection costs in the relay, counted by the allocator: 50,000 of them, more than
//! many machines have descriptors for. Of dSock, also those who have a session and channels. The sockets' table, which is the reactor's, is not in it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should fail"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fantail::dialects::dsock::Dsock;
use fantail::dialects::dsock::settings::Settings as DsockSettings;
use fantail::dialects::topics::Topics;
use fantail::dialects::topics::settings::Settings as TopicsSettings;
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::{Dialect, DialectId};
use fantail::relay::moment::{Moment, Now};
use fantail::relay::peer::ListenerId;
use fantail::relay::random::RandomSource;
use fantail::relay::{Admission, Relay, Service, Settings};
use fantail::secret::Secret;

/// Counts what is allocated and not yet given back.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above, that is from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 50_000;

const HANDSHAKE: &str = "Host: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nUser-Agent: idle\r\n\r\n";

/// Bytes that differ; nothing here has to be secret.
#[derive(Debug)]
struct Counter(u64);

impl RandomSource for Counter {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for part in bytes.chunks_mut(8) {
            self.0 += 1;
            part.copy_from_slice(&self.0.to_le_bytes()[..part.len()]);
        }
        true
    }
}

/// Writes everything out, as a kernel with endless buffers would.
fn flush(relay: &mut Relay) {
    let mut dirty = Vec::new();
    relay.outboxes().take_dirty(&mut dirty);
    for id in dirty {
        while let Some(length) = relay.outboxes().single(id).map(<[u8]>::len) {
            relay.outboxes().written(id, length);
        }
    }
}

fn accept(relay: &mut Relay, index: usize, now: Now) -> ConnId {
    let address = PeerAddress::tcp(([127, 0, 0, 1], (index % 60_000) as u16).into());
    match relay.accept(ListenerId::new(0), address, now) {
        Admission::Admitted(id) => id,
        Admission::TurnedAway(_) => panic!("connection {index} was turned away"),
    }
}

/// What the relay holds for each of many idle connections of a dialect. Each upgrades at the target
/// that it is given, once the API was called for it, if it is to be.
fn bytes_each(
    dialect: Box<dyn Dialect>,
    claim: impl Fn(usize) -> Option<String>,
    target: impl Fn(usize) -> String,
) -> f64 {
    let limits = Limits {
        connections: CONNECTIONS + 1,
        memory: 1 << 30,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        control_secret: Default::default(),
    };
    let service = Service::clients(vec![DialectId::new(0)]);
    let mut relay =
        Relay::new(settings, vec![dialect], vec![service]).with_random_source(Box::new(Counter(0)));
    let now = Now {
        moment: Moment::since_start(Duration::from_secs(1)),
        wall: Duration::ZERO,
    };
    let before = HELD.load(Ordering::Relaxed);
    let api = accept(&mut relay, 0, now);
    for index in 0..CONNECTIONS {
        if let Some(claim) = claim(index) {
            let call = format!("POST {claim} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
            relay.receive(api, &mut call.into_bytes(), now);
        }
        let id = accept(&mut relay, index, now);
        let request = format!("GET {} HTTP/1.1\r\n{HANDSHAKE}", target(index));
        relay.receive(id, &mut request.into_bytes(), now);
        relay.settle(now);
        flush(&mut relay);
    }
    assert_eq!(relay.counters().handshakes, CONNECTIONS as u64);
    let held = HELD.load(Ordering::Relaxed) - before;
    // Tables grow by doubling, and the room that is not used yet is not resident: of 65,536 rows
    // of each, 50,000 are.
    let used = held as f64 * CONNECTIONS as f64 / CONNECTIONS.next_power_of_two() as f64;
    used / CONNECTIONS as f64
}

fn dsock() -> Box<dyn Dialect> {
    Box::new(Dsock::new(DsockSettings {
        token: Secret::new("t"),
        default_channels: vec!["global".to_owned()],
        ..DsockSettings::default()
    }))
}

/// The most that the relay may hold for each; the sockets' table takes 16 more. All in one test, so
/// that none counts what another holds.
#[test]
fn an_idle_connection_costs_next_to_nothing() {
    let topics = bytes_each(
        Box::new(Topics::new(TopicsSettings::default())),
        |_| None,
        |_| "/demo".to_owned(),
    );
    let of_user = bytes_each(
        dsock(),
        |index| Some(format!("/claim?token=t&id=c{index}&user=user-{index}")),
        |index| format!("/connect?claim=c{index}"),
    );
    let of_session = bytes_each(
        dsock(),
        |index| {
            let session = format!("session=session-{index}&channels=news");
            Some(format!(
                "/claim?token=t&id=c{index}&user=user-{index}&{session}"
            ))
        },
        |index| format!("/connect?claim=c{index}"),
    );
    for (name, each, most) in [
        ("topics", topics, 334.0),
        ("dSock, a user in the default channel", of_user, 650.0),
        (
            "dSock, a session in the default channel and another",
            of_session,
            1_200.0,
        ),
    ] {
        println!("{each:.0} bytes a connection: {name}");
        assert!(each <= most, "{each:.0} bytes a connection: {name}");
    }
}
