//! Clients that do not read: the others lose nothing and are not slowed, the server's memory stays
//! within its limit, and what the slow ones see is what their topic's policy says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{End, Frame, Opcode, RawClient, Server, cpu_time, resident_bytes, wait_until};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Receivers of the large test; every tenth never reads.
const RECEIVERS: usize = 1_000;

/// Bytes of a message, and how many of them are sent before all who read have them.
const MESSAGE: usize = 1_000;
const BATCH: usize = 16;
const BATCHES: usize = 40;

/// What the kernel is asked to hold for a client that does not read.
const SMALL_WINDOW: usize = 4 * KIB;

/// Bytes of a TCP segment to such a client. Loopback's are of 64 KiB, and for ten of those the
/// kernel would keep room on the server's side.
const SMALL_SEGMENT: u32 = 536;

/// A client whose kernel takes little before the server feels that nobody reads.
fn reluctant_client(server: &Server, path: &str) -> RawClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
    socket
        .set_recv_buffer_size(SMALL_WINDOW)
        .expect("it may be small");
    socket.set_tcp_mss(SMALL_SEGMENT).expect("it may be small");
    socket
        .connect(&server.address().into())
        .expect("the server listens");
    let mut client = RawClient::from_stream(TcpStream::from(socket));
    assert_eq!(client.try_upgrade(path, &[]).status, 101);
    client
}

/// A message that begins with its number.
fn numbered(number: usize, length: usize) -> Vec<u8> {
    let mut message = format!("{number:08}").into_bytes();
    message.resize(length, b'.');
    message
}

#[track_caller]
fn number_of(message: &[u8]) -> usize {
    let digits = message
        .get(..8)
        .and_then(|digits| str::from_utf8(digits).ok());
    let number = digits.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("not a numbered message: {message:?}"))
}

/// Everything that a client that was slow reads once it reads: the numbers of the messages, and
/// the close frame if there is one.
#[track_caller]
fn read_all(client: &mut RawClient) -> (Vec<usize>, Option<Frame>) {
    let mut numbers = Vec::new();
    while let Some(frame) = client.receive_frame_within(Duration::from_millis(500)) {
        match frame.opcode {
            Opcode::BINARY => numbers.push(number_of(&frame.payload)),
            Opcode::CLOSE => return (numbers, Some(frame)),
            _ => panic!("{frame:?}"),
        }
    }
    (numbers, None)
}

#[track_caller]
fn assert_prefix(numbers: &[usize]) {
    assert!(
        numbers.iter().copied().eq(0..numbers.len()),
        "not the first messages in order: {numbers:?}"
    );
}

/// Many clients that read, watched together.
struct Crowd {
    poll: Poll,
    members: Vec<Member>,
}

struct Member {
    stream: mio::net::TcpStream,
    received: Vec<u8>,
    next: usize,
}

impl Crowd {
    fn connect(server: &Server, path: &str, count: usize) -> Self {
        let poll = Poll::new().expect("epoll is there");
        let members = (0..count)
            .map(|index| {
                let client = RawClient::upgrade(server.address(), path);
                let stream = client.stream().try_clone().expect("there are descriptors");
                stream.set_nonblocking(true).expect("it can be");
                let mut stream = mio::net::TcpStream::from_std(stream);
                poll.registry()
                    .register(&mut stream, Token(index), Interest::READABLE)
                    .expect("it can be watched");
                Member {
                    stream,
                    received: Vec::new(),
                    next: 0,
                }
            })
            .collect();
        Self { poll, members }
    }

    /// Reads until every member has had `count` messages, which must be the first ones in order.
    #[track_caller]
    fn receive_until(&mut self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut events = Events::with_capacity(1024);
        let mut behind = self
            .members
            .iter()
            .filter(|member| member.next < count)
            .count();
        while behind > 0 {
            assert!(Instant::now() < deadline, "{behind} members lack messages");
            self.poll
                .poll(&mut events, Some(Duration::from_secs(1)))
                .expect("events can be waited for");
            for index in events.iter().map(Event::token) {
                let member = &mut self.members[index.0];
                let before = member.next;
                member.read();
                behind -= usize::from(before < count && member.next >= count);
            }
        }
    }
}

