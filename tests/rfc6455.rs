//! RFC 6455 against the real binary: what is malformed ends the connection with the right code,
//! what is well-formed gets through however it is cut up, and a client of other people's making
//! agrees.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::thread;
use std::time::{Duration, Instant};
use support::{End, Frame, Opcode, RawClient, Server};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::{Bytes, Message};

const ECHO: (&str, &str) = ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=echo");

const MASK: [u8; 4] = [0x11, 0x82, 0xF3, 0x04];

fn echo_server() -> Server {
    Server::start(&[ECHO])
}

/// A frame's bytes, masked.
fn masked(frame: &Frame) -> Vec<u8> {
    frame.masked(MASK)
}

fn continuation(payload: &[u8]) -> Frame {
    Frame::new(Opcode::CONTINUATION, payload)
}

fn with_reserved(mut frame: Frame, bits: u8) -> Frame {
    frame.reserved = bits;
    frame
}

/// A close frame whose payload is `bytes`.
fn close_of(bytes: &[u8]) -> Vec<u8> {
    masked(&Frame::new(Opcode::CLOSE, bytes))
}

/// A masked frame's header that announces `length` bytes, in the long form.
fn header_only(opcode: Opcode, length: u64) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode.0, 0x80 | 127];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&MASK);
    bytes
}

/// Sends `bytes` and checks that the server closes with `code` and `reason`, and then ends the
/// connection in order although the client never answers.
#[track_caller]
fn assert_closes(server: &Server, name: &str, bytes: &[u8], code: u16, reason: &str) {
    let mut client = RawClient::upgrade(server.address(), "/");
    client.send(bytes);
    let frame = client.receive_frame();
    assert_eq!(frame.close_code(), Some(code), "{name}: {frame:?}");
    assert_eq!(frame.close_reason(), reason, "{name}");
    assert_eq!(client.receive_end(), End::Closed, "{name}");
}

#[test]
fn malformed_frames_close_with_their_code() {
    let server = echo_server();
    let text = Frame::text("x");
    let start = masked(&Frame::text("x").unfinished());
    let after_start = |frame: Vec<u8>| [start.clone(), frame].concat();
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("not masked", text.unmasked(), 1002, "frame not masked"),
        (
            "opcode 3",
            masked(&Frame::new(Opcode(3), *b"x")),
            1002,
            "unknown opcode",
        ),
        (
            "opcode 7",
            masked(&Frame::new(Opcode(7), *b"")),
            1002,
            "unknown opcode",
        ),
        (
            "opcode 11",
            masked(&Frame::new(Opcode(11), *b"")),
            1002,
            "unknown opcode",
        ),
        (
            "opcode 15",
            masked(&Frame::new(Opcode(15), *b"")),
            1002,
            "unknown opcode",
        ),
        (
            "RSV1",
            masked(&with_reserved(text.clone(), 4)),
            1002,
            "reserved bit set",
        ),
        (
            "RSV2",
            masked(&with_reserved(text.clone(), 2)),
            1002,
            "reserved bit set",
        ),
        (
            "RSV3",
            masked(&with_reserved(text.clone(), 1)),
            1002,
            "reserved bit set",
        ),
        (
            "RSV1 on a ping",
            masked(&with_reserved(Frame::ping(b""), 4)),
            1002,
            "reserved bit set",
        ),
        (
            "ping in two frames",
            masked(&Frame::ping(b"x").unfinished()),
            1002,
            "fragmented control frame",
        ),
        (
            "close in two frames",
            masked(&Frame::close(1000, "").unfinished()),
            1002,
            "fragmented control frame",
        ),
        (
            "ping of 126 bytes",
            masked(&Frame::ping(&[b'x'; 126])),
            1002,
            "control frame longer than 125 bytes",
        ),
        (
            "continuation of nothing",
            masked(&continuation(b"x")),
            1002,
            "continuation without a message",
        ),
        (
            "text inside a message",
            after_start(masked(&text)),
            1002,
            "new message inside a fragmented one",
        ),
        (
            "binary inside a message",
            after_start(masked(&Frame::binary(b"x"))),
            1002,
            "new message inside a fragmented one",
        ),
        (
            "7 bits would do",
            vec![0x81, 0x80 | 126, 0, 125],
            1002,
            "length not in its shortest form",
        ),
        (
            "16 bits would do",
            vec![0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            1002,
            "length not in its shortest form",
        ),
        (
            "top bit of the length",
            vec![0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
            1002,
            "length with its top bit set",
        ),
        (
            "bad UTF-8",
            masked(&Frame::new(Opcode::TEXT, *b"\xFF")),
            1007,
            "text is not valid UTF-8",
        ),
        (
            "a surrogate",
            masked(&Frame::new(Opcode::TEXT, *b"\xED\xA0\x80")),
            1007,
            "text is not valid UTF-8",
        ),
        (
            "text that ends inside a character",
            masked(&Frame::new(Opcode::TEXT, *b"\xC3")),
            1007,
            "text is not valid UTF-8",
        ),
        (
            "bad UTF-8 across fragments",
            [
                masked(&Frame::new(Opcode::TEXT, *b"\xC3").unfinished()),
                masked(&continuation(b"\x28").unfinished()),
            ]
            .concat(),
            1007,
            "text is not valid UTF-8",
        ),
        (
            "close of one byte",
            close_of(b"\x03"),
            1002,
            "close frame of one byte",
        ),
        (
            "close with bad UTF-8",
            close_of(b"\x03\xE8\xFF"),
            1007,
            "text is not valid UTF-8",
        ),
    ];
    for (name, bytes, code, reason) in cases {
        assert_closes(&server, name, &bytes, code, reason);
    }
}

#[test]
fn close_codes_are_checked_and_echoed() {
    let server = echo_server();
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535,
    ] {
        let bytes = close_of(&u16::to_be_bytes(code));
        assert_closes(
            &server,
            &format!("close code {code}"),
            &bytes,
            1002,
            "invalid close code",
        );
    }
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        let mut client = RawClient::upgrade(server.address(), "/");
        client.send_frame(&Frame::close(code, "bye"));
        assert_eq!(client.receive_close(), code);
        assert_eq!(client.receive_end(), End::Closed, "{code}");
    }
    let mut client = RawClient::upgrade(server.address(), "/");
    client.send_frame(&Frame::new(Opcode::CLOSE, *b""));
    assert_eq!(client.receive_frame(), Frame::new(Opcode::CLOSE, *b""));
    assert_eq!(client.receive_end(), End::Closed);
}

