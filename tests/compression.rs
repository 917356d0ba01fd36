//! permessage-deflate (RFC 7692) in the real binary: what is agreed upon, who is sent what, and
//! what those get who send bombs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod support;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{
    Frame, HttpResponse, Opcode, RawClient, Server, require, resident_bytes, root, run_within,
};

const OFFER: (&str, &str) = (
    "Sec-WebSocket-Extensions",
    "permessage-deflate; client_max_window_bits",
);
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const MIB: usize = 1 << 20;

/// RSV1 among the reserved bits.
const COMPRESSED: u8 = 4;

fn echo(more: &[(&str, &str)]) -> Server {
    Server::start(&[&[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=echo")], more].concat())
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + 1000);
    Compress::new(Compression::best(), false)
        .compress_vec(message, &mut payload, FlushCompress::Sync)
        .unwrap();
    payload.strip_suffix(&TAIL).unwrap().to_vec()
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(MIB);
    let payload = [payload, &TAIL].concat();
    Decompress::new(false)
        .decompress_vec(&payload, &mut message, FlushDecompress::Sync)
        .unwrap();
    message
}

fn compressed(opcode: Opcode, payload: &[u8]) -> Frame {
    Frame {
        reserved: COMPRESSED,
        ..Frame::new(opcode, payload)
    }
}

fn agreed(response: &HttpResponse) -> Option<&str> {
    assert_eq!(response.status, 101, "{response:?}");
    response.header("sec-websocket-extensions")
}

#[test]
fn compression_is_agreed_upon_where_it_is_configured() {
    let claim = |server: &Server| {
        let mut api = RawClient::connect(server.address());
        api.send(
            b"POST /claim?user=1&id=c&token=t HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(api.receive_response().status, 200);
    };
    let listen = |service: &str| format!("tcp://127.0.0.1:0={service}");
    for (service, path, key, expected) in [
        ("echo", "/", None, Some(AGREED)),
        ("topics", "/a", None, None),
        (
            "topics",
            "/a",
            Some(("FANTAIL_TOPICS_COMPRESSION", "true")),
            Some(AGREED),
        ),
        ("dsock", "/connect?claim=c", None, Some(AGREED)),
        (
            "dsock",
            "/connect?claim=c",
            Some(("FANTAIL_DSOCK_COMPRESSION", "false")),
            None,
        ),
    ] {
        let listen = listen(service);
        let mut settings = vec![
            ("FANTAIL_LISTEN", listen.as_str()),
            ("FANTAIL_DSOCK_TOKEN", "t"),
        ];
        settings.extend(key);
        let server = Server::start(&settings);
        if service == "dsock" {
            claim(&server);
        }
        let response = RawClient::connect(server.address()).try_upgrade(path, &[OFFER]);
        assert_eq!(agreed(&response), expected, "{service}, {key:?}");
    }
}

#[test]
fn each_receiver_is_sent_the_form_that_it_takes() {
    let server = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics"),
        ("FANTAIL_TOPICS_COMPRESSION", "true"),
    ]);
    let connect =
        |offers: &[(&str, &str)]| RawClient::upgrade_with(server.address(), "/topic", offers);
    let small_window = (OFFER.0, "permessage-deflate; server_max_window_bits=9");
    let mut plain = connect(&[]);
    let mut deflating = [connect(&[OFFER]), connect(&[OFFER])];
    let mut small = connect(&[small_window]);
    let mut sender = connect(&[OFFER]);

    let short = "a".repeat(127);
    let fitting = "so it goes, ".repeat(20);
    let long = "and so on, and ".repeat(1000);
    for (text, is_compressed, is_compressed_for_small) in [
        (&short, false, false),
        (&fitting, true, true),
        (&long, true, false),
    ] {
        // However it was sent, it is all the same to the receivers.
        sender.send_frame(&compressed(Opcode::TEXT, &deflate(text.as_bytes())));
        assert_eq!(plain.receive_frame(), Frame::text(text));
        let mut frames = deflating.each_mut().map(RawClient::receive_frame).to_vec();
        frames.dedup();
        let [frame] = frames.as_slice() else {
            panic!("two forms of one message: {frames:?}");
        };
        let of_small = small.receive_frame();
        for (frame, is_compressed) in [(frame, is_compressed), (&of_small, is_compressed_for_small)]
        {
            if is_compressed {
                assert_eq!((frame.reserved, frame.opcode), (COMPRESSED, Opcode::TEXT));
                assert_eq!(inflate(&frame.payload), text.as_bytes());
                assert!(frame.payload.len() < text.len() / 2, "{frame:?}");
            } else {
                assert_eq!(*frame, Frame::text(text));
            }
        }
    }
}

#[test]
fn what_is_longer_than_the_limit_is_sent_as_it_is() {
    let server = echo(&[("FANTAIL_LIMITS_COMPRESSION", "1000")]);
    let mut client = RawClient::upgrade_with(server.address(), "/", &[OFFER]);
    client.send_binary(&[7; 1000]);
    assert_eq!(client.receive_frame().reserved, COMPRESSED);
    client.send_binary(&[7; 1001]);
    assert_eq!(client.receive_frame(), Frame::binary(&[7; 1001]));
    // Control frames never are, and a reserved bit in one is a fault.
    client.synchronise();
    client.send_frame(&Frame {
        reserved: COMPRESSED,
        ..Frame::ping(b"")
    });
    assert_eq!(client.receive_close(), 1002);
}

#[test]
fn who_has_not_agreed_must_not_compress() {
    let server = echo(&[]);
    let mut client = RawClient::upgrade(server.address(), "/");
    client.send_frame(&compressed(Opcode::TEXT, &deflate(b"unasked")));
    assert_eq!(client.receive_close(), 1002);
}

#[test]
fn what_cannot_be_inflated_ends_the_connection_that_sent_it() {
    let server = echo(&[]);
    for (payload, code) in [
        (&b"this is no DEFLATE"[..], 1007),
        (&deflate(b"cut off")[..5], 1007),
        (&deflate(b"\xff\xfe"), 1007),
        (&deflate(&vec![0; MIB + 1]), 1009),
    ] {
        let mut client = RawClient::upgrade_with(server.address(), "/", &[OFFER]);
        client.send_frame(&compressed(Opcode::TEXT, payload));
        assert_eq!(client.receive_close(), code, "{payload:.20x?}");
    }
    let mut client = RawClient::upgrade_with(server.address(), "/", &[OFFER]);
    client.send_frame(&compressed(Opcode::BINARY, &deflate(&vec![0; MIB])));
    assert_eq!(
        client.receive_binary().len(),
        MIB,
        "the limit itself is fine"
    );
}

#[test]
fn bombs_take_little_time_and_memory_and_nobody_else_waits_for_them() {
    let server = echo(&[("FANTAIL_LIMITS_CONNECTIONS_PER_ADDRESS", "10000")]);
    // A thousand times what it takes on the way.
    let payload = deflate(&vec![0; 64 * MIB]);
    assert!(payload.len() < MIB / 8, "{}", payload.len());
    let bomb = compressed(Opcode::BINARY, &payload).masked([1, 2, 3, 4]);
    let mut other = RawClient::upgrade(server.address(), "/");
    let before = resident_bytes(server.pid());
    let start = Instant::now();
    let mut clients: Vec<_> = (0..20)
        .map(|_| RawClient::upgrade_with(server.address(), "/", &[OFFER]))
        .collect();
    for client in &mut clients {
        client.send(&bomb);
        other.send_text("still there?");
        assert_eq!(other.receive_text(), "still there?");
    }
    for client in &mut clients {
        assert_eq!(client.receive_close(), 1009);
    }
    let grown = resident_bytes(server.pid()).saturating_sub(before);
    assert!(grown < 16 * MIB as u64, "{grown} bytes");
    let time = start.elapsed();
    assert!(time < Duration::from_secs(30), "{time:?}");
}

#[test]
fn many_messages_that_inflate_a_lot_leave_others_their_turn() {
    let server = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics"),
        ("FANTAIL_TOPICS_COMPRESSION", "true"),
    ]);
    // 10 MiB each in 10 KiB: inflated all at once, what is read in one turn would be 60 MiB.
    let payload = deflate(&vec![0; 10 * MIB]);
    let message = compressed(Opcode::BINARY, &payload).masked([1, 2, 3, 4]);
    let mut sender = RawClient::upgrade_with(server.address(), "/in/a", &[OFFER]);
    let mut other = RawClient::upgrade(server.address(), "/b");
    sender.send(&message.repeat(20));
    for _ in 0..5 {
        other.synchronise();
    }
    sender.synchronise();
}

#[test]
fn the_client_that_node_programs_use_agrees() {
    let (Some(node), Some(_)) = (require("node"), require("ws")) else {
        return;
    };
    let server = echo(&[]);
    let mut command = Command::new(node);
    command
        .arg(root().join("tests/browser/compression.mjs"))
        .arg(server.url("/"));
    let outcome = run_within(Duration::from_secs(60), &mut command);
    outcome.expect_success();
    assert!(outcome.stdout.ends_with("done\n"), "{outcome:#?}");
}
