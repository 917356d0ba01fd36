//! The PHP class for the control port, and its examples, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{
    Browser, Frame, Opcode, Outcome, Page, Php, RawClient, SCRIPT_LIMIT, Server, free_address,
    root, run_within,
};

#[test]
fn cookies_of_both_kinds_are_accepted() {
    let Some(php) = Php::require() else { return };
    for digest in ["md5", "hmac-sha256"] {
        let mut settings = Browser::SETTINGS.to_vec();
        settings.push(("FANTAIL_WSON_DIGEST", digest));
        let server = Server::start(&settings);
        for user in [&[][..], &["42"]] {
            let arguments = [&[Browser::SECRET, digest][..], user].concat();
            let cookies = php.run("tests/php/cookies.php", &arguments).stdout;
            Browser::connect_with(&server, &cookies).synchronise();
        }
    }
}

#[test]
fn every_method_does_what_it_says() {
    let Some(php) = Php::require() else { return };
    let server = Server::start(&Browser::SETTINGS);
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    let address = server.control_address();
    let outcome = php.run("tests/php/methods.php", &[&address, &browser.token]);
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
    let Some(php) = Php::require() else { return };
    let server = Server::start(&[
        ("FANTAIL_CONTROL_IDLE", "200ms"),
        ("FANTAIL_CONTROL_PONG_WAIT", "500ms"),
    ]);
    let outcome = php.run("tests/php/idle.php", &[&server.control_address()]);
    assert_eq!(outcome.stdout, "done\n");
}

#[test]
fn events_are_answered() {
    let Some(php) = Php::require() else { return };
    let server = Server::start(&Browser::SETTINGS);
    let mut script = php.start("tests/php/events.php", &[&server.control_address()]);
    assert_eq!(script.line(), "ready");

    let mut client = Browser::new('a').connect(&server);
    client.send_text("abc\nd");
    assert_eq!(client.receive_text(), "d\ncba");
    client.send_binary(b"\xff\n");
    assert_eq!(client.receive_binary(), b"\xff\n");
    client.send_frame(&Frame::close(1000, ""));
    for expected in ["open", "text", "binary", "close"] {
        assert_eq!(script.line(), expected);
    }
    assert!(script.wait().success());
}

#[test]
fn errors_are_exceptions() {
    let Some(php) = Php::require() else { return };
    let place = format!("tcp://{}", free_address());
    let _server = Server::start(&[
        ("FANTAIL_CONTROL_LISTEN", place.as_str()),
        ("FANTAIL_CONTROL_SECRET", "control-secret"),
    ]);
    let outcome = php.run("tests/php/errors.php", &[&place, "control-secret"]);
    assert_eq!(outcome.stdout, "done\n");
}

/// The example, which one can log in to.
struct Example {
    page: Page,
    settings: Vec<(&'static str, String)>,
}

impl Example {
    fn start(php: &Php, server: &Server) -> Self {
        let logins: PathBuf = server.directory().join("logins");
        let settings = vec![
            ("CONTROL", server.control_address()),
            ("WSON_SECRET", Browser::SECRET.to_owned()),
            ("WEBSOCKET", server.url("/wson")),
            ("LOGINS", logins.display().to_string()),
            ("TMPDIR", server.directory().display().to_string()),
        ];
        Self {
            page: php.serve("clients/php/examples/page.php", &settings),
            settings,
        }
    }

    /// Asks for the page, with cookies as they would stand in the field.
    fn get(&self, cookies: &str) -> String {
        let mut client = RawClient::connect(self.page.address);
        let request = format!("GET / HTTP/1.0\r\nHost: x\r\nCookie: {cookies}\r\n\r\n");
        client.send(request.as_bytes());
        client.receive_all()
    }

    /// Logs in; the cookies that the page gives.
    fn log_in(&self, user: &str) -> String {
        let mut client = RawClient::connect(self.page.address);
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

    fn notify(&self, php: &Php, user: &str, message: &str) -> Outcome {
        let mut command = php.command("clients/php/examples/notify.php", &[user, message]);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        run_within(SCRIPT_LIMIT, &mut command)
    }
}

#[test]
fn the_example_reaches_the_one_browser_that_is_logged_in() {
    let Some(php) = Php::require() else { return };
    let mut settings = Browser::SETTINGS.to_vec();
    settings.push(("FANTAIL_WSON_DIGEST", "hmac-sha256"));
    let server = Server::start(&settings);
    let page = Example::start(&php, &server);

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
    let Some(php) = Php::require() else { return };
    let mut directories = vec![root().join("clients/php")];
    let mut count = 0;
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "php") {
                expect_valid(&php, &path);
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count} files");
}

fn expect_valid(php: &Php, path: &Path) {
    php.check(path);
    let text = fs::read_to_string(path).expect("it is text");
    let name = path.display();
    assert!(text.contains("declare(strict_types=1);"), "{name}");
}
