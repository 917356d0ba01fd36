//! Claims of dSock: a million redemptions of a thousand claims, and what a million of them cost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should fail"
)]

mod driver;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver::Driver;
use driver::decoder::{Decoder, Output};
use fantail::dialects::dsock::Dsock;
use fantail::dialects::dsock::directory::{ClaimKey, Claims, NewClaim};
use fantail::dialects::dsock::settings::Settings as DsockSettings;
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::DialectId;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use support::SeededRandom;

/// Counts what is allocated and not yet given back.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // The system's allocator has a word of its own for each piece.
        HELD.fetch_add(layout.size() + size_of::<usize>(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() + size_of::<usize>(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above, that is from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Duration = Duration::from_secs(1_795_210_504);

/// The tests are one, so that none counts what another holds.
#[test]
fn claims_are_redeemed_once_and_cost_little() {
    what_claims_are_said_to_take_is_about_what_they_take();
    a_million_claims_fit_into_256_mib();
    a_thousand_clients_race_for_a_thousand_claims();
}

/// `dsock.claims_memory` bounds memory, not a number: whatever claims have, their indexes included.
fn what_claims_are_said_to_take_is_about_what_they_take() {
    const CLAIMS: usize = 20_000;
    for (name, session, channels, length) in [
        ("next to nothing", "", 0, 0),
        ("a session", "s", 0, 0),
        ("channels", "", 4, 8),
        ("a session and channels", "s", 4, 8),
        ("a session and many channels", "s", 128, 16),
        ("long names", "", 4, 256),
    ] {
        let claims_made = if channels > 100 { CLAIMS / 20 } else { CLAIMS };
        let before = HELD.load(Ordering::Relaxed);
        let mut claims = Claims::default();
        for index in 0..claims_made {
            let channels: Vec<String> = (0..channels)
                .map(|channel| format!("{channel:0>length$}-{}", index % 100))
                .collect();
            let session = if session.is_empty() {
                String::new()
            } else {
                format!("{session}{index}")
            };
            let new = NewClaim {
                id: &format!("{index:032}"),
                user: &format!("user-{index}"),
                session: &session,
                channels: &channels,
                expires: NOW + Duration::from_millis(60_000 + index as u64),
            };
            claims.create(&new, NOW).unwrap();
        }
        let held = HELD.load(Ordering::Relaxed) - before;
        let ratio = claims.memory() as f64 / held as f64;
        println!(
            "{name}: {} bytes each, {ratio:.2} of that said",
            held / claims_made
        );
        assert!((0.85..1.5).contains(&ratio), "{name}: {ratio:.2}");
    }
}

fn a_million_claims_fit_into_256_mib() {
    const CLAIMS: usize = 1_000_000;
    let before = HELD.load(Ordering::Relaxed);
    let held = || HELD.load(Ordering::Relaxed).saturating_sub(before);
    let mut claims = Claims::default();
    let mut random = fastrand::Rng::with_seed(1);
    let mut ids = Vec::with_capacity(1_000);
    for index in 0..CLAIMS {
        let id: String = (0..32).map(|_| random.alphanumeric()).collect();
        let channels = [format!("c{}", index % 1_000), "global".to_owned()];
        let new = NewClaim {
            id: &id,
            user: &format!("user-{index}"),
            session: &format!("session-{}", index % 7),
            channels: &channels,
            expires: NOW + Duration::from_millis(60_000 + random.u64(0..1_000_000)),
        };
        claims.create(&new, NOW).unwrap();
        if index % 1_000 == 0 {
            ids.push(id);
        }
    }
    assert_eq!(claims.len(), CLAIMS);
    let mib = held() as f64 / (1024.0 * 1024.0);
    println!("{mib:.0} MiB for a million claims");
    assert!(mib <= 256.0, "{mib:.0} MiB");
    // Each is found among all the others.
    for id in &ids {
        assert_eq!(claims.find(ClaimKey::Id(id), NOW).count(), 1);
    }
    assert_eq!(
        claims.find(ClaimKey::Channel("c5"), NOW).count(),
        CLAIMS / 1_000
    );
    assert_eq!(claims.find(ClaimKey::User("user-123456"), NOW).count(), 1);
    // Once gone they cost nothing, whether their time is over or they are redeemed.
    let numbers: Vec<_> = claims.find(ClaimKey::Channel("global"), NOW).collect();
    for number in numbers.iter().step_by(2) {
        assert!(claims.remove(*number).is_some());
    }
    drop(numbers);
    let end = NOW + Duration::from_secs(2_000);
    assert_eq!(claims.expire(end, usize::MAX), CLAIMS / 2);
    drop(ids);
    let left = held();
    assert!(left < 4_096, "{left} bytes are left");
}

const CLIENTS: usize = 1_000;
const ROUNDS: usize = 1_000;

fn a_thousand_clients_race_for_a_thousand_claims() {
    let limits = Limits {
        connections: 2 * CLIENTS,
        memory: 1 << 30,
        dsock_connections_per_user: usize::MAX,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        control_secret: Secret::default(),
    };
    let dsock = Dsock::new(DsockSettings {
        token: Secret::new("t"),
        ..DsockSettings::default()
    });
    let service = Service::clients(vec![DialectId::new(0)]);
    let relay = Relay::new(settings, vec![Box::new(dsock)], vec![service])
        .with_random_source(Box::new(SeededRandom::new(2)));
    let mut driver = Driver::new(relay, NOW, fastrand::Rng::with_seed(3));
    let mut clients: Vec<ConnId> = (0..CLIENTS).map(|_| connect(&mut driver)).collect();
    let api = connect(&mut driver);
    for round in 0..ROUNDS {
        let request = format!(
            "POST /claim?user=u&id=c{round}&token=t HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        );
        send(&mut driver, api, request.as_bytes());
        driver.finish_turn();
        assert_eq!(status(&mut driver, api), 200);

        // All of them have sent everything but the last byte when the first one sends it.
        let handshake = format!(
            "GET /connect?claim=c{round} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let (most, last) = handshake.as_bytes().split_at(handshake.len() - 1);
        for id in &clients {
            send(&mut driver, *id, most);
        }
        let mut order = clients.clone();
        fastrand::Rng::with_seed(round as u64).shuffle(&mut order);
        for (index, id) in order.iter().enumerate() {
            send(&mut driver, *id, last);
            // Some of them in the same turn of the loop, some in the next.
            if index % 97 == 0 {
                driver.finish_turn();
            }
        }
        driver.finish_turn();
        let winners: Vec<usize> = (0..CLIENTS)
            .filter(|index| match status(&mut driver, clients[*index]) {
                101 => true,
                400 => false,
                other => panic!("status {other}"),
            })
            .collect();
        assert_eq!(winners.len(), 1, "round {round}");
        driver.lost(clients[winners[0]]);
        driver.finish_turn();
        clients[winners[0]] = connect(&mut driver);
        driver.pass(Duration::from_millis(10));
    }
    assert_eq!(driver.relay.counters().handshakes, ROUNDS as u64);
}

fn connect(driver: &mut Driver) -> ConnId {
    let address = PeerAddress::tcp(([127, 0, 0, 1], 1).into());
    driver.accept(0, address).unwrap()
}

fn send(driver: &mut Driver, id: ConnId, bytes: &[u8]) {
    driver.receive(id, &mut bytes.to_vec());
}

/// The status of the only answer that the client was given since it was asked for last.
fn status(driver: &mut Driver, id: ConnId) -> u16 {
    let mut decoder = Decoder::default();
    let socket = driver.socket(id).unwrap();
    decoder.feed(&std::mem::take(&mut socket.taken));
    match decoder.next(false).unwrap() {
        Some(Output::Answer { status, .. }) => status,
        other => panic!("no answer: {other:?}"),
    }
}