#[test]
fn nothing_behind_a_close_frame_counts() {
    let server = echo_server();
    let mut client = RawClient::upgrade(server.address(), "/");
    let bytes = [
        masked(&Frame::text("before")),
        masked(&Frame::close(1000, "")),
        masked(&Frame::text("behind")),
        masked(&Frame::ping(b"behind")),
    ];
    client.send(&bytes.concat());
    assert_eq!(client.receive_text(), "before");
    assert_eq!(client.receive_close(), 1000);
    assert_eq!(client.receive_end(), End::Closed);
}

#[test]
fn text_is_checked_as_it_arrives() {
    let server = echo_server();
    // The frame announces 100 bytes; the fifth is wrong and nothing follows it.
    let mut bytes = masked(&Frame::text(&"x".repeat(100)));
    bytes.truncate(6 + 4);
    bytes.push(0xFF ^ MASK[0]);
    assert_closes(
        &server,
        "in the middle of a frame",
        &bytes,
        1007,
        "text is not valid UTF-8",
    );

    // The same behind a fragment that is whole.
    let mut bytes = masked(&Frame::text("κό").unfinished());
    let mut second = masked(&continuation(&[b'x'; 50]));
    second.truncate(6);
    second.push(0xCE ^ MASK[0]);
    second.push(b'x' ^ MASK[1]);
    bytes.extend_from_slice(&second);
    assert_closes(
        &server,
        "in the middle of a fragment",
        &bytes,
        1007,
        "text is not valid UTF-8",
    );
}

#[test]
fn a_message_over_the_limit_is_refused_before_its_payload() {
    let server = Server::start(&[ECHO, ("FANTAIL_LIMITS_MESSAGE", "1000")]);
    for length in [1001, 70_000, 1 << 40, i64::MAX as u64] {
        let bytes = match length {
            1001 => masked(&Frame::binary(&[0; 1001]))[..8].to_vec(),
            _ => header_only(Opcode::BINARY, length),
        };
        assert_closes(&server, &length.to_string(), &bytes, 1009, "message limit");
    }
    let fragments = [
        masked(&Frame::binary(&[0; 600]).unfinished()),
        masked(&continuation(&[0; 401]))[..8].to_vec(),
    ];
    assert_closes(
        &server,
        "in fragments",
        &fragments.concat(),
        1009,
        "message limit",
    );

    let mut client = RawClient::upgrade(server.address(), "/");
    client.send_binary(&[7; 1000]);
    assert_eq!(client.receive_binary(), [7; 1000]);
}

/// The first frame of a message and `more` continuations of `payload`, none of them the last.
fn fragments(more: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(&Frame::binary(payload).unfinished());
    for _ in 0..more {
        bytes.extend(masked(&continuation(payload).unfinished()));
    }
    bytes
}