impl Member {
    #[track_caller]
    fn read(&mut self) {
        let mut buffer = [0; 64 * KIB];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("a client that reads was cut off at message {}", self.next),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("reading: {error}"),
            }
        }
        while let Some(frame) = Frame::take(&mut self.received) {
            assert_eq!(frame.opcode, Opcode::BINARY, "{}", frame.close_reason());
            assert_eq!(frame.payload, numbered(self.next, MESSAGE));
            self.next += 1;
        }
    }
}

/// The most memory that a process has had resident, in bytes.
fn peak_resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let kilobytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .expect("Linux gives VmHWM");
    kilobytes * 1024
}

/// What delivering all batches took: processor time of the server for one delivery to a client
/// that reads, and the clients that did not.
struct Run {
    per_delivery: Duration,
    stalled: Vec<RawClient>,
    server: Server,
}

/// Sends all batches to `readers` clients that read and `stalled` that do not.
fn run(readers: usize, stalled: usize) -> Run {
    let server = Server::start(&[
        ("FANTAIL_LIMITS_OUTPUT", "128KiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT", "64KiB"),
        ("FANTAIL_LIMITS_CLOSE_TIME", "60s"),
        ("FANTAIL_LIMITS_MEMORY", "16MiB"),
    ]);
    let mut crowd = Crowd::connect(&server, "/demo", readers);
    let stalled: Vec<_> = (0..stalled)
        .map(|_| reluctant_client(&server, "/demo"))
        .collect();
    let mut publisher = RawClient::upgrade(server.address(), "/demo");
    let before = cpu_time(server.pid());
    for batch in 0..BATCHES {
        for number in batch * BATCH..(batch + 1) * BATCH {
            publisher.send_binary(&numbered(number, MESSAGE));
        }
        crowd.receive_until((batch + 1) * BATCH);
    }
    let used = cpu_time(server.pid()) - before;
    Run {
        per_delivery: used / u32::try_from(readers * BATCHES * BATCH).expect("it is less"),
        stalled,
        server,
    }
}

#[test]
fn one_client_in_ten_that_never_reads_costs_the_others_nothing() {
    let without = run(RECEIVERS * 9 / 10, 0);
    drop(without.server);
    let with = run(RECEIVERS * 9 / 10, RECEIVERS / 10);

    // In a run without stalled clients the nine tenths that read cost what they cost; the rest
    // may add its own share, and a busy machine its noise.
    let ratio = with.per_delivery.as_secs_f64() / without.per_delivery.as_secs_f64();
    assert!(
        ratio < 1.6,
        "a delivery took {:?}, without stalled clients {:?}",
        with.per_delivery,
        without.per_delivery
    );

    for mut client in with.stalled {
        let (numbers, close) = read_all(&mut client);
        assert_prefix(&numbers);
        assert!(numbers.len() < BATCHES * BATCH, "it was sent all");
        assert_eq!(close, Some(Frame::close(1008, "output limit")));
        client.send_frame(&Frame::close(1008, ""));
        assert_eq!(client.receive_end(), End::Closed);
    }
    let peak = peak_resident_bytes(with.server.pid());
    assert!(
        peak < 40 * MIB as u64,
        "{} MiB were resident",
        peak / MIB as u64
    );
}

