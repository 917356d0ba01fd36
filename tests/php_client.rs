//! The PHP class for the control port, and its examples, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{
    Browser, Frame, Opcode, Outcome, RawClient, Server, require, run_within, wait_until,
};

const TIME_LIMIT: Duration = Duration::from_secs(30);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn command(php: &Path, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(php);
    command.arg(root().join(script)).args(arguments);
    command
}

fn run(php: &Path, script: &str, arguments: &[&str]) -> Outcome {
    let outcome = run_within(TIME_LIMIT, &mut command(php, script, arguments));
    outcome.expect_success();
    outcome
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it is bound")
}

/// A program that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn cookies_of_both_kinds_are_accepted() {
    let Some(php) = require("php") else { return };
    for digest in ["md5", "hmac-sha256"] {
        let mut settings = Browser::SETTINGS.to_vec();
        settings.push(("FANTAIL_WSON_DIGEST", digest));
        let server = Server::start(&settings);
        for user in [&[][..], &["42"]] {
            let arguments = [&[Browser::SECRET, digest][..], user].concat();
            let cookies = run(&php, "tests/php/cookies.php", &arguments).stdout;
            Browser::connect_with(&server, &cookies).synchronise();
        }
    }
}

#[test]
fn every_method_does_what_it_says() {
    let Some(php) = require("php") else { return };
    let server = Server::start(&Browser::SETTINGS);
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    let address = server.control_address();
    let outcome = run(&php, "tests/php/methods.php", &[&address, &browser.token]);
    assert_eq!(outcome.stdout, "done\n");

    assert_eq!(client.receive_text(), "hé");
    assert_eq!(client.receive_binary(), b"\x00\xff");
    assert_eq!(client.receive_text(), "one");
    assert_eq!(client.receive_binary(), b"\xff");
    assert_eq!(client.receive_text(), "two");
    assert_eq!(client.receive_text(), "");
    assert_eq!(
        receive_fragments(&mut client),
        (Opcode::TEXT, b"ab".to_vec())
    );
    assert_eq!(receive_fragments(&mut client), (Opcode::BINARY, Vec::new()));
    let file = receive_fragments(&mut client);
    assert_eq!(file, (Opcode::BINARY, vec![b'x'; 100_000]));
    assert_eq!(client.receive_frame(), Frame::text("half").unfinished());
    let close = client.receive_frame();
    assert_eq!(close.close_reason(), "framesource lost");

    assert_eq!(topic.receive_text(), "hello");
    assert_eq!(topic.receive_binary(), b"\xff\n");
    assert_eq!(topic.receive_close(), 1008);
}

fn receive_fragments(client: &mut RawClient) -> (Opcode, Vec<u8>) {
    let first = client.receive_frame();
    assert!(!first.fin, "{first:?}");
    let mut message = first.payload;
    loop {
        let next = client.receive_frame();
        assert_eq!(next.opcode, Opcode::CONTINUATION);
        message.extend(next.payload);
        if next.fin {
            return (first.opcode, message);
        }
    }
}

