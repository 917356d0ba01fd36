//! One busy client does not starve the others, and what was stopped for their sake is gone back
//! to although the kernel does not tell of it again.
//!
//! A server that is stopped with a signal while its clients write finds everything at once when
//! it goes on: one event for all of it, and no other behind it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{End, Frame, Opcode, RawClient, Server};

const MASK: [u8; 4] = [1, 2, 3, 4];

/// More than `limits.accepts_per_turn`.
const CROWD: usize = 300;

/// Has `write` happen while the server stands still.
fn at_once<T>(server: &Server, write: impl FnOnce() -> T) -> T {
    server.signal("STOP");
    let written = write();
    // Loopback delivers within the system call, but for what a full window holds back.
    server.signal("CONT");
    written
}

/// Binary messages with the numbers from 0 on, masked.
fn numbered(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|number| Frame::binary(&number.to_be_bytes()).masked(MASK))
        .collect()
}

/// That the statistics say that `limit` made something wait.
#[track_caller]
fn assert_paused(server: &Server, limit: &str) {
    let mut client = RawClient::connect(server.address());
    client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
    let totals = client.receive_response().text();
    let totals: serde_json::Value = serde_json::from_str(&totals).expect("it is JSON");
    let count = totals["pauses"][limit].as_u64();
    assert!(count.is_some_and(|count| count > 0), "{limit}: {totals}");
}

#[track_caller]
fn receive_numbered(receiver: &mut RawClient, count: u32) {
    for number in 0..count {
        assert_eq!(receiver.receive_binary(), number.to_be_bytes());
    }
}

#[test]
fn all_frames_of_one_segment_arrive() {
    let server = Server::start(&[]);
    let mut sender = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/demo");

    // 50,000 bytes: less than one read, more frames than one turn takes.
    let bytes = numbered(5_000);
    at_once(&server, || sender.send(&bytes));
    receive_numbered(&mut receiver, 5_000);
    assert_paused(&server, "frames per turn");

    let empty = Frame::binary(b"").masked(MASK).repeat(10_000);
    at_once(&server, || sender.send(&empty));
    for _ in 0..10_000 {
        assert_eq!(receiver.receive_binary(), b"");
    }
    assert_eq!(
        receiver.receive_frame_within(Duration::from_millis(50)),
        None
    );
}

#[test]
fn what_is_beyond_one_read_arrives() {
    let server = Server::start(&[("FANTAIL_LIMITS_READ_PER_TURN", "4KiB")]);
    let mut sender = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    // Few frames, so that it is the bytes that use up the turn.
    let message = [b'x'; 1_000];
    let bytes = Frame::binary(&message).masked(MASK).repeat(50);
    at_once(&server, || sender.send(&bytes));
    for _ in 0..50 {
        assert_eq!(receiver.receive_binary(), message);
    }
    assert_paused(&server, "bytes read per turn");

    // And a stream much larger than any buffer.
    let writer = thread::spawn(move || {
        sender.send(&numbered(200_000));
        sender
    });
    receive_numbered(&mut receiver, 200_000);
    writer.join().expect("all could be sent");
}

#[test]
fn what_was_sent_before_leaving_arrives() {
    let server = Server::start(&[]);
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    for _ in 0..3 {
        let mut sender = RawClient::upgrade(server.address(), "/demo");
        let bytes = numbered(5_000);
        at_once(&server, || {
            sender.send(&bytes);
            sender
                .stream()
                .shutdown(Shutdown::Write)
                .expect("it is connected");
        });
        receive_numbered(&mut receiver, 5_000);
        assert_eq!(sender.receive_end(), End::Closed);
    }
}

#[test]
fn all_requests_of_one_segment_are_answered() {
    let server = Server::start(&[]);
    let mut client = RawClient::connect(server.address());
    let requests = "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500);
    at_once(&server, || client.send(requests.as_bytes()));
    for _ in 0..500 {
        assert_eq!(client.receive_response().status, 400);
    }
}

#[test]
fn a_client_held_to_a_rate_loses_nothing() {
    let server = Server::start(&[("FANTAIL_LIMITS_MESSAGES", "100")]);
    let mut sender = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    let begun = Instant::now();
    sender.send(&numbered(200));
    receive_numbered(&mut receiver, 200);
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= Duration::from_millis(800),
        "200 messages at 100/s and a burst of 100 took {elapsed:?}"
    );
    sender.synchronise();
}

#[test]
fn busy_clients_do_not_starve_another() {
    let server = Server::start(&[]);
    let mut other = RawClient::upgrade(server.address(), "/quiet");
    let mut partner = RawClient::upgrade(server.address(), "/quiet");
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = [
        vec![0; 16_384],
        vec![0; 100],
        Vec::new(),
        vec![0; 1_000_000],
    ]
    .into_iter()
    .enumerate()
    .map(|(index, message)| {
        let mut client = RawClient::upgrade(server.address(), &format!("/busy/{index}"));
        let burst = Frame::binary(&message).masked(MASK);
        let burst = burst.repeat(128 * 1024 / burst.len() + 1);
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut sent = 0_usize;
            while !stop.load(Ordering::Relaxed) && client.try_send(&burst) {
                sent += burst.len();
            }
            sent
        })
    })
    .collect();

    thread::sleep(Duration::from_millis(100));
    let mut slowest = Duration::ZERO;
    for round in 0..100 {
        let begun = Instant::now();
        let text = round.to_string();
        other.send_text(&text);
        assert_eq!(partner.receive_text(), text);
        slowest = slowest.max(begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for client in busy {
        let sent = client.join().expect("it can send");
        assert!(sent > 1 << 20, "a busy client got rid of {sent} bytes only");
    }
    assert!(
        slowest < Duration::from_secs(1),
        "a message took {slowest:?}"
    );
}

#[test]
fn a_crowd_that_comes_at_once_is_let_in() {
    let server = Server::start(&[]);
    let mut crowd: Vec<RawClient> = at_once(&server, || {
        (0..CROWD)
            .map(|_| RawClient::connect(server.address()))
            .collect()
    });
    let request = "GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for client in &mut crowd {
        client.send(request.as_bytes());
    }
    for client in &mut crowd {
        assert_eq!(client.receive_response_head().status, 101);
    }
    assert_paused(&server, "accepts per turn");
    let (first, others) = crowd.split_first_mut().expect("there is a crowd");
    first.send_text("hello");
    for client in others {
        assert_eq!(client.receive_text(), "hello");
    }
}

#[test]
fn control_frames_are_answered_between_bursts() {
    let server = Server::start(&[]);
    let mut sender = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    let mut bytes = numbered(3_000);
    bytes.extend(Frame::ping(b"last").masked(MASK));
    at_once(&server, || {
        let mut stream = sender.stream();
        stream.write_all(&bytes).expect("it is connected");
    });
    assert_eq!(sender.receive_frame(), Frame::new(Opcode::PONG, *b"last"));
    receive_numbered(&mut receiver, 3_000);
}
