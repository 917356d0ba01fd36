//! PHP scripts of users of WSMessageBroker, which die of much that RFC 6455 allows, and the PHP
//! client, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![cfg(feature = "sqlite")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::{Outcome, Php, RawClient, SCRIPT_LIMIT, Script, Server, free_address, run_within};

/// The password is `password`.
const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
const PASSWORD: &str = "password";

fn start(further: &[(&str, &str)]) -> Server {
    let settings = [
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker"),
        ("FANTAIL_MESSAGE_BROKER_USERS", USERS),
    ];
    Server::start(&[&settings, further].concat())
}

fn start_keeping(further: &[(&str, &str)]) -> Server {
    let keeping = [("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")];
    start(&[&keeping, further].concat())
}

/// The scripts, with a server that they speak to.
struct Scripts {
    php: Php,
    host: String,
    port: String,
}

impl Scripts {
    fn of(php: Php, address: SocketAddr) -> Self {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        Self { php, host, port }
    }

    fn command(&self, name: &str, password: &str, arguments: &[&str]) -> Command {
        let first = [&*self.host, &*self.port, "qa", password, "sms"];
        let script = format!("tests/php/message_broker/{name}.php");
        self.php.command(&script, &[&first, arguments].concat())
    }

    fn end(&self, name: &str, arguments: &[&str]) -> Outcome {
        run_within(SCRIPT_LIMIT, &mut self.command(name, PASSWORD, arguments))
    }

    #[track_caller]
    fn run(&self, name: &str, arguments: &[&str]) -> String {
        let outcome = self.end(name, arguments);
        outcome.expect_success();
        outcome.stdout
    }

    #[track_caller]
    fn send(&self, data: &str) {
        assert_eq!(self.run("sender", &[data]), "sent\n");
    }

    /// A receiver of so many messages, which is ready.
    #[track_caller]
    fn receiver(&self, arguments: &[&str]) -> Script {
        let mut script = Php::start_command(self.command("receiver", PASSWORD, arguments));
        assert_eq!(script.line(), "ready");
        script
    }
}

#[track_caller]
fn expect_lines(script: &mut Script, lines: &[&str]) {
    for line in lines {
        assert_eq!(script.line(), *line);
    }
}

#[track_caller]
fn expect_end(mut script: Script) {
    assert_eq!(script.line(), "done");
    assert!(script.wait().success());
}