#[test]
fn a_message_has_1024_fragments_at_most() {
    let server = echo_server();
    for payload in [&b""[..], b"x"] {
        let mut client = RawClient::upgrade(server.address(), "/");
        let mut allowed = fragments(1022, payload);
        allowed.extend(masked(&continuation(payload)));
        client.send(&allowed);
        assert_eq!(client.receive_binary(), payload.repeat(1024));

        let mut over = fragments(1023, payload);
        over.extend(masked(&continuation(payload)));
        assert_closes(&server, "1,025 fragments", &over, 1008, "fragments limit");
    }
    // Nothing but empty fragments, without an end: they cost no bytes of the message limit.
    assert_closes(
        &server,
        "empty ones",
        &fragments(1024, b""),
        1008,
        "fragments limit",
    );
}

#[test]
fn too_many_control_frames_close_the_connection() {
    let server = echo_server();
    for opcode in [Opcode::PING, Opcode::PONG] {
        let mut client = RawClient::upgrade(server.address(), "/");
        client.send(&masked(&Frame::new(opcode, *b"!")).repeat(40));
        let mut pongs = 0;
        let last = loop {
            let frame = client.receive_frame();
            if frame.opcode != Opcode::PONG {
                break frame;
            }
            pongs += 1;
        };
        assert_eq!(last, Frame::close(1008, "control frames limit"));
        if opcode == Opcode::PING {
            assert!(
                (20..30).contains(&pongs),
                "{pongs} answers to a burst of 20"
            );
        }
        assert_eq!(client.receive_end(), End::Closed);
    }
}

#[test]
fn pings_are_answered_inside_a_message() {
    let server = echo_server();
    let mut client = RawClient::upgrade(server.address(), "/");
    client.send_frame(&Frame::text("ab").unfinished());
    client.send_frame(&Frame::ping(b"first"));
    assert_eq!(client.receive_frame(), Frame::new(Opcode::PONG, *b"first"));
    client.send_frame(&continuation(b"cd").unfinished());
    client.send_frame(&Frame::new(Opcode::PONG, *b"not asked for"));
    client.send_frame(&Frame::ping(&[b'y'; 125]));
    assert_eq!(
        client.receive_frame(),
        Frame::new(Opcode::PONG, [b'y'; 125])
    );
    client.send_frame(&continuation(b""));
    assert_eq!(client.receive_text(), "abcd");
}

#[test]
fn a_message_has_to_be_finished_in_time() {
    let server = Server::start(&[ECHO, ("FANTAIL_LIMITS_MESSAGE_TIME", "1s")]);
    let begun = Instant::now();
    let mut stalled = RawClient::upgrade(server.address(), "/");
    stalled.send(&masked(&Frame::text("hello"))[..8]);
    let mut dripping = RawClient::upgrade(server.address(), "/");
    dripping.send_frame(&Frame::text("").unfinished());
    let mut prompt = RawClient::upgrade(server.address(), "/");
    while begun.elapsed() < Duration::from_millis(800) {
        // Bytes that arrive do not give it more time, and finished messages need none.
        dripping.send_frame(&continuation(b"x").unfinished());
        prompt.send_text("x");
        assert_eq!(prompt.receive_text(), "x");
        thread::sleep(Duration::from_millis(100));
    }
    for client in [&mut stalled, &mut dripping] {
        assert_eq!(
            client.receive_frame(),
            Frame::close(1008, "message time limit")
        );
        assert_eq!(client.receive_end(), End::Closed);
    }
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= Duration::from_millis(900),
        "closed after {elapsed:?}"
    );
    assert!(elapsed < Duration::from_secs(4), "closed after {elapsed:?}");
    prompt.send_text("still here");
    assert_eq!(prompt.receive_text(), "still here");
}

/// Frames of all kinds, and what the server answers.
fn conversation() -> (Vec<u8>, Vec<Frame>) {
    let sent = [
        Frame::text("κόσμε"),
        Frame::binary(b""),
        Frame::ping(b"are you there"),
        Frame::new(Opcode::TEXT, *b"\xF0\x9F").unfinished(),
        Frame::ping(b""),
        continuation(b"").unfinished(),
        continuation(b"\x90\xA1!"),
        Frame::binary(&[5; 126]),
        Frame::binary(&[6; 300]),
        Frame::close(1000, "bye"),
    ];
    let answers = vec![
        Frame::text("κόσμε"),
        Frame::binary(b""),
        Frame::new(Opcode::PONG, *b"are you there"),
        Frame::new(Opcode::PONG, *b""),
        Frame::text("🐡!"),
        Frame::binary(&[5; 126]),
        Frame::binary(&[6; 300]),
        Frame::close(1000, ""),
    ];
    (sent.iter().flat_map(masked).collect(), answers)
}

