//! Changed settings of DRC, applied to the running server in each of the ways that there are.
//! Nobody is disconnected, members stay what they are, and who comes later meets the new settings.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::Duration;
use support::{ControlClient, RawClient, Server, run_with_input, wait_until};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

const OLD_ORIGIN: &str = "http://127.0.0.1";
const NEW_ORIGIN: &str = "https://a.example";

/// Runs the program where the server runs, and in its environment.
#[track_caller]
fn fantail(server: &Server, arguments: &[&str], input: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command
        .args(arguments)
        .env_clear()
        .env("XDG_RUNTIME_DIR", server.directory())
        .current_dir(server.directory());
    let outcome = run_with_input(PATIENCE, &mut command, input.as_bytes());
    assert!(
        outcome.status.success(),
        "{arguments:?}: {}",
        outcome.stderr
    );
}

/// The log has one more line with `part` when `act` is done.
#[track_caller]
fn logged(server: &Server, part: &str, act: impl FnOnce()) {
    let before = server.log().matches(part).count();
    act();
    wait_until(part, PATIENCE, || {
        server.log().matches(part).count() > before
    });
}

fn by_signal(server: &Server) {
    logged(server, "\"reloaded: ", || server.signal("HUP"));
}

fn by_command(server: &Server) {
    fantail(server, &["ctl", "reload"], "");
}

fn by_letter(server: &Server) {
    let mut program = ControlClient::connect(&server.control_socket());
    assert_eq!(program.ask("0r"), "0a");
}

/// A client of DRC.
struct Client(RawClient);

impl Client {
    #[track_caller]
    fn connect(server: &Server, origin: &str) -> Self {
        let headers = [("Origin", origin)];
        Self(RawClient::upgrade_with(server.address(), "/", &headers))
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        let text = self.0.receive_text();
        serde_json::from_str(&text).expect("it is JSON")
    }

    #[track_caller]
    fn ask(&mut self, request: &Value) -> Value {
        self.0.send_text(&request.to_string());
        self.receive()
    }

    #[track_caller]
    fn join(&mut self, token: Option<&str>, protocol: &str) -> Value {
        let mut request = json!({"cmd": "JOIN", "channel": "Room", "protocol": protocol});
        if let Some(token) = token {
            request["token"] = token.into();
        }
        self.ask(&request)
    }

    #[track_caller]
    fn grant(&mut self, token: Option<&str>) -> Value {
        let mut request = json!({"cmd": "GRANT", "channel": "Room", "protocol": "chat",
            "clientmode": 1, "extra": {}});
        if let Some(token) = token {
            request["token"] = token.into();
        }
        self.ask(&request)
    }
}

#[track_caller]
fn assert_denied(answer: &Value) {
    assert_eq!(answer["errorcode"], "access_denied", "{answer}");
}

fn status(server: &Server, origin: &str) -> u16 {
    let mut client = RawClient::connect(server.address());
    client.try_upgrade("/", &[("Origin", origin)]).status
}

/// What a reload must do, whichever way it is asked for.
fn check(reload: fn(&Server)) {
    let server = Server::start(&[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc")]);
    let mut authority = Client::connect(&server, OLD_ORIGIN);
    let joined = authority.join(None, "chat");
    assert_eq!(joined["info"]["auth"], true, "{joined}");
    let granted = authority.grant(None);
    let grant = granted["token"].as_str().expect("it is granted").to_owned();
    let mut member = Client::connect(&server, OLD_ORIGIN);
    let request = json!({"cmd": "JOIN", "channel": "Room", "protocol": "chat", "token": grant,
        "ipauth": false});
    assert_eq!(member.ask(&request)["info"]["mode"], 1);
    assert_eq!(authority.receive()["cmd"], "JOINED");

    fantail(
        &server,
        &["config", "remove", "drc.whitelist", "127.0.0.1"],
        "",
    );
    fantail(
        &server,
        &["config", "add", "drc.tokens", "-", "chat"],
        "hunter2\n",
    );
    fantail(&server, &["config", "set", "drc.origins", NEW_ORIGIN], "");
    // Nothing happens before the server is told.
    assert_eq!(status(&server, NEW_ORIGIN), 403);
    reload(&server);

    assert_eq!(status(&server, OLD_ORIGIN), 403);
    let mut late = Client::connect(&server, NEW_ORIGIN);
    assert_denied(&late.join(None, "chat"));
    assert_denied(&late.join(Some("hunter2"), "other"));
    assert_eq!(late.join(Some("hunter2"), "chat")["info"]["auth"], true);

    // The others are still there and what they were, but for new rights the new settings count.
    for client in [&mut authority, &mut member] {
        assert_eq!(client.receive()["cmd"], "JOINED");
    }
    let news = json!({"cmd": "NEWS", "channel": 1, "to": -1, "n": 1});
    for client in [&mut authority, &mut late] {
        client.0.send_text(&news.to_string());
    }
    for client in [&mut authority, &mut member, &mut late] {
        assert_eq!(client.receive()["cmd"], "NEWS");
        assert_eq!(client.receive()["cmd"], "NEWS");
    }
    assert_denied(&authority.grant(None));
    assert_eq!(authority.grant(Some("hunter2"))["cmd"], "GRANTED");

    // What is wrong changes nothing.
    let broken = "[drc]\nwhitelist = { \"127.0.0.1\" = \"chat\" }\ntokens = { hunter3 = 1 }\n";
    fs::write(server.directory().join("fantail.toml"), broken).expect("the directory is ours");
    logged(&server, "not reloaded", || server.signal("HUP"));
    assert_eq!(status(&server, NEW_ORIGIN), 101);
    assert_denied(&authority.grant(None));
    assert_eq!(
        member.ask(&json!({"cmd": "LEAVE", "channel": 1}))["cmd"],
        "LEFT"
    );
    assert!(!server.log().contains("hunter"), "{}", server.log());
}

#[test]
fn a_signal_applies_changes() {
    check(by_signal);
}

#[test]
fn a_command_applies_changes() {
    check(by_command);
}

#[test]
fn a_letter_of_the_control_port_applies_changes() {
    check(by_letter);
}
