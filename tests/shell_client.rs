//! The shell functions for the control port, in two shells and over both programs that connect,
//! against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{Browser, Frame, Opcode, Outcome, RawClient, Server, require, run_with_input};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A locale in which a character may have several bytes, and one in which it may not.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

struct Shell {
    program: &'static str,
    locale: &'static str,
    control: String,
    secret: &'static str,
}

impl Shell {
    /// Both shells in both locales.
    fn all(server: &Server) -> Vec<Self> {
        let mut all = Vec::new();
        for program in ["dash", "bash"] {
            for locale in LOCALES {
                all.push(Self {
                    program,
                    locale,
                    control: server.control_socket().display().to_string(),
                    secret: "",
                });
            }
        }
        all
    }

    fn run_with(&self, script: &str, arguments: &[&str], input: &str) -> Outcome {
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/shell/fantail.sh");
        let script = format!(
            "set -u; fantail_control='{}'; fantail_secret='{}'; . {}; {script}",
            self.control,
            self.secret,
            functions.display()
        );
        let mut command = Command::new(self.program);
        command.args(["-c", &script, "test"]).args(arguments);
        command.env("LC_ALL", self.locale);
        run_with_input(TIME_LIMIT, &mut command, input.as_bytes())
    }

    fn run(&self, script: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let outcome = self.run_with(script, arguments, "");
        (outcome.status.code(), outcome.stdout)
    }
}

fn said(code: i32, stdout: &str) -> (Option<i32>, String) {
    (Some(code), stdout.to_owned())
}

#[test]
fn messages_arrive_as_they_are() {
    if require("nc").is_none() {
        return;
    }
    let server = Server::start(&Browser::SETTINGS);
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    let token = browser.token.as_str();
    let nobody = "n".repeat(32);
    let text = "h\u{e9} \u{1f600} %s \\n";
    for shell in Shell::all(&server) {
        assert_eq!(shell.run("fantail_broadcast \"$1\"", &[text]), said(0, ""));
        assert_eq!(client.receive_text(), text);
        assert_eq!(
            shell.run("fantail_send \"$1\" \"$2\"", &[token, text]),
            said(0, "")
        );
        assert_eq!(client.receive_text(), text);
        assert_eq!(shell.run("fantail_send \"$1\" x", &[&nobody]), said(3, ""));
        assert_eq!(shell.run("fantail_ask \"$1\"", &[token]), said(0, ""));
        assert_eq!(shell.run("fantail_ask \"$1\"", &[&nobody]), said(3, ""));
        assert_eq!(
            shell.run("fantail_publish /demo \"$1\"", &[text]),
            said(0, "1\n")
        );
        assert_eq!(topic.receive_text(), text);
        assert_eq!(shell.run("fantail_publish nothing: x", &[]).0, Some(3));

        let stream = shell.run_with("fantail_stream \"$1\"", &[token], "one\nt\u{e9}o\nthree");
        stream.expect_success();
        for (opcode, part) in [
            (Opcode::TEXT, "one\n"),
            (Opcode::CONTINUATION, "té\u{6f}\n"),
        ] {
            assert_eq!(
                client.receive_frame(),
                Frame::new(opcode, part).unfinished()
            );
        }
        assert_eq!(client.receive_frame().payload, b"three\n");
        assert_eq!(client.receive_frame(), Frame::new(Opcode::CONTINUATION, ""));
        let stream = shell.run_with("fantail_stream \"$1\"", &[&nobody], "one");
        assert_eq!(stream.status.code(), Some(3));
    }
    client.synchronise();
}

#[test]
fn files_are_sent_byte_by_byte() {
    if require("nc").is_none() {
        return;
    }
    let server = Server::start(&Browser::SETTINGS);
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    let file = server.directory().join("file");
    fs::write(&file, &bytes).expect("the directory is there");
    for shell in Shell::all(&server) {
        let path = file.display().to_string();
        let published = shell.run("fantail_publish_file /demo \"$1\"", &[&path]);
        assert_eq!(published, said(0, "1\n"));
        assert_eq!(topic.receive_binary(), bytes);
    }
}

#[test]
fn the_server_is_asked_and_told() {
    if require("nc").is_none() {
        return;
    }
    let server = Server::start(&Browser::SETTINGS);
    for shell in Shell::all(&server) {
        let browser = Browser::new('a').of_user("42");
        let mut client = browser.connect(&server);
        let (code, line) = shell.run("fantail_who user=42", &[]);
        assert_eq!(code, Some(0));
        let client_told: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        assert_eq!(client_told["token"], browser.token);
        assert_eq!(shell.run("fantail_who user=43", &[]), said(0, ""));
        let (_, status) = shell.run("fantail_status", &[]);
        let status: serde_json::Value = serde_json::from_str(&status).expect("it is JSON");
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            shell.run("fantail_kick \"$1\"", &[&browser.token]),
            said(0, "")
        );
        assert_eq!(client.receive_close(), 1008);
        assert_eq!(shell.run("fantail_kick '#999.0'", &[]), said(3, ""));
        assert_eq!(shell.run("fantail_domain >/dev/null", &[]), said(0, ""));
        assert_eq!(shell.run("fantail_reload", &[]), said(0, ""));
        assert_eq!(shell.run("fantail_request z bc", &[]), said(0, "2Zbc"));
        let several = "{ fantail_frame r; fantail_frame p; } | fantail_exchange";
        assert_eq!(shell.run(several, &[]), said(0, "0a0P"));
        assert_eq!(shell.run("fantail_do x", &[]), said(1, ""));
    }
}

#[test]
fn drain_ends_the_server() {
    if require("nc").is_none() {
        return;
    }
    let mut server = Server::start(&Browser::SETTINGS);
    let shells = Shell::all(&server);
    assert_eq!(shells[0].run("fantail_drain", &[]), said(0, ""));
    assert!(
        server
            .exit_within(TIME_LIMIT)
            .is_some_and(|status| status.success())
    );
    // Nobody is there any more.
    assert_eq!(shells[0].run("fantail_status", &[]), said(1, ""));
}

#[test]
fn tcp_wants_the_secret() {
    if require("nc").is_none() {
        return;
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let server = Server::start(&[
        (
            "FANTAIL_CONTROL_LISTEN",
            format!("tcp://{address}").as_str(),
        ),
        ("FANTAIL_CONTROL_SECRET", "a control secret"),
    ]);
    for (secret, expected) in [("a control secret", said(0, "0\n")), ("wrong", said(1, ""))] {
        for shell in Shell::all(&server) {
            let shell = Shell {
                control: address.clone(),
                secret,
                ..shell
            };
            assert_eq!(shell.run("fantail_publish /demo x", &[]), expected);
        }
    }
}

#[test]
fn the_example_tells_how_a_backup_goes() {
    if require("nc").is_none() {
        return;
    }
    let server = Server::start(&[]);
    let mut topic = RawClient::upgrade(server.address(), "/backup");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/shell/examples/backup.sh");
    let directory = server.directory().join("documents");
    fs::create_dir(&directory).expect("the name is free");
    let archive = server.directory().join("documents.tar");
    let mut command = Command::new(example);
    command
        .args([&directory, &archive])
        .env("XDG_RUNTIME_DIR", server.directory());
    run_with_input(TIME_LIMIT, &mut command, b"").expect_success();
    let begins = topic.receive_text();
    assert_eq!(begins, format!("begins: {}", directory.display()));
    assert!(topic.receive_text().starts_with("done: "));
    assert!(archive.exists());
}