#[test]
fn a_connection_that_was_closed_is_made_anew() {
    let Some(php) = require("php") else { return };
    let server = Server::start(&[
        ("FANTAIL_CONTROL_IDLE", "200ms"),
        ("FANTAIL_CONTROL_PONG_WAIT", "500ms"),
    ]);
    let outcome = run(&php, "tests/php/idle.php", &[&server.control_address()]);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn events_are_answered() {
    let Some(php) = require("php") else { return };
    let server = Server::start(&Browser::SETTINGS);
    let mut script = command(&php, "tests/php/events.php", &[&server.control_address()]);
    let mut script = Running(script.stdout(Stdio::piped()).spawn().expect("php starts"));
    let stdout = script.0.stdout.take().expect("it is a pipe");
    let mut lines = BufReader::new(stdout).lines();
    let mut line = || lines.next().expect("a line").expect("it is UTF-8");
    assert_eq!(line(), "ready");

    let mut client = Browser::new('a').connect(&server);
    client.send_text("abc\nd");
    assert_eq!(client.receive_text(), "d\ncba");
    client.send_binary(b"\xff\n");
    assert_eq!(client.receive_binary(), b"\xff\n");
    client.send_frame(&Frame::close(1000, ""));
    for expected in ["open", "text", "binary", "close"] {
        assert_eq!(line(), expected);
    }
    wait_until("the script ends", TIME_LIMIT, || {
        script.0.try_wait().expect("it is a child").is_some()
    });
    assert!(script.0.wait().expect("it is a child").success());
}

#[test]
fn errors_are_exceptions() {
    let Some(php) = require("php") else { return };
    let place = format!("tcp://{}", free_address());
    let _server = Server::start(&[
        ("FANTAIL_CONTROL_LISTEN", place.as_str()),
        ("FANTAIL_CONTROL_SECRET", "control-secret"),
    ]);
    let outcome = run(&php, "tests/php/errors.php", &[&place, "control-secret"]);
    assert_eq!(outcome.stdout, "done\n");
}

/// The example's page, served by PHP's own server.
struct Page {
    _server: Running,
    address: SocketAddr,
    settings: Vec<(&'static str, String)>,
}

impl Page {
    fn start(php: &Path, server: &Server) -> Self {
        let address = free_address();
        let logins: PathBuf = server.directory().join("logins");
        let settings = vec![
            ("CONTROL", server.control_address()),
            ("WSON_SECRET", Browser::SECRET.to_owned()),
            ("WEBSOCKET", server.url("/wson")),
            ("LOGINS", logins.display().to_string()),
            ("TMPDIR", server.directory().display().to_string()),
        ];
        let child = Command::new(php)
            .args(["-d", "session.save_path="])
            .args(["-S", &address.to_string()])
            .arg(root().join("clients/php/examples/page.php"))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php starts");
        let page = Self {
            _server: Running(child),
            address,
            settings,
        };
        wait_until("the page is served", TIME_LIMIT, || {
            std::net::TcpStream::connect(page.address).is_ok()
        });
        page
    }

    /// Asks for the page, with cookies as they would stand in the field.
    fn get(&self, cookies: &str) -> String {
        let mut client = RawClient::connect(self.address);
        let request = format!("GET / HTTP/1.0\r\nHost: x\r\nCookie: {cookies}\r\n\r\n");
        client.send(request.as_bytes());
        client.receive_all()
    }

    /// Logs in; the cookies that the page gives.
    fn log_in(&self, user: &str) -> String {
        let mut client = RawClient::connect(self.address);
        let form = format!("user={user}");
        let request = format!(
            "POST / HTTP/1.0\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        client.send(request.as_bytes());
        let cookies: Vec<_> = client
            .receive_all()
            .lines()
            .filter_map(|line| line.strip_prefix("Set-Cookie: "))
            .filter_map(|cookie| cookie.split(';').next())
            .map(str::to_owned)
            .collect();
        cookies.join("; ")
    }

    fn notify(&self, php: &Path, user: &str, message: &str) -> Outcome {
        let mut command = command(php, "clients/php/examples/notify.php", &[user, message]);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        run_within(TIME_LIMIT, &mut command)
    }
}

#[test]
fn the_example_reaches_the_one_browser_that_is_logged_in() {
    let Some(php) = require("php") else { return };
    let mut settings = Browser::SETTINGS.to_vec();
    settings.push(("FANTAIL_WSON_DIGEST", "hmac-sha256"));
    let server = Server::start(&settings);
    let page = Page::start(&php, &server);

    let cookies = page.log_in("ann");
    let shown = page.get(&cookies);
    assert!(shown.contains("Messages for ann"), "{shown}");
    let address = server.url("/wson").replace('/', "\\/");
    assert!(shown.contains(&address), "{shown}");
    assert!(page.get("").contains("<form"), "a stranger can log in");

    let mut ann = Browser::connect_with(&server, &cookies);
    let mut bob = Browser::connect_with(&server, &page.log_in("bob"));
    let outcome = page.notify(&php, "ann", "your parcel is there");
    outcome.expect_success();
    assert_eq!(outcome.stdout, "ann has 1 browser open\n");
    assert_eq!(ann.receive_text(), "your parcel is there");
    bob.synchronise();
    assert_eq!(page.notify(&php, "carl", "hello").status.code(), Some(3));
}

#[test]
fn every_file_is_valid_php() {
    let Some(php) = require("php") else { return };
    for directory in ["clients/php", "clients/php/src", "clients/php/examples"] {
        for entry in fs::read_dir(root().join(directory)).expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|extension| extension == "php") {
                let outcome = run_within(TIME_LIMIT, Command::new(&php).arg("-l").arg(&path));
                outcome.expect_success();
                let text = fs::read_to_string(&path).expect("it is text");
                assert!(
                    text.contains("declare(strict_types=1);"),
                    "{}",
                    path.display()
                );
            }
        }
    }
}
