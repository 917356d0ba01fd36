//! `fantail ctl` and `fantail status` against the real server and browsers with cookies.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{Browser, Frame, Opcode, Outcome, RawClient, Server, run_with_input, wait_until};

const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What no browser has.
const NOBODY: &str = "nobodynobodynobodynobodynobodyno";

fn start() -> Server {
    Server::start(&Browser::SETTINGS)
}

/// The program, set up to find the server's control port by itself.
fn command(server: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command
        .args(arguments)
        .env_clear()
        .env("XDG_RUNTIME_DIR", server.directory())
        .current_dir(server.directory());
    command
}

fn run(server: &Server, arguments: &[&str], input: &[u8]) -> Outcome {
    run_with_input(TIME_LIMIT, &mut command(server, arguments), input)
}

/// Runs `fantail ctl` with the words of `line`; the code, standard output and standard error.
fn ctl(server: &Server, line: &str) -> (i32, String, String) {
    let arguments: Vec<_> = ["ctl"].into_iter().chain(line.split(' ')).collect();
    told(run(server, &arguments, b""))
}

fn told(outcome: Outcome) -> (i32, String, String) {
    let code = outcome.status.code().expect("no signal ended it");
    (code, outcome.stdout, outcome.stderr)
}

fn said(code: i32, stdout: &str, stderr: &str) -> (i32, String, String) {
    (code, stdout.to_owned(), stderr.to_owned())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A command that runs while the test does other things, killed when it is forgotten.
struct Running(Child);

impl Running {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let child = command(server, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the program can be started"))
    }

    fn write(&mut self, bytes: &[u8]) {
        let stdin = self.0.stdin.as_mut().expect("it is a pipe");
        stdin.write_all(bytes).expect("the program reads");
        stdin.flush().expect("the program reads");
    }

    /// Ends standard input and waits for the exit code.
    fn finish(mut self) -> Option<i32> {
        drop(self.0.stdin.take());
        wait_until("the program ends", TIME_LIMIT, || {
            self.0.try_wait().expect("it is a child").is_some()
        });
        self.0.wait().expect("it is a child").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn broadcast_reaches_every_browser() {
    let server = start();
    let mut browsers = ['a', 'b', 'c'].map(|letter| Browser::new(letter).connect(&server));
    for (arguments, input, expected) in [
        (&["broadcast", "h\u{e9}"][..], &b""[..], Frame::text("hé")),
        (
            &["broadcast"],
            "from\ninput\n".as_bytes(),
            Frame::text("from\ninput\n"),
        ),
        (
            &["broadcast", "-b"],
            b"\x00\xff",
            Frame::binary(b"\x00\xff"),
        ),
        (&["broadcast", ""], b"", Frame::text("")),
    ] {
        let all: Vec<_> = ["ctl"].iter().chain(arguments).copied().collect();
        assert_eq!(told(run(&server, &all, input)), said(0, "", ""));
        for browser in &mut browsers {
            assert_eq!(browser.receive_frame(), expected);
        }
    }
    let (code, _, err) = told(run(&server, &["ctl", "broadcast"], b"\xff"));
    assert_eq!(code, 1);
    assert!(err.contains("not UTF-8"), "{err}");
}

#[test]
fn send_tells_whether_the_client_is_there() {
    let server = start();
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let token = browser.token.as_str();

    for (line, expected) in [
        (format!("send {token} one"), Frame::text("one")),
        (
            format!("send -c --binary {token} two"),
            Frame::binary(b"two"),
        ),
        (
            format!("send --no-confirm {token} three"),
            Frame::text("three"),
        ),
        (
            format!("send --no-confirm -b {token} four"),
            Frame::binary(b"four"),
        ),
    ] {
        assert_eq!(ctl(&server, &line), said(0, "", ""), "{line}");
        assert_eq!(client.receive_frame(), expected);
    }
    let (code, _, err) = ctl(&server, &format!("send {NOBODY} one"));
    assert_eq!(code, 3);
    assert!(
        err.starts_with("fantail: not acknowledged: no client"),
        "{err}"
    );
    // An empty message that asks nothing is a message.
    let empty = ["ctl", "send", "--no-confirm", token, ""];
    assert_eq!(told(run(&server, &empty, b"")), said(0, "", ""));
    assert_eq!(client.receive_frame(), Frame::text(""));
    assert_eq!(
        ctl(&server, &format!("send --no-confirm {NOBODY} one")),
        said(0, "", "")
    );

    let (code, out, err) = ctl(&server, &format!("send --json {token} five"));
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(json(&out)["acknowledged"], true);
    assert_eq!(client.receive_text(), "five");
    let (code, out, err) = ctl(&server, &format!("send --json {NOBODY} five"));
    assert_eq!((code, err.as_str()), (3, ""));
    assert_eq!(json(&out)["acknowledged"], false);

    let (code, _, err) = told(run(&server, &["ctl", "send", token], b""));
    assert_eq!(code, 2, "{err}");
    let (code, _, err) = ctl(&server, "send short hello");
    assert_eq!(code, 1);
    assert!(err.contains("0E"), "{err}");
}

#[test]
fn ask_sends_nothing() {
    let server = start();
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    assert_eq!(
        ctl(&server, &format!("ask {}", browser.token)),
        said(0, "", "")
    );
    assert_eq!(ctl(&server, &format!("ask {NOBODY}")).0, 3);
    client.synchronise();
}

#[test]
fn stream_sends_one_message_as_it_comes() {
    let server = start();
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let fragment = |opcode, part: &str| Frame::new(opcode, part).unfinished();

    let mut stream = Running::start(&server, &["ctl", "stream", &browser.token]);
    stream.write(b"one");
    assert_eq!(client.receive_frame(), fragment(Opcode::TEXT, "one"));
    // Two bytes of one character in two parts.
    stream.write(b"\xc3");
    let half = client.receive_frame();
    assert_eq!((half.fin, half.payload), (false, b"\xc3".to_vec()));
    assert_eq!(ctl(&server, "broadcast later"), said(0, "", ""));
    let (code, _, err) = told(run(&server, &["ctl", "stream", &browser.token], b"no"));
    assert_eq!(code, 3, "{err}");
    stream.write(b"\xa9");
    let half = client.receive_frame();
    assert_eq!((half.fin, half.payload), (false, b"\xa9".to_vec()));
    assert_eq!(stream.finish(), Some(0));
    let last = client.receive_frame();
    assert_eq!(last, Frame::new(Opcode::CONTINUATION, ""));
    assert_eq!(client.receive_text(), "later");

    let outcome = run(&server, &["ctl", "stream", "--json", &browser.token], b"");
    assert_eq!(json(&told(outcome).1)["bytes"], 0);
    assert_eq!(client.receive_frame(), fragment(Opcode::TEXT, ""));
    assert_eq!(client.receive_frame(), Frame::new(Opcode::CONTINUATION, ""));

    let (code, _, err) = told(run(&server, &["ctl", "stream", NOBODY], b"one"));
    assert_eq!(code, 3, "{err}");
}

#[test]
fn half_a_stream_closes_the_client() {
    let server = start();
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut stream = Running::start(&server, &["ctl", "stream", "-b", &browser.token]);
    stream.write(b"half");
    assert_eq!(client.receive_frame().opcode, Opcode::BINARY);
    drop(stream);
    let close = client.receive_frame();
    assert_eq!(close.close_code(), Some(1011));
    assert_eq!(close.close_reason(), "framesource lost");
}

#[test]
fn a_stream_that_pauses_answers_pings() {
    let mut settings = Browser::SETTINGS.to_vec();
    settings.extend([
        ("FANTAIL_CONTROL_IDLE", "100ms"),
        ("FANTAIL_CONTROL_PONG_WAIT", "300ms"),
    ]);
    let server = Server::start(&settings);
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut stream = Running::start(&server, &["ctl", "stream", &browser.token]);
    stream.write(b"one");
    assert_eq!(client.receive_frame().payload, b"one");
    std::thread::sleep(Duration::from_millis(1500));
    stream.write(b"two");
    assert_eq!(client.receive_frame().payload, b"two");
    assert_eq!(stream.finish(), Some(0));
}

#[test]
fn publish_counts_the_receivers() {
    let server = start();
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    assert_eq!(ctl(&server, "publish /demo hello"), said(0, "1\n", ""));
    assert_eq!(topic.receive_text(), "hello");
    let outcome = run(&server, &["ctl", "publish", "-b", "/demo"], b"\xff\n");
    assert_eq!(told(outcome), said(0, "1\n", ""));
    assert_eq!(topic.receive_binary(), b"\xff\n");
    assert_eq!(ctl(&server, "publish /empty hello"), said(0, "0\n", ""));
    let (_, out, _) = ctl(&server, "publish --json /demo hello");
    assert_eq!(json(&out)["receivers"], 1);

    let (code, out, err) = ctl(&server, "publish nothing:of-this hello");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.starts_with("fantail: not acknowledged: "), "{err}");
    let (code, _, _) = told(run(&server, &["ctl", "publish", "/a\nb", "x"], b""));
    assert_eq!(code, 2);
}

#[test]
fn who_lists_the_connections() {
    let server = start();
    assert_eq!(ctl(&server, "who"), said(0, "", ""));
    assert_eq!(ctl(&server, "who --json"), said(0, "", ""));
    let browser = Browser::new('a').of_user("42");
    let _client = browser.connect(&server);
    let _topic = RawClient::upgrade(server.address(), "/demo");

    let (code, out, err) = ctl(&server, "who --json");
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<_> = out.lines().map(json).collect();
    assert_eq!(lines.len(), 2, "{out}");
    let wson = lines.iter().find(|line| line["dialect"] == "wson");
    let wson = wson.expect("the browser is there");
    assert_eq!(wson["token"], browser.token);
    assert_eq!(wson["user"], "42");

    let (_, out, _) = ctl(&server, "who dialect=wson user=42");
    let fields: Vec<_> = out.trim_end().split('\t').collect();
    assert_eq!(fields.len(), 6, "{out}");
    assert_eq!(
        (fields[0], fields[1]),
        (wson["id"].as_str().unwrap_or(""), "wson")
    );
    assert!(fields[5].contains("user=42"), "{out}");
    assert_eq!(ctl(&server, "who user=4"), said(0, "", ""));
}

#[test]
fn status_is_told_in_both_ways() {
    let server = start();
    let _topic = RawClient::upgrade(server.address(), "/demo");
    let (code, out, err) = told(run(&server, &["status", "--json"], b""));
    assert_eq!((code, err.as_str()), (0, ""));
    let status = json(&out);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    for member in [
        "connections",
        "accepted",
        "received",
        "delivered",
        "memory",
        "limits",
    ] {
        assert!(!status[member].is_null(), "{member}: {out}");
    }
    assert!(status["listeners"].is_array(), "{out}");

    let (_, short, _) = told(run(&server, &["status"], b""));
    let (_, long, _) = ctl(&server, "status");
    let version = concat!("version\t", env!("CARGO_PKG_VERSION"), "\n");
    for out in [short, long] {
        assert!(out.starts_with(version), "{out}");
        assert!(out.contains("\nreceived.bytes\t"), "{out}");
        assert!(out.contains("\nlisteners.0.address\t"), "{out}");
    }
}

#[test]
fn kick_disconnects_by_token_and_by_id() {
    let server = start();
    let browser = Browser::new('a');
    let mut client = browser.connect(&server);
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    let (_, line, _) = ctl(&server, "who --json dialect=topics");
    let id = format!("#{}", json(&line)["id"].as_str().expect("an id is text"));

    for (target, client) in [(&browser.token, &mut client), (&id, &mut topic)] {
        assert_eq!(ctl(&server, &format!("kick {target}")), said(0, "", ""));
        assert_eq!(client.receive_close(), 1008);
    }
    assert_eq!(ctl(&server, &format!("kick {NOBODY}")).0, 3);
    assert_eq!(ctl(&server, "kick #4711.0").0, 3);
}

#[test]
fn events_are_told_as_they_happen() {
    let server = start();
    let browser = Browser::new('a');
    let mut events = Running::start(&server, &["ctl", "events", "-v", "-n", "4"]);
    let mut complaint = BufReader::new(events.0.stderr.take().expect("it is a pipe"));
    let mut line = String::new();
    complaint
        .read_line(&mut line)
        .expect("the program says that it begins");
    assert_eq!(line, "fantail: waiting for events\n");

    let mut client = browser.connect(&server);
    client.send_text("h\u{e9}\nllo");
    client.send_binary(b"\xff");
    client.send_frame(&Frame::close(1000, ""));
    assert_eq!(client.receive_close(), 1000);

    let mut out = String::new();
    let mut stdout = events.0.stdout.take().expect("it is a pipe");
    stdout
        .read_to_string(&mut out)
        .expect("the output is UTF-8");
    assert_eq!(events.finish(), Some(0));
    let lines: Vec<_> = out.lines().map(json).collect();
    let kinds: Vec<_> = lines.iter().map(|line| &line["event"]).collect();
    assert_eq!(kinds, ["open", "text", "binary", "close"], "{out}");
    for line in &lines {
        assert_eq!(line["token"], browser.token, "{out}");
        assert_eq!(line["id"], lines[0]["id"], "{out}");
    }
    assert_eq!(lines[1]["message"], "hé\nllo");
    assert_eq!(lines[2]["base64"], "/w==");
}

#[test]
fn the_server_tells_of_itself() {
    let server = Server::start(&[(
        "FANTAIL_LISTEN",
        "[{ address = \"tcp://127.0.0.1:0\", domain = \"ws1.example.com\" }]",
    )]);
    assert_eq!(ctl(&server, "domain"), said(0, "ws1.example.com\n", ""));
    let (_, out, _) = ctl(&server, "domain --json");
    assert_eq!(json(&out)["domain"], "ws1.example.com");

    let (code, out, _) = ctl(&server, "letters");
    assert_eq!(code, 0);
    for letter in "bBcCdDlfFiIsSmpPqQgwktTurez".chars() {
        assert!(out.contains(letter), "{letter}: {out}");
    }
    assert_eq!(ctl(&server, "letters bx"), said(0, "b\n", ""));
    assert!(ctl(&server, "ping").1.trim().parse::<f64>().is_ok());
}

#[test]
fn raw_shows_the_answer_as_it_is() {
    let server = start();
    for (line, expected) in [
        ("raw p".to_owned(), said(0, "0P\n", "")),
        ("raw P".to_owned(), said(0, "", "")),
        ("raw b hello".to_owned(), said(0, "", "")),
        ("raw q".to_owned(), said(0, "", "")),
        ("raw z bc".to_owned(), said(0, "2Zbc\n", "")),
        (
            format!("raw c {NOBODY}"),
            said(3, &format!("32N{NOBODY}\n"), ""),
        ),
    ] {
        assert_eq!(ctl(&server, &line), expected, "{line}");
    }
    assert_eq!(ctl(&server, "raw x").0, 1);
    let outcome = run(&server, &["ctl", "raw", "t", "-"], b"/demo\nhello");
    assert_eq!(told(outcome), said(0, "1a0\n", ""));
}

#[test]
fn reload_tells_what_is_wrong() {
    let server = start();
    assert_eq!(ctl(&server, "reload"), said(0, "", ""));
    let file = server.directory().join("fantail.toml");
    fs::write(&file, "[limits]\nmesage = 1\n").expect("the file can be written");
    let socket = server.control_address();
    let (code, _, err) = ctl(&server, &format!("--socket {socket} reload"));
    assert_eq!(code, 3);
    assert!(err.contains("mesage"), "{err}");
    // Without an address, the client reads the same file.
    assert_eq!(ctl(&server, "reload").0, 78);
}

#[test]
fn drain_ends_the_server() {
    let mut server = start();
    let mut client = Browser::new('a').connect(&server);
    assert_eq!(ctl(&server, "drain"), said(0, "", ""));
    assert_eq!(client.receive_close(), 1001);
    client.send_frame(&Frame::close(1001, ""));
    let status = server.exit_within(TIME_LIMIT).expect("the server ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn tcp_wants_the_secret() {
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let place = format!("tcp://{address}");
    let server = Server::start(&[
        ("FANTAIL_CONTROL_LISTEN", place.as_str()),
        ("FANTAIL_CONTROL_SECRET", "control-secret"),
    ]);
    let write = |name: &str, text: &str| {
        let path = server.directory().join(name);
        fs::write(&path, text).expect("the directory is there");
    };
    write("right", "control-secret\n");
    write("wrong", "another\n");
    let with = |file: &str| {
        ctl(
            &server,
            &format!("--socket {place} --secret-file {file} letters b"),
        )
    };
    assert_eq!(with("right"), said(0, "b\n", ""));
    let (code, _, err) = with("wrong");
    assert_eq!(code, 1);
    assert!(err.contains("refuses the secret"), "{err}");
    assert_eq!(with("missing").0, 1);
    let (code, _, err) = ctl(&server, &format!("--socket {place} letters"));
    assert_eq!(code, 2);
    assert!(err.contains("--secret-file"), "{err}");
    // Both are taken from the configuration.
    write(
        "fantail.toml",
        &format!("[control]\nlisten = [\"{place}\"]\nsecret = \"control-secret\"\n"),
    );
    assert_eq!(ctl(&server, "letters b"), said(0, "b\n", ""));
}

#[test]
fn what_cannot_be_reached_is_explained() {
    let server = start();
    let missing = server.directory().join("none.sock");
    let place = format!("unix://{}", missing.display());
    let (code, _, err) = ctl(&server, &format!("--socket {place} status"));
    assert_eq!(code, 1);
    assert!(
        err.starts_with(&format!("fantail: cannot connect to {place}: ")),
        "{err}"
    );
    let listener = std::os::unix::net::UnixListener::bind(&missing).expect("the name is free");
    let (code, _, err) = ctl(&server, &format!("--socket {place} --timeout 100ms status"));
    assert_eq!(code, 1);
    assert_eq!(err, "fantail: no answer within 100ms\n");
    drop(listener);
}

#[test]
fn every_command_is_in_help_manual_and_completions() {
    let server = start();
    let (_, help, _) = told(run(&server, &["ctl", "--help"], b""));
    let names: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names.len(), 15, "{help}");
    let (_, manual, _) = told(run(&server, &["man"], b""));
    let manual = manual.replace("\\-", "-");
    for name in &names {
        let (code, help, _) = told(run(&server, &["ctl", name, "--help"], b""));
        assert_eq!(code, 0);
        assert!(help.contains("letter"), "{name}: {help}");
        assert!(manual.contains(&format!("\"fantail ctl {name}")), "{name}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (_, script, _) = told(run(&server, &["completions", shell], b""));
        for name in names.iter().copied().chain(["ctl", "status"]) {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
}

#[test]
fn every_letter_is_documented() {
    let text = include_str!("../docs/control.md");
    for letter in "bBcCdDlfFiIsSmpPqQgwktTurezh".chars() {
        let row = text
            .lines()
            .any(|line| line.starts_with("| `") && line.contains(&format!("`{letter}`")));
        let alone = text
            .lines()
            .any(|line| line.starts_with(&format!("| `{letter}` ")));
        assert!(row || alone, "{letter}");
    }
}