#[test]
fn all_buffers_together_stay_within_the_memory_limit() {
    const LIMIT: usize = 16 * MIB;
    let server = Server::start(&[
        ("FANTAIL_LIMITS_OUTPUT", "64MiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT", "64MiB"),
        ("FANTAIL_LIMITS_MEMORY", "16MiB"),
        ("FANTAIL_LIMITS_CLOSE_TIME", "60s"),
    ]);
    let mut reader = RawClient::upgrade(server.address(), "/read");
    let mut publisher = RawClient::upgrade(server.address(), "/read");
    publisher.synchronise();
    let at_start = resident_bytes(server.pid());
    // Topics of their own, so that nothing of what waits for them is shared: four times the limit.
    let mut stalled = Vec::new();
    for topic in 0..16 {
        let path = format!("/stalled/{topic}");
        stalled.push(reluctant_client(&server, &path));
        let mut sender = RawClient::upgrade(server.address(), &path);
        for number in 0..64 {
            sender.send_binary(&numbered(number, 64 * KIB));
        }
        sender.synchronise();
        // Who is no large consumer is not the one to go.
        publisher.send_text("hello");
        assert_eq!(reader.receive_text(), "hello");
    }
    let growth = peak_resident_bytes(server.pid()).saturating_sub(at_start);
    assert!(
        growth < (LIMIT + 12 * MIB) as u64,
        "grew by {} MiB",
        growth / MIB as u64
    );
    let mut closed = 0;
    for client in &mut stalled {
        let (numbers, close) = read_all(client);
        assert_prefix(&numbers);
        match close {
            Some(close) => {
                assert_eq!(close, Frame::close(1008, "memory limit"));
                closed += 1;
            }
            None => assert_eq!(numbers.len(), 64, "it lost messages without being closed"),
        }
    }
    assert!((8..16).contains(&closed), "{closed} of 16 were closed");
}

/// A message without payload is two bytes long, but its place in each queue is eight.
#[test]
fn queues_of_small_messages_count_as_memory() {
    const LIMIT: usize = 8 * MIB;
    const MESSAGES: usize = 150_000;
    let server = Server::start(&[
        ("FANTAIL_LIMITS_OUTPUT_SOFT", "1MiB"),
        ("FANTAIL_LIMITS_MEMORY", "8MiB"),
        ("FANTAIL_LIMITS_CLOSE_TIME", "60s"),
    ]);
    let _stalled: Vec<_> = (0..30)
        .map(|_| reluctant_client(&server, "/demo"))
        .collect();
    let mut publisher = RawClient::upgrade(server.address(), "/demo");
    publisher.synchronise();
    let at_start = resident_bytes(server.pid());
    // An empty text, masked with zeros.
    let empty = [0x81, 0x80, 0, 0, 0, 0];
    for _ in 0..MESSAGES / 1_000 {
        publisher.send(&empty.repeat(1_000));
    }
    publisher.synchronise();
    let growth = peak_resident_bytes(server.pid()).saturating_sub(at_start);
    assert!(
        growth < (LIMIT + 12 * MIB) as u64,
        "grew by {} MiB",
        growth / MIB as u64
    );
}

#[test]
fn the_soft_limit_is_borne_for_a_while() {
    let server = Server::start(&[
        ("FANTAIL_LIMITS_OUTPUT", "8MiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT", "64KiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT_TIME", "1s"),
    ]);
    let mut stalled = reluctant_client(&server, "/demo");
    let mut slow = reluctant_client(&server, "/demo");
    let mut publisher = RawClient::upgrade(server.address(), "/demo");
    for number in 0..1_000 {
        publisher.send_binary(&numbered(number, MESSAGE));
    }
    publisher.synchronise();
    let begun = Instant::now();
    // One catches up in time.
    let (numbers, close) = read_all(&mut slow);
    assert_eq!((numbers.len(), close), (1_000, None));
    wait_until("the other one is given up", Duration::from_secs(5), || {
        server_statistics(&server).contains("\"soft output time limit\":1")
    });
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(800), "after {elapsed:?}");
    let (numbers, close) = read_all(&mut stalled);
    assert_prefix(&numbers);
    assert_eq!(close, Some(Frame::close(1008, "soft output time limit")));
    slow.synchronise();
}

/// The totals of the server, as JSON text.
fn server_statistics(server: &Server) -> String {
    let mut client = RawClient::connect(server.address());
    client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
    client.receive_response().text()
}

