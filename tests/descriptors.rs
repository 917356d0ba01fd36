//! At the descriptor limit: everybody gets an answer, nothing spins, and whoever waits is served
//! as soon as that is possible, without a new connection having to remind the server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use support::{Frame, Server, cpu_time, open_descriptors, require, signal, wait_until};

/// Clients that come at once.
const CROWD: usize = 200;

/// The descriptor limit of the server.
const DESCRIPTORS: usize = 64;

/// Of these, 32 are reserved and 1 is spare.
const ROOM: usize = DESCRIPTORS - 33;

/// How long CPU time is measured, and what may be used of it while the server is full.
const MEASURED: Duration = Duration::from_secs(2);
const LARGEST_SHARE: f64 = 0.02;

/// Within this time whoever waits is served once it is possible. It is measured a few times and
/// the best counts, because the machine has other things to do.
const PROMPT: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 4;

const REQUEST: &[u8] = b"GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn limited_server(settings: &[(&str, &str)]) -> Server {
    let limit = format!("ulimit -n {DESCRIPTORS}; exec \"$@\"");
    Server::start_below(&["sh", "-c", &limit, "sh"], settings)
}

/// Connects and asks for an upgrade, without waiting for the answer.
fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the kernel lets clients wait");
    stream.write_all(REQUEST).expect("the kernel takes it");
    stream
}

fn ask_many(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| ask(address)).collect()
}

/// The status of the answer; `None` if there was none, or it did not come within `limit`.
fn status(stream: &mut TcpStream, limit: Duration) -> Option<u16> {
    stream
        .set_read_timeout(Some(limit))
        .expect("it is not zero");
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&answer);
    text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Takes all answers: those who were let in, and how many were told that there is no room.
/// Panics if anybody got another answer or none.
#[track_caller]
fn sort_out(streams: Vec<TcpStream>, limit: Duration) -> (Vec<TcpStream>, usize) {
    let deadline = Instant::now() + limit;
    let mut admitted = Vec::new();
    let mut refused = 0;
    let mut unanswered = 0;
    for mut stream in streams {
        let left = deadline.saturating_duration_since(Instant::now());
        match status(&mut stream, left.max(Duration::from_millis(1))) {
            Some(101) => admitted.push(stream),
            Some(503) => refused += 1,
            Some(other) => panic!("status {other}"),
            None => unanswered += 1,
        }
    }
    let all = admitted.len() + refused + unanswered;
    assert_eq!(unanswered, 0, "clients without an answer, of {all}");
    (admitted, refused)
}

/// The share of one processor that `pid` uses for a while.
fn share_of_processor(pid: u32) -> f64 {
    let begun = (Instant::now(), cpu_time(pid));
    thread::sleep(MEASURED);
    (cpu_time(pid) - begun.1).as_secs_f64() / begun.0.elapsed().as_secs_f64()
}

#[track_caller]
fn assert_idle(server: &Server) {
    let share = share_of_processor(server.pid());
    assert!(
        share < LARGEST_SHARE,
        "the full server uses {:.1} % of a processor",
        share * 100.0
    );
}

/// The time from when descriptors are freed until `newcomers` clients that ask then are all let in.
#[track_caller]
fn time_to_replace(server: &Server, leaving: Vec<TcpStream>, newcomers: usize) -> Replaced {
    let begun = Instant::now();
    drop(leaving);
    let mut waiting = newcomers;
    let mut admitted = Vec::new();
    // The server may see the newcomers before it sees the others leave: they ask again then.
    while waiting > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{waiting} are still refused"
        );
        let (more, _) = sort_out(ask_many(server.address(), waiting), Duration::from_secs(5));
        waiting -= more.len();
        admitted.extend(more);
    }
    Replaced {
        admitted,
        time: begun.elapsed(),
    }
}

struct Replaced {
    admitted: Vec<TcpStream>,
    time: Duration,
}

/// Lets all leave and as many come, a few times; the best time counts.
#[track_caller]
fn assert_prompt_replacement(server: &Server, mut admitted: Vec<TcpStream>) {
    let mut best = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let count = admitted.len();
        let replaced = time_to_replace(server, admitted, count);
        admitted = replaced.admitted;
        best = best.min(replaced.time);
    }
    assert!(
        best < PROMPT,
        "newcomers were let in after {best:?} at best"
    );
}

#[test]
fn beyond_the_limit_of_connections_everybody_is_told() {
    let server = limited_server(&[]);
    let (admitted, refused) = sort_out(ask_many(server.address(), CROWD), Duration::from_secs(5));
    assert_eq!((admitted.len(), refused), (ROOM, CROWD - ROOM));
    assert!(open_descriptors(server.pid()) < DESCRIPTORS);
    assert_idle(&server);
    assert_prompt_replacement(&server, admitted);
}

