//! What an idle connection costs in the relay, counted by the allocator: 50,000 of them, more than
//! many machines have descriptors for. The sockets' table, which is the reactor's, is not in it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fantail::dialects::topics::Topics;
use fantail::dialects::topics::settings::Settings as TopicsSettings;
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::dialect::DialectId;
use fantail::relay::moment::{Moment, Now};
use fantail::relay::peer::ListenerId;
use fantail::relay::{Admission, Relay, Service, Settings};

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

/// The most that the relay may hold for each; the sockets' table takes 16 more.
const BYTES_PER_CONNECTION: f64 = 334.0;

const HANDSHAKE: &[u8] = b"GET /demo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nUser-Agent: idle\r\n\r\n";

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

#[test]
fn an_idle_connection_costs_next_to_nothing() {
    let limits = Limits {
        connections: CONNECTIONS,
        memory: 1 << 30,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        control_secret: Default::default(),
    };
    let topics = Topics::new(TopicsSettings::default());
    let service = Service::clients(vec![DialectId::new(0)]);
    let mut relay = Relay::new(settings, vec![Box::new(topics)], vec![service]);
    let now = Now {
        moment: Moment::since_start(Duration::from_secs(1)),
        wall: Duration::ZERO,
    };
    let before = HELD.load(Ordering::Relaxed);
    for index in 0..CONNECTIONS {
        let address = PeerAddress::tcp(([127, 0, 0, 1], (index % 60_000) as u16).into());
        let Admission::Admitted(id) = relay.accept(ListenerId::new(0), address, now) else {
            panic!("connection {index} was turned away");
        };
        relay.receive(id, &mut HANDSHAKE.to_vec(), now);
        relay.settle(now);
        flush(&mut relay);
    }
    assert_eq!(relay.counters().handshakes, CONNECTIONS as u64);
    let held = HELD.load(Ordering::Relaxed) - before;
    // Tables grow by doubling, and the room that is not used yet is not resident: of 65,536 rows
    // of each, 50,000 are.
    let used = held as f64 * CONNECTIONS as f64 / CONNECTIONS.next_power_of_two() as f64;
    let each = used / CONNECTIONS as f64;
    println!("{each:.0} bytes a connection");
    assert!(each <= BYTES_PER_CONNECTION, "{each:.0} bytes a connection");
}