/// Messages sent while a client does not read: more than the kernel and the limit together hold.
const MISSED: usize = 2_000;

/// Has a client miss many messages under `policy` and returns what it reads afterwards.
fn miss(policy: &str) -> (Vec<usize>, Option<Frame>) {
    let policies = format!("{{ \"/demo\" = \"{policy}\" }}");
    let server = Server::start(&[
        ("FANTAIL_LIMITS_OUTPUT", "128KiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT", "64KiB"),
        ("FANTAIL_LIMITS_OUTPUT_SOFT_TIME", "60s"),
        ("FANTAIL_TOPICS_POLICIES", &policies),
    ]);
    let mut slow = reluctant_client(&server, "/demo/1");
    let mut reader = RawClient::upgrade(server.address(), "/demo/1");
    let mut publisher = RawClient::upgrade(server.address(), "/demo/1");
    for number in 0..MISSED {
        publisher.send_binary(&numbered(number, MESSAGE));
        assert_eq!(number_of(&reader.receive_binary()), number);
    }
    let (mut numbers, close) = read_all(&mut slow);
    if close.is_none() {
        // Whoever has caught up misses nothing more.
        for number in MISSED..MISSED + 50 {
            publisher.send_binary(&numbered(number, MESSAGE));
        }
        let (more, _) = read_all(&mut slow);
        assert!(
            more.iter().copied().eq(MISSED..MISSED + 50),
            "{policy}: {more:?}"
        );
        let dropped = MISSED - numbers.len();
        let statistics = server_statistics(&server);
        assert!(
            statistics.contains(&format!("\"dropped\":{dropped},")),
            "{policy}: {dropped} of {MISSED} are missing; {statistics}"
        );
    }
    numbers.shrink_to_fit();
    (numbers, close)
}

/// Messages that surely fit into the output limit.
const KEPT: usize = 120;

/// Checks that the order is right and something is missing; how many of the numbers at the end
/// follow one another. The kernel may take some on the way, so that there may be several gaps.
#[track_caller]
fn length_behind_last_gap(numbers: &[usize]) -> usize {
    assert!(
        numbers.is_sorted_by(|first, second| first < second),
        "{numbers:?}"
    );
    let pairs = numbers.iter().zip(&numbers[1..]);
    let gap = pairs.rev().position(|(first, second)| first + 1 != *second);
    gap.expect("something is missing") + 1
}

#[test]
fn close_keeps_what_was_sent_before() {
    let (numbers, close) = miss("close");
    assert_prefix(&numbers);
    assert_eq!(close, Some(Frame::close(1008, "output limit")));
}

#[test]
fn drop_new_keeps_the_oldest() {
    let (numbers, close) = miss("drop-new");
    assert_eq!(close, None);
    assert!(numbers.len() < MISSED);
    assert_prefix(&numbers[..KEPT]);
    let newest = numbers.iter().filter(|number| **number >= MISSED - KEPT);
    assert!(newest.count() < KEPT / 2, "{numbers:?}");
    assert!(
        numbers.is_sorted_by(|first, second| first < second),
        "{numbers:?}"
    );
}

#[test]
fn drop_old_keeps_the_newest() {
    let (numbers, close) = miss("drop-old");
    assert_eq!(close, None);
    assert_eq!(numbers.last(), Some(&(MISSED - 1)));
    let kept = length_behind_last_gap(&numbers);
    assert!(kept >= KEPT, "{kept} of the newest were kept: {numbers:?}");
}

#[test]
fn latest_keeps_what_is_new() {
    let (numbers, close) = miss("latest");
    assert_eq!(close, None);
    assert_eq!(numbers.last(), Some(&(MISSED - 1)));
    // The kernel may have taken one or two more at the end.
    let kept = length_behind_last_gap(&numbers);
    assert!(kept <= 4, "{kept} of the newest were kept: {numbers:?}");
}
