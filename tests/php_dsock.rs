//! The PHP client of dSock's API and its example, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::process::Command;
use support::{Outcome, Php, RawClient, SCRIPT_LIMIT, Server, free_address, run_within};

const TOKEN: &str = "a-token-of-the-tests";
const EXAMPLE: &str = "clients/php/examples/dsock_notify.php";

fn start() -> Server {
    Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ])
}

/// Runs a script with a server of its own; what it needs to know of it are its arguments.
#[track_caller]
fn run(script: &str) {
    let Some(php) = Php::require() else { return };
    let server = start();
    let directory = server.directory().display().to_string();
    let outcome = php.run(script, &[&server.http_url(""), TOKEN, &directory]);
    assert_eq!(outcome.stdout, "done\n");
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

#[test]
fn every_method_does_what_it_says() {
    run("tests/php/dsock_methods.php");
}

#[test]
fn errors_are_exceptions() {
    run("tests/php/dsock_errors.php");
}

/// The example: its page, and its script.
struct Example {
    php: Php,
    settings: Vec<(&'static str, String)>,
}

impl Example {
    fn new(php: Php, server: &Server) -> Self {
        let settings = vec![
            ("DSOCK", server.http_url("")),
            ("DSOCK_FOR_BROWSERS", server.url("")),
            ("DSOCK_TOKEN", TOKEN.to_owned()),
        ];
        Self { php, settings }
    }

    fn notify(&self, arguments: &[&str]) -> Outcome {
        let mut command: Command = self.php.command(EXAMPLE, arguments);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        run_within(SCRIPT_LIMIT, &mut command)
    }

    /// What the page at `path` is.
    fn get(&self, path: &str) -> String {
        let page = self.php.serve(EXAMPLE, &self.settings);
        let mut client = RawClient::connect(page.address);
        client.send(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes());
        client.receive_all()
    }
}

#[track_caller]
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{text}"));
    let (found, _) = rest.split_once(end).unwrap_or_else(|| panic!("{text}"));
    found
}

#[test]
fn the_example_sends_to_the_page() {
    let Some(php) = Php::require() else { return };
    let server = start();
    let example = Example::new(php, &server);
    let shown = example.get("/?user=ann%3Cb%3E");
    assert!(
        shown.contains("<h1>Messages for ann&lt;b&gt;</h1>"),
        "{shown}"
    );
    assert!(!shown.contains(TOKEN), "{shown}");
    let address = between(&shown, "new WebSocket(\"", "\")").replace("\\/", "/");
    let path = address
        .strip_prefix(&server.url(""))
        .unwrap_or_else(|| panic!("{address}"));
    let mut browser = RawClient::upgrade(server.address(), path);

    let sent = example.notify(&["ann<b>", "your parcel is thère"]);
    sent.expect_success();
    assert_eq!(sent.stdout, "ann<b> has 1 browser open\n");
    assert_eq!(browser.receive_text(), "your parcel is thère");
    let unheard = example.notify(&["bob", "x"]);
    assert_eq!(unheard.stdout, "bob has 0 browsers open\n");
    assert_eq!(unheard.status.code(), Some(3));
}

#[test]
fn the_example_says_what_is_wrong() {
    let Some(php) = Php::require() else { return };
    let server = start();
    let mut example = Example::new(php, &server);
    assert_eq!(example.notify(&["ann"]).status.code(), Some(2));
    assert_eq!(example.notify(&["", "x"]).status.code(), Some(2));
    example.settings[2].1 = "wrong".to_owned();
    let refused = example.notify(&["ann", "x"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("INVALID_AUTHORIZATION"),
        "{refused:?}"
    );
    example.settings[0].1 = format!("http://{}", free_address());
    let shown = example.get("/");
    assert!(shown.starts_with("HTTP/1.0 503 "), "{shown}");
    assert!(
        shown.contains("Please try again: Cannot connect"),
        "{shown}"
    );
}
