//! The PHP clients for DRC, their WebSocket class and their example, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::process::Command;
use support::{Outcome, Php, RawClient, SCRIPT_LIMIT, Script, Server, free_address, run_within};

const ORIGIN: &str = "http://127.0.0.1:8000";
const TOKEN: &str = "configured-token";

const SETTINGS: [(&str, &str); 3] = [
    ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc"),
    ("FANTAIL_DRC_ORIGINS", ORIGIN),
    ("FANTAIL_DRC_TOKENS", r#"{ "configured-token" = true }"#),
];

fn start(further: &[(&str, &str)]) -> Server {
    Server::start(&[&SETTINGS[..], further].concat())
}

/// Runs a script with a server of its own; what it needs to know of it are its arguments.
#[track_caller]
fn run(script: &str, further: &[(&str, &str)]) {
    let Some(php) = Php::require() else { return };
    let server = start(further);
    let outcome = php.run(script, &[&server.url("/"), ORIGIN, TOKEN]);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn every_method_does_what_it_says() {
    run("tests/php/drc_methods.php", &[]);
}

#[test]
fn scripts_for_the_original_go_on() {
    run("tests/php/drc_legacy.php", &[]);
}

#[test]
fn messages_may_be_large_and_many() {
    run("tests/php/drc_large.php", &[]);
}

#[test]
fn pings_are_answered_and_lost_connections_made_anew() {
    let times = [
        ("FANTAIL_DRC_PING_AFTER", "200ms"),
        ("FANTAIL_DRC_PONG_WAIT", "500ms"),
    ];
    run("tests/php/drc_pings.php", &times);
}

#[test]
fn the_websocket_class_keeps_the_rules() {
    let Some(php) = Php::require() else { return };
    let server = Server::start(&[]);
    let urls = [server.url("/demo"), server.url("/stats")];
    let outcome = php.run("tests/php/websocket.php", &[&urls[0], &urls[1]]);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn certificates_are_checked() {
    let Some(php) = Php::require() else { return };
    let server = start(&[]);
    let address = server.address().to_string();
    let directory = server.directory().display().to_string();
    let outcome = php.run("tests/php/drc_tls.php", &[&address, ORIGIN, &directory]);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn a_restart_is_an_exception_and_a_way_back() {
    let Some(php) = Php::require() else { return };
    let place = format!("tcp://{}=drc", free_address());
    let listen = [("FANTAIL_LISTEN", place.as_str())];
    let server = start(&listen);
    let mut script = php.start("tests/php/drc_restart.php", &[&server.url("/"), ORIGIN]);
    assert_eq!(script.line(), "ready");
    drop(server);
    let closed = script.line();
    assert!(closed.starts_with("closed "), "{closed}");
    assert_eq!(script.line(), "old script: connection_closed");
    script.go_on();
    assert_eq!(script.line(), "gone");
    let _server = start(&listen);
    assert_eq!(script.line(), "back");
    assert!(script.wait().success());
}

/// The example: its page and its worker, and a browser between them.
struct Example {
    php: Php,
    server: Server,
    settings: Vec<(&'static str, String)>,
}

impl Example {
    /// Without any configuration: the page's origin is of loopback.
    fn start(php: Php) -> Self {
        let server = Server::start(&[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+drc")]);
        let settings = vec![
            ("DRC", server.url("/drc")),
            ("DRC_FOR_BROWSERS", server.url("/drc?browser")),
            ("PATIENCE", "10".to_owned()),
        ];
        Self {
            php,
            server,
            settings,
        }
    }

    fn worker(&self, report: &str) -> Command {
        let script = "clients/php/examples/drc_report.php";
        let mut command = self.php.command(script, &[report]);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start_worker(&self, report: &str) -> Script {
        Php::start_command(self.worker(report))
    }

    /// Opens the page, and does what its script does.
    fn open(&self, report: &str) -> RawClient {
        let page = self
            .php
            .serve("clients/php/examples/drc_report.php", &self.settings);
        let mut client = RawClient::connect(page.address);
        client.send(format!("GET /?report={report} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes());
        let shown = client.receive_all();
        let join = between(&shown, "socket.send(JSON.stringify(", "))");
        let url = between(&shown, "new WebSocket(\"", "\")").replace("\\/", "/");
        assert_eq!(url, self.server.url("/drc?browser"));

        let origin = [("Origin", ORIGIN)];
        let mut browser = RawClient::upgrade_with(self.server.address(), "/drc?browser", &origin);
        browser.send_text(join);
        let joined = browser.receive_text();
        assert!(joined.contains(r#""cmd":"JOINED""#), "{joined}");
        assert!(
            joined.contains(r#"{"auth":false,"mode":1,"extra":{"user":"ann"}}"#),
            "{joined}"
        );
        browser
    }
}

#[track_caller]
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{text}"));
    let (found, _) = rest.split_once(end).unwrap_or_else(|| panic!("{text}"));
    found
}

/// Waits for `report-ready` and answers as the page does.
#[track_caller]
fn see(browser: &mut RawClient, report: &str) {
    let ready = loop {
        let message = browser.receive_text();
        if !message.contains(r#""cmd":"JOINED""#) {
            break message;
        }
    };
    let expected = format!(r#""cmd":"report-ready","url":"/reports/{report}"}}"#);
    assert!(ready.ends_with(&expected), "{ready}");
    let channel = between(&ready, r#""channel":"#, ",");
    let worker = between(&ready, r#""from":"#, ",");
    browser.send_text(&format!(
        r#"{{"channel":{channel},"cmd":"seen","to":{worker}}}"#
    ));
}

#[test]
fn the_example_tells_the_browser_that_waits() {
    let Some(php) = Php::require() else { return };
    let example = Example::start(php);
    let mut browser = example.open("17");
    let mut worker = example.start_worker("17");
    assert_eq!(worker.line(), "making report 17");
    assert_eq!(worker.line(), "report 17 is ready");
    see(&mut browser, "17");
    assert_eq!(worker.line(), "ann has seen it");
    assert!(worker.wait().success());
}

#[test]
fn the_example_tells_the_browser_that_comes_late() {
    let Some(php) = Php::require() else { return };
    let example = Example::start(php);
    let mut worker = example.start_worker("18");
    assert_eq!(worker.line(), "making report 18");
    assert_eq!(worker.line(), "report 18 is ready");
    see(&mut example.open("18"), "18");
    assert_eq!(worker.line(), "ann has seen it");
    assert!(worker.wait().success());
}

#[test]
fn the_example_says_what_is_wrong() {
    let Some(php) = Php::require() else { return };
    let mut example = Example::start(php);
    let end = |command: &mut Command| -> Outcome { run_within(SCRIPT_LIMIT, command) };
    assert_eq!(end(&mut example.worker("x")).status.code(), Some(2));
    let mut impatient = example.worker("19");
    assert_eq!(end(impatient.env("PATIENCE", "0.2")).status.code(), Some(3));
    let mut stranger = example.worker("19");
    let refused = end(stranger.env("ORIGIN", "https://elsewhere.example"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("403 Forbidden"),
        "{}",
        refused.stderr
    );

    example.settings[0].1 = format!("ws://{}", free_address());
    let page = example
        .php
        .serve("clients/php/examples/drc_report.php", &example.settings);
    let mut client = RawClient::connect(page.address);
    client.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n");
    let shown = client.receive_all();
    assert!(shown.starts_with("HTTP/1.0 503 "), "{shown}");
    assert!(
        shown.contains("Please try again: Cannot connect"),
        "{shown}"
    );
}