#[test]
fn it_does_not_matter_how_the_bytes_are_cut_up() {
    let server = echo_server();
    let (bytes, answers) = conversation();
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let all = [&request[..], &bytes].concat();
    let mut random = fastrand::Rng::with_seed(6455);
    for round in 0..60 {
        let mut client = RawClient::connect(server.address());
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let length = match round {
                0 => 1,
                1 => rest.len(),
                // Short pieces fall into headers, long ones across frames.
                _ if random.bool() => random.usize(1..=4),
                _ => random.usize(1..=200),
            };
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            client.send(piece);
            rest = behind;
            // Time for the server to see some pieces alone.
            if random.usize(0..4) == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
        assert_eq!(client.receive_response_head().status, 101, "round {round}");
        for answer in &answers {
            assert_eq!(client.receive_frame(), *answer, "round {round}");
        }
        assert_eq!(client.receive_end(), End::Closed, "round {round}");
    }
}

#[test]
fn malformed_handshakes_are_refused_by_name() {
    let server = echo_server();
    let good = [
        "GET / HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ];
    // The line to replace, by what (nothing: leave it out), status and a part of the reason.
    let cases: [(usize, Option<&str>, u16, &str); 16] = [
        (0, Some("POST / HTTP/1.1"), 405, "the method is not GET"),
        (0, Some("GET / HTTP/1.0"), 400, "HTTP/1.1"),
        (0, Some("GET / HTTP/2.0"), 505, "HTTP/1.1"),
        (0, Some("GET /"), 400, "request"),
        (1, None, 400, "Host"),
        (1, Some("Host: a\r\nHost: b"), 400, "Host"),
        (2, None, 400, "the Connection field does not say Upgrade"),
        (
            2,
            Some("Connection: close"),
            400,
            "the Connection field does not say Upgrade",
        ),
        (
            3,
            Some("Upgrade: h2c"),
            400,
            "the Upgrade field does not say websocket",
        ),
        (4, None, 400, "no Sec-WebSocket-Key field"),
        (
            4,
            Some("Sec-WebSocket-Key: short"),
            400,
            "Sec-WebSocket-Key is not 16 bytes",
        ),
        (
            4,
            Some("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b"),
            400,
            "Sec-WebSocket-Key",
        ),
        (5, None, 400, "no Sec-WebSocket-Version field"),
        (
            5,
            Some("Sec-WebSocket-Version: 8"),
            426,
            "Sec-WebSocket-Version is not 13",
        ),
        (
            5,
            Some("Sec-WebSocket-Version: 13\r\nOrigin: a\r\nOrigin: b"),
            400,
            "Origin",
        ),
        (
            5,
            Some("Sec-WebSocket-Version: 13\r\nNo colon"),
            400,
            "header",
        ),
    ];
    for (line, replacement, status, reason) in cases {
        let lines: Vec<&str> = (0..good.len())
            .filter_map(|index| {
                if index == line {
                    replacement
                } else {
                    Some(good[index])
                }
            })
            .collect();
        let mut client = RawClient::connect(server.address());
        client.send(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes());
        let response = client.receive_response();
        let text = response.text();
        assert_eq!(response.status, status, "{lines:?}: {text}");
        assert!(text.contains(reason), "{lines:?}: {text}");
        if status == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
    }
}

#[test]
fn tungstenite_agrees() {
    let server = echo_server();
    let (mut socket, response) = tungstenite::connect(server.url("/")).expect("it can connect");
    assert_eq!(response.status(), 101);
    let messages = [
        Message::text("hello"),
        Message::text(""),
        Message::binary(vec![0; 125]),
        Message::binary(vec![1; 126]),
        Message::text("é".repeat(32_768)),
        Message::binary(vec![2; 1_000_000]),
    ];
    for message in messages {
        socket.send(message.clone()).expect("it can be sent");
        let answer = socket.read().expect("the answer is well-formed");
        assert!(
            answer == message,
            "{} bytes came back otherwise",
            message.len()
        );
    }

    let frame = |payload: &'static [u8], opcode, fin| {
        Message::Frame(tungstenite::protocol::frame::Frame::message(
            Bytes::from_static(payload),
            OpCode::Data(opcode),
            fin,
        ))
    };
    for part in [
        frame(b"\xC3", Data::Text, false),
        Message::Ping(Bytes::from_static(b"between")),
        frame(b"\xA9", Data::Continue, true),
    ] {
        socket.send(part).expect("it can be sent");
    }
    assert_eq!(
        socket.read().expect("a pong"),
        Message::Pong(Bytes::from_static(b"between"))
    );
    assert_eq!(socket.read().expect("a message"), Message::text("é"));

    let close = CloseFrame {
        code: CloseCode::Away,
        reason: "leaving".into(),
    };
    socket.close(Some(close)).expect("it can be closed");
    let Message::Close(Some(answer)) = socket.read().expect("an answer") else {
        panic!("the close frame was not answered");
    };
    assert_eq!(answer.code, CloseCode::Away);
    let end = socket.read().expect_err("nothing follows");
    assert!(
        matches!(end, tungstenite::Error::ConnectionClosed),
        "{end:?}"
    );
}