/// Nothing is kept for the channel.
#[track_caller]
fn expect_nothing_kept(server: &Server) {
    let mut client = RawClient::upgrade_with(
        server.address(),
        "/",
        &[("Authorization", "Basic cWE6cGFzc3dvcmQ=")],
    );
    assert!(client.receive_text().contains("Accepted"));
    client.send_text(r#"{"command":"receive-message","channel":"sms"}"#);
    client.synchronise();
    assert_eq!(
        client.receive_frame_within(Duration::from_millis(300)),
        None
    );
}

#[test]
fn old_scripts_are_let_in_or_not() {
    let Some(php) = Php::require() else { return };
    let server = start(&[]);
    let scripts = Scripts::of(php, server.address());
    // Often, since a frame may come by itself only now and then.
    for _ in 0..20 {
        assert_eq!(scripts.run("ping", &[]), "00 Accepted\n");
    }
    for script in ["ping", "sender", "receiver"] {
        let mut command = scripts.command(script, "wrong", &["[1]"]);
        let rejected = run_within(SCRIPT_LIMIT, &mut command);
        assert_eq!(rejected.status.code(), Some(2), "{}", rejected.stderr);
        assert_eq!(rejected.stdout, "Rejected\n");
    }
}

#[test]
fn old_scripts_send_and_receive() {
    let Some(php) = Php::require() else { return };
    let server = start(&[]);
    let scripts = Scripts::of(php, server.address());
    let mut receivers = [scripts.receiver(&["3"]), scripts.receiver(&["2"])];
    scripts.send(r#"[{"to":"+49","text":"h\u00e9llo"},2]"#);
    for receiver in &mut receivers {
        assert_eq!(receiver.line(), r#"[{"to":"+49","text":"h\u00e9llo"},2]"#);
    }
    // To one of them only: the one that has been there longest.
    assert_eq!(scripts.run("sender", &["[\"one\"]", "1"]), "sent\n");
    assert_eq!(receivers[0].line(), "[\"one\"]");
    let long = format!("[\"{}\"]", "x".repeat(100_000));
    scripts.send(&long);
    for mut receiver in receivers {
        assert_eq!(receiver.line(), long);
        expect_end(receiver);
    }
}

#[test]
fn old_scripts_get_what_was_kept() {
    let Some(php) = Php::require() else { return };
    let scripts = |server: &Server, php: &Php| Scripts::of(php.clone(), server.address());
    for (limit, delay, lines) in [
        ("1", "0", &["[1]", "[2]", "[3]", "[4]", "[5]"][..]),
        ("3", "0", &["[1,2,3]", "[4,5]"]),
        ("1", "100", &["[1]", "[2]", "[3]", "[4]", "[5]"]),
        ("3", "100", &["[1,2,3]", "[4,5]"]),
    ] {
        let server = start_keeping(&[
            ("FANTAIL_MESSAGE_BROKER_LIMIT", limit),
            ("FANTAIL_MESSAGE_BROKER_DELAY_SEND", delay),
        ]);
        let scripts = scripts(&server, &php);
        scripts.send("[1,2,3,4]");
        scripts.send(r#"{"a":5}"#);
        // What is to be kept before a ping is kept before its answer.
        assert_eq!(scripts.run("ping", &[]), "00 Accepted\n");
        let began = Instant::now();
        let mut receiver = scripts.receiver(&[&lines.len().to_string()]);
        expect_lines(&mut receiver, lines);
        let pauses = u64::try_from(lines.len()).expect("few") - 1;
        let least = Duration::from_millis(delay.parse::<u64>().expect("a number") * pauses);
        assert!(began.elapsed() >= least, "{:?}", began.elapsed());
        expect_end(receiver);
        expect_nothing_kept(&server);
    }
}

#[test]
fn an_old_receiver_goes_on_with_live_messages_behind_what_was_kept() {
    let Some(php) = Php::require() else { return };
    let server = start_keeping(&[]);
    let scripts = Scripts::of(php, server.address());
    scripts.send("[1,2]");
    assert_eq!(scripts.run("ping", &[]), "00 Accepted\n");
    let mut receiver = scripts.receiver(&["4"]);
    expect_lines(&mut receiver, &["[1]", "[2]"]);
    scripts.send("[3,4]");
    assert_eq!(receiver.line(), "[3,4]");
    scripts.send("[5]");
    assert_eq!(receiver.line(), "[5]");
    expect_end(receiver);
    expect_nothing_kept(&server);
}

#[test]
fn old_receivers_answer_the_pings_of_an_idle_connection() {
    let Some(php) = Php::require() else { return };
    let server = start(&[
        ("FANTAIL_LIMITS_PING_AFTER", "300ms"),
        ("FANTAIL_LIMITS_PONG_WAIT", "300ms"),
    ]);
    let scripts = Scripts::of(php, server.address());
    // It gives up when nothing comes for a second, and is silent for as long as several pings take.
    let mut receiver = scripts.receiver(&["1", "1"]);
    thread::sleep(Duration::from_secs(3));
    scripts.send("[\"at last\"]");
    assert_eq!(receiver.line(), "[\"at last\"]");
    expect_end(receiver);
}

#[test]
fn old_receivers_see_the_end_of_the_server() {
    let Some(php) = Php::require() else { return };
    let server = start(&[]);
    let scripts = Scripts::of(php, server.address());
    let mut command = scripts.command("receiver", PASSWORD, &["1"]);
    let stopping = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        drop(server);
    });
    let outcome = run_within(SCRIPT_LIMIT, &mut command);
    stopping.join().expect("it stops");
    assert_eq!(outcome.status.code(), Some(1));
    assert_eq!(outcome.stderr, "RuntimeException: the server is gone\n");
}

/// Answers one client with these writes, a moment apart; then waits for its end.
fn answer_with(listener: TcpListener, writes: Vec<Vec<u8>>) {
    let (mut stream, _) = listener.accept().expect("somebody comes");
    stream.set_nodelay(true).expect("it can be set");
    let mut request = [0; 2048];
    let _ = stream.read(&mut request).expect("it asks");
    for bytes in writes {
        let _ = stream.write_all(&bytes);
        thread::sleep(Duration::from_millis(200));
    }
    read_to_end(stream);
}

fn read_to_end(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

/// That the scripts above live shows something only if they can die.
#[test]
fn old_scripts_die_of_what_the_server_never_does() {
    let Some(php) = Php::require() else { return };
    let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
    let connect = br#"{"command":"connect","response_code":"00","response_text":"Accepted"}"#;
    let connect = [&[0x81, connect.len() as u8], &connect[..]].concat();
    let welcome = [&head[..], &connect].concat();
    let message = br#"{"data":[1]}"#;
    let message = [&[0x81, message.len() as u8], &message[..]].concat();
    for (writes, fault) in [
        (
            vec![welcome.clone(), vec![0x89, 0]],
            "must be greater than 0",
        ),
        (
            vec![welcome.clone(), vec![0x81, 0]],
            "must be greater than 0",
        ),
        (
            vec![welcome.clone(), vec![0x88, 2, 3, 232]],
            "not known: 88",
        ),
        (
            vec![
                welcome.clone(),
                message[..1].to_vec(),
                message[1..].to_vec(),
            ],
            "not enough input",
        ),
        (vec![head, connect.clone()], "the first frame is not there"),
        // And what it survives.
        (vec![welcome, message, connect], ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let scripts = Scripts::of(php.clone(), listener.local_addr().expect("it is bound"));
        let server = thread::spawn(move || answer_with(listener, writes));
        let outcome = scripts.end("receiver", &["1", "2"]);
        server.join().expect("it ends");
        assert!(outcome.stderr.contains(fault), "{}", outcome.stderr);
        assert_eq!(outcome.stdout.contains("[1]"), fault.is_empty());
    }
}

#[test]
fn every_method_of_the_client_does_what_it_says() {
    let Some(php) = Php::require() else { return };
    let server = start_keeping(&[]);
    let arguments = [&*server.url("/"), "qa", PASSWORD];
    let outcome = php.run("tests/php/broker_methods.php", &arguments);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let Some(php) = Php::require() else { return };
    let server = start_keeping(&[("FANTAIL_MESSAGE_BROKER_ACK_TIMEOUT", "1s")]);
    let arguments = [&*server.url("/"), "qa", PASSWORD];
    let outcome = php.run("tests/php/broker_acknowledgements.php", &arguments);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn a_receiver_and_a_sender_go_on_after_a_restart() {
    let Some(php) = Php::require() else { return };
    let place = format!("tcp://{}=message-broker", free_address());
    let listen = [("FANTAIL_LISTEN", &*place)];
    let server = start_keeping(&listen);
    let arguments = [&*server.url("/"), "qa", PASSWORD];
    let mut script = php.start("tests/php/broker_live.php", &arguments);
    assert_eq!(script.line(), "received");
    drop(server);
    let _server = start_keeping(&listen);
    script.go_on();
    assert_eq!(script.line(), "received again");
    assert!(script.wait().success());
}