#[test]
fn clients_that_keep_a_refused_connection_open_do_not_keep_its_descriptor() {
    let server = limited_server(&[]);
    let mut streams = ask_many(server.address(), CROWD);
    // They have read their answer, but do not close.
    for stream in &mut streams {
        assert!(status(stream, Duration::from_secs(5)).is_some());
    }
    wait_until(
        "only the clients that were let in have a descriptor",
        Duration::from_secs(8),
        || open_descriptors(server.pid()) <= DESCRIPTORS - 32 + 10,
    );
    assert_idle(&server);
}

/// With this setting the server meets the limit of the system instead of its own.
const TOO_MANY: (&str, &str) = ("FANTAIL_LIMITS_CONNECTIONS", "1000");

#[test]
fn without_descriptors_everybody_is_told_with_the_spare_one() {
    let server = limited_server(&[TOO_MANY]);
    let (admitted, refused) = sort_out(ask_many(server.address(), CROWD), Duration::from_secs(5));
    assert!(
        admitted.len() > ROOM && admitted.len() < DESCRIPTORS,
        "{} were let in, {refused} refused",
        admitted.len()
    );
    assert_idle(&server);
    // Those who come while it stays full are told, too.
    let (late, refused) = sort_out(ask_many(server.address(), 20), Duration::from_secs(5));
    assert_eq!((late.len(), refused), (0, 20));
    // Nobody is kept waiting, so there is nothing to warn of.
    assert!(!server.log().contains("clients wait"), "{}", server.log());
    assert_prompt_replacement(&server, admitted);
}

#[test]
fn a_full_server_serves_those_whom_it_has() {
    let server = limited_server(&[TOO_MANY]);
    let (mut admitted, _) = sort_out(ask_many(server.address(), CROWD), Duration::from_secs(5));
    let hello = Frame::text("hello").masked([0; 4]);
    admitted[0].write_all(&hello).expect("it is connected");
    for stream in &mut admitted[1..] {
        let mut frame = [0; 7];
        stream.read_exact(&mut frame).expect("the message arrives");
        assert_eq!(&frame, b"\x81\x05hello");
    }
}

/// The process that traces `pid`.
fn tracer_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:")?.trim().parse().ok())
        .filter(|tracer| *tracer != 0)
        .expect("strace traces the server")
}

/// While clients wait, every call of accept fails with `error` for a while. As soon as that is
/// over all of them are served, although no new one comes.
#[track_caller]
fn assert_waiting_clients_are_served_after(error: &str) {
    let Some(strace) = require("strace") else {
        return;
    };
    let strace = strace.to_string_lossy();
    let inject = format!("inject=accept4:error={error}");
    // With -D the server, not strace, is this process's child; with -I2 strace heeds signals.
    let wrapper = [
        &*strace,
        "-D",
        "-I2",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "trace=accept4",
        "-e",
        &inject,
    ];
    let server = Server::start_below(&wrapper, &[]);
    let mut streams = ask_many(server.address(), CROWD);
    let share = share_of_processor(server.pid());
    assert!(
        share < LARGEST_SHARE,
        "{error}: {:.1} % of a processor",
        share * 100.0
    );
    for stream in &mut streams[..3] {
        let answer = status(stream, Duration::from_millis(1));
        assert_eq!(answer, None, "{error}: accept did not fail");
    }

    // strace ends and lets the server go on alone.
    signal(tracer_of(server.pid()), "TERM");
    let begun = Instant::now();
    let (admitted, refused) = sort_out(streams, Duration::from_secs(5));
    let waited = begun.elapsed();
    // If strace ends between a failure and the attempt with the spare descriptor, that one
    // client is refused.
    assert!(refused <= 1, "{error}: {refused} were refused");
    assert_eq!(admitted.len() + refused, CROWD);
    // Twice as much as it should be, for strace's end.
    assert!(
        waited < 2 * PROMPT,
        "{error}: the clients waited for another {waited:?}"
    );
}

#[test]
fn clients_that_waited_for_memory_of_the_kernel_are_served() {
    assert_waiting_clients_are_served_after("ENOBUFS");
    assert_waiting_clients_are_served_after("ENOMEM");
}

#[test]
fn clients_that_waited_for_a_descriptor_are_served() {
    assert_waiting_clients_are_served_after("EMFILE");
    assert_waiting_clients_are_served_after("ENFILE");
}

#[test]
fn clients_that_broke_off_are_passed_over() {
    let Some(strace) = require("strace") else {
        return;
    };
    let strace = strace.to_string_lossy();
    for error in ["ECONNABORTED", "EPROTO"] {
        let inject = format!("inject=accept4:error={error}:when=1..30");
        let wrapper = [
            &*strace,
            "-D",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "trace=accept4",
            "-e",
            &inject,
        ];
        let server = Server::start_below(&wrapper, &[]);
        let begun = Instant::now();
        let (admitted, _) = sort_out(ask_many(server.address(), 20), Duration::from_secs(5));
        assert_eq!(admitted.len(), 20, "{error}");
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{error}: {:?}",
            begun.elapsed()
        );
    }
}
