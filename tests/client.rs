//! `fantail pub` and `fantail sub` against a WebSocket server of other people's making.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

type Socket = WebSocket<TcpStream>;

/// A server for one connection, which `conversation` has with the client.
fn serve<T: Send + 'static>(
    conversation: impl FnOnce(&mut Socket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/demo", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        conversation(&mut socket)
    });
    (url, server)
}

/// Everything up to the close, which is answered.
fn take_all(socket: &mut Socket) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => break,
            Ok(message) => messages.push(message),
            Err(error) => panic!("{error}"),
        }
    }
    finish(socket);
    messages
}

/// Writes what is waiting, and reads until the client is gone.
fn finish(socket: &mut Socket) {
    let _ = socket.flush();
    while socket.read().is_ok() {}
}

/// Closes, and gives the code with which the client closes too.
fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) -> Option<CloseCode> {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    socket.close(Some(frame)).unwrap();
    let answer = loop {
        match socket.read() {
            Ok(Message::Close(answer)) => break answer,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    finish(socket);
    answer.map(|frame| frame.code)
}

fn run(arguments: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    (
        status.code().unwrap(),
        stdout,
        String::from_utf8(stderr).unwrap(),
    )
}

fn published(arguments: &[&str], input: &[u8]) -> Vec<Message> {
    let (url, server) = serve(take_all);
    let mut all = vec!["pub", &url];
    all.extend_from_slice(arguments);
    let (code, out, err) = run(&all, input);
    assert_eq!((code, out.as_slice(), err.as_str()), (0, &b""[..], ""));
    server.join().unwrap()
}

#[test]
fn pub_sends_messages_as_it_is_told() {
    let text = |text: &str| Message::text(text);
    assert_eq!(published(&["hello"], b""), [text("hello")]);
    assert_eq!(published(&[""], b""), [text("")]);
    assert_eq!(
        published(&["-n", "3", "x"], b""),
        [text("x"), text("x"), text("x")]
    );
    assert_eq!(
        published(&["-l"], b"a\n\n\xc3\xbc\r\n"),
        [text("a"), text(""), text("ü")]
    );
    assert_eq!(
        published(&["-l", "--count", "2"], b"a\nb\nc\n"),
        [text("a"), text("b")]
    );
    assert_eq!(published(&[], b"two\nlines\n"), [text("two\nlines\n")]);
    assert_eq!(
        published(&["--binary"], b"\xff\x00"),
        [Message::binary(&b"\xff\x00"[..])]
    );
}

#[test]
fn pub_sends_long_input_whole_and_in_order() {
    let long = "x".repeat(3_000_000);
    assert_eq!(published(&[], long.as_bytes()), [Message::text(&*long)]);
    let lines: Vec<_> = (0..5_000).map(|number| number.to_string()).collect();
    let received = published(&["-l"], lines.join("\n").as_bytes());
    let received: Vec<_> = received
        .iter()
        .map(|m| m.to_text().unwrap().to_owned())
        .collect();
    assert_eq!(received, lines);
}

#[test]
fn pub_answers_pings_while_it_waits_for_input() {
    let (url, server) = serve(|socket| {
        socket.send(Message::Ping("are you there".into())).unwrap();
        socket.read().unwrap()
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(["pub", "-l", &url])
        .env_clear()
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pong = server.join().unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(pong, Message::Pong("are you there".into()));
}

#[test]
fn pub_says_why_the_server_closed() {
    let (url, server) = serve(|socket| {
        socket.read().unwrap();
        close(socket, CloseCode::Size, "topic message limit")
    });
    let (code, _, err) = run(&["pub", &url, "x"], b"");
    // The client had nothing more to send, so its own close may have crossed the server's.
    let answer = server.join().unwrap().unwrap();
    assert!(
        [CloseCode::Size, CloseCode::Normal].contains(&answer),
        "{answer}"
    );
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "fantail: the server closed the connection with 1009: topic message limit\n"
    );
}

#[test]
fn pub_refuses_what_is_not_text() {
    for (arguments, part) in [
        (&["-l"][..], "line 2 is not UTF-8"),
        (&[], "standard input is not UTF-8"),
    ] {
        let (url, server) = serve(|socket| while socket.read().is_ok() {});
        let mut all = vec!["pub", &url];
        all.extend_from_slice(arguments);
        let (code, _, err) = run(&all, b"a\n\xff\n");
        assert_eq!(code, 1);
        assert!(err.contains(part), "{err}");
        server.join().unwrap();
    }
}

#[test]
fn sub_prints_messages_until_the_server_closes() {
    for (arguments, expected) in [
        (&[][..], &b"one\ntwo\xff\n\n"[..]),
        (&["--binary"], b"onetwo\xff"),
    ] {
        let (url, server) = serve(|socket| {
            socket.send(Message::text("one")).unwrap();
            socket.send(Message::Ping("p".into())).unwrap();
            socket.send(Message::binary(&b"two\xff"[..])).unwrap();
            socket.send(Message::text("")).unwrap();
            let pong = socket.read().unwrap();
            close(socket, CloseCode::Normal, "");
            pong
        });
        let mut all = vec!["sub", &url];
        all.extend_from_slice(arguments);
        let (code, out, err) = run(&all, b"");
        assert_eq!((code, out.as_slice(), err.as_str()), (0, expected, ""));
        assert_eq!(server.join().unwrap(), Message::Pong("p".into()));
    }
}

#[test]
fn sub_ends_after_count_messages_with_a_close() {
    let (url, server) = serve(|socket| {
        for number in 0..3 {
            socket.send(Message::text(number.to_string())).unwrap();
        }
        let message = socket.read().unwrap();
        finish(socket);
        message
    });
    let (code, out, err) = run(&["sub", "-v", "-n", "2", &url], b"");
    assert_eq!((code, out.as_slice()), (0, &b"0\n1\n"[..]));
    assert_eq!(err, format!("fantail: connected to {url}\n"));
    assert!(server.join().unwrap().is_close());
}

#[test]
fn sub_says_why_the_connection_ended() {
    let (url, server) = serve(|socket| close(socket, CloseCode::Policy, "token expired"));
    let (code, _, err) = run(&["sub", &url], b"");
    assert_eq!(server.join().unwrap(), Some(CloseCode::Policy));
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "fantail: the server closed the connection with 1008: token expired\n"
    );
    let (url, server) = serve(|_| ());
    let (code, _, err) = run(&["sub", &url], b"");
    server.join().unwrap();
    assert_eq!(
        (code, err.as_str()),
        (1, "fantail: the connection broke off\n")
    );
}

#[test]
fn sub_ends_quietly_when_nobody_reads_its_output() {
    let (url, server) = serve(|socket| {
        while socket.send(Message::text("x")).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(["sub", &url])
        .env_clear()
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
    server.join().unwrap();
}

#[test]
fn the_token_goes_first_and_the_answer_is_heeded() {
    for (authorised, expected) in [
        (true, (0, &b"hello\n"[..], "")),
        (
            false,
            (
                1,
                &b""[..],
                "fantail: the server refuses the token: too old\n",
            ),
        ),
    ] {
        let (url, server) = serve(move |socket| {
            let token = socket.read().unwrap();
            let answer = format!(
                "{{\"topic\":\"/demo\",\"token\":\"t\",\"authorised\":{authorised},\
                 \"reason\":\"too old\"}}"
            );
            socket.send(Message::text(answer)).unwrap();
            let _ = socket.send(Message::text("hello"));
            finish(socket);
            token
        });
        let (code, out, err) = run(&["sub", "-n", "1", "--token", "t", &url], b"");
        assert_eq!((code, out.as_slice(), err.as_str()), expected);
        assert_eq!(server.join().unwrap(), Message::text("t"));
    }
}

#[test]
fn what_cannot_be_connected_to_is_explained() {
    let (code, _, err) = run(&["sub", "http://127.0.0.1/"], b"");
    assert_eq!(code, 2);
    assert!(err.contains("expected ws://"), "{err}");

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (code, _, err) = run(&["pub", &format!("ws://{address}/"), "x"], b"");
    assert_eq!(code, 1);
    assert!(
        err.starts_with(&format!("fantail: cannot connect to ws://{address}/: ")),
        "{err}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let answer = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 3\r\n\r\nno\n";
        stream.write_all(answer.as_bytes()).unwrap();
        stream
    });
    let (code, _, err) = run(&["sub", &format!("ws://{address}/")], b"");
    drop(server.join().unwrap());
    assert_eq!(code, 1);
    assert!(err.contains("429 Too Many Requests"), "{err}");
}
