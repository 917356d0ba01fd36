//! The control port of the real server: frames cut anywhere, who may connect, readers that stop,
//! and the server when it is full.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{
    Browser, ControlClient, Frame, Opcode, RawClient, Server, open_descriptors, require, wait_until,
};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of the user `nobody` wherever there is one.
const NOBODY: u32 = 65_534;

fn control(server: &Server) -> ControlClient {
    ControlClient::connect(&server.control_socket())
}

fn frame(letter: char, payload: &str) -> String {
    format!("{}{letter}{payload}", payload.len())
}

/// What each script of [`every_split_means_the_same`] says, what it is answered, and what a
/// browser gets of it.
fn script(token: &str) -> (Vec<u8>, Vec<u8>, Vec<Frame>) {
    let said = [
        frame('b', "hello"),
        frame('p', ""),
        frame('c', &format!("{token}ab")),
        frame('l', token),
        frame('f', "one"),
        frame('B', ""),
        frame('s', "t\u{fc}"),
        frame('d', &format!("{token}1p")),
        frame('z', "bx"),
        frame('q', ""),
    ];
    let answered = format!("0P32A{token}32A{token}0a0a1Zb");
    let received = vec![
        Frame::text("hello"),
        Frame::text("ab"),
        Frame::text("one").unfinished(),
        Frame::new(Opcode::CONTINUATION, "t\u{fc}"),
        Frame::binary(b""),
        Frame::text("1p"),
    ];
    (said.concat().into_bytes(), answered.into_bytes(), received)
}

#[test]
fn every_split_means_the_same() {
    let server = Server::start(&Browser::SETTINGS);
    let browser = Browser::new('x');
    let mut socket = browser.connect(&server);
    let (said, answered, received) = script(&browser.token);
    let mut play = |parts: &[&[u8]], what: &str| {
        let mut program = control(&server);
        for part in parts {
            program.send(part);
            // The server is to read one before it gets the next.
            thread::sleep(Duration::from_micros(1_500));
        }
        let got = program.receive_all();
        assert_eq!(
            got.escape_ascii().to_string(),
            answered.escape_ascii().to_string(),
            "{what}"
        );
        for frame in &received {
            assert_eq!(socket.receive_frame(), *frame, "{what}");
        }
    };
    for at in 1..said.len() {
        let (head, tail) = said.split_at(at);
        play(&[head, tail], &format!("split at {at}"));
    }
    let single: Vec<_> = said.chunks(1).collect();
    play(&single, "byte by byte");
    play(&[&said], "at once");
    socket.synchronise();
}

#[test]
fn a_fault_closes_its_connection_alone() {
    let server = Server::start(&Browser::SETTINGS);
    let browser = Browser::new('x');
    let mut socket = browser.connect(&server);
    let mut other = control(&server);
    assert_eq!(other.ask(&frame('u', "text")), "0a");
    let cases = [
        "-1b",
        "00b",
        "18446744073709551616b",
        "00000000b",
        "0x",
        "x",
    ];
    for fault in cases {
        for at in 0..fault.len() {
            let mut program = control(&server);
            let (head, tail) = fault.split_at(at);
            program.send(head.as_bytes());
            thread::sleep(Duration::from_micros(1_500));
            // The server may have seen enough, and have gone.
            program.try_send(tail.as_bytes());
            assert_eq!(program.receive_all(), b"0E", "{fault} split at {at}");
        }
    }
    let truncated = frame('b', "hello");
    for at in 1..truncated.len() {
        let mut program = control(&server);
        program.send(&truncated.as_bytes()[..at]);
        program.finish();
        assert_eq!(program.receive_all(), b"0E", "cut at {at}");
    }
    assert_eq!(other.ask("0p"), "0P");
    socket.send_text("still here");
    let (letter, event) = other.receive();
    assert_eq!(letter, 'U');
    assert!(event.ends_with(b"\nstill here"), "{}", event.escape_ascii());
    socket.synchronise();
}

/// What a second process does during [`the_socket_is_private_from_the_first_moment`]: this test
/// binary, started again for this one function.
#[test]
#[ignore = "a part of another test"]
fn hammer() {
    let Some(path) = env::var_os("HAMMERED") else {
        return;
    };
    let path = Path::new(&path);
    let directory = path.parent().expect("it is in a directory");
    let stop = Path::new(&env::var_os("STOP").expect("it is set")).to_owned();
    let mut seen = BTreeSet::new();
    let mut connected = 0;
    let deadline = Instant::now() + Duration::from_secs(60);
    println!("hammering");
    while !stop.exists() && Instant::now() < deadline {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            seen.insert(format!("socket {:o}", metadata.mode() & 0o7777));
        }
        if let Ok(metadata) = fs::symlink_metadata(directory) {
            seen.insert(format!("directory {:o}", metadata.mode() & 0o7777));
        }
        // A socket cannot be opened, but what might stand in its place could.
        if fs::OpenOptions::new().write(true).open(path).is_ok() {
            seen.insert("no socket".to_owned());
        }
        if let Ok(mut stream) = UnixStream::connect(path) {
            connected += 1;
            if env::var_os("SPEAK").is_some() {
                seen.insert(format!("answer {:?}", answer(&mut stream)));
            }
        }
    }
    let seen: Vec<_> = seen.into_iter().collect();
    println!("seen: {}; connected: {connected}.", seen.join(", "));
}

fn answer(stream: &mut UnixStream) -> String {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.write_all(b"0p0q");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The second process; it ends when `stop` is made.
struct Hammer {
    child: Child,
    stop: std::path::PathBuf,
}

impl Hammer {
    fn start(mut command: Command, socket: &Path, stop: &Path) -> Self {
        let mut child = command
            .args(["--exact", "hammer", "--ignored", "--nocapture"])
            .env("HAMMERED", socket)
            .env("STOP", stop)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut first = [0; 1];
        let output = child.stdout.as_mut().expect("it is a pipe");
        output.read_exact(&mut first).expect("it begins");
        thread::sleep(Duration::from_millis(100));
        Self {
            child,
            stop: stop.to_owned(),
        }
    }

    /// What it has seen, and how often it was let in.
    fn stop(mut self) -> (String, usize) {
        fs::write(&self.stop, "").expect("the directory is ours");
        let mut output = String::new();
        let stdout = self.child.stdout.as_mut().expect("it is a pipe");
        stdout.read_to_string(&mut output).expect("it is text");
        let _ = self.child.wait();
        let told = (|| {
            let (_, rest) = output.split_once("seen: ")?;
            let (seen, rest) = rest.split_once("; connected: ")?;
            let (connected, _) = rest.split_once('.')?;
            Some((seen.to_owned(), connected.parse().ok()?))
        })();
        told.unwrap_or_else(|| panic!("no result: {output}"))
    }
}

impl Drop for Hammer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_socket_is_private_from_the_first_moment() {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let directory = place.path().join("new");
    let socket = directory.join("control.sock");
    let address = format!("unix://{}", socket.display());
    let this_program = env::current_exe().expect("it has a path");
    let hammer = Hammer::start(
        Command::new(this_program),
        &socket,
        &place.path().join("stop"),
    );
    for _ in 0..10 {
        let server = Server::start_below(
            &["sh", "-c", "umask 0; exec \"$@\"", "sh"],
            &[("FANTAIL_CONTROL_LISTEN", &address)],
        );
        // The other process takes all places now and then.
        wait_until("an answer", PATIENCE, || {
            let mut program = ControlClient::connect(&socket);
            program.try_send(b"0p0q") && program.receive_all() == b"0P"
        });
        drop(server);
        assert!(!socket.exists(), "the socket goes with its server");
        fs::remove_dir(&directory).expect("nothing else is in it");
    }
    let (seen, connected) = hammer.stop();
    assert_eq!(seen, "directory 700, socket 600");
    assert!(connected > 0);
}

#[test]
fn programs_of_other_users_are_refused() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    if !is_root {
        // Nobody else can start a program of another user.
        return;
    }
    let Some(setpriv) = require("setpriv") else {
        return;
    };
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(place.path(), 0o711);
    let program = place.path().join("hammer");
    fs::copy(env::current_exe().expect("it has a path"), &program).expect("there is room");
    let socket = place.path().join("control.sock");
    let address = format!("unix://{}", socket.display());
    let start = |speak: bool| {
        let mut command = Command::new(&setpriv);
        command
            .arg(format!("--reuid={NOBODY}"))
            .arg(format!("--regid={NOBODY}"))
            .arg("--clear-groups")
            .arg(&program);
        if speak {
            command.env("SPEAK", "1");
        }
        Hammer::start(command, &socket, &place.path().join("stop"))
    };

    // The mode keeps them out, also while the server starts.
    let hammer = start(false);
    let server = Server::start_below(
        &["sh", "-c", "umask 0; exec \"$@\"", "sh"],
        &[("FANTAIL_CONTROL_LISTEN", &address)],
    );
    thread::sleep(Duration::from_millis(300));
    let (seen, connected) = hammer.stop();
    assert_eq!(seen, "directory 711, socket 600");
    assert_eq!(connected, 0);
    fs::remove_file(place.path().join("stop")).expect("it was made");

    // If somebody opens it, the server still asks who they are.
    open(&socket, 0o666);
    let hammer = start(true);
    thread::sleep(Duration::from_millis(300));
    let (seen, connected) = hammer.stop();
    assert_eq!(seen, "answer \"\", directory 711, socket 666");
    assert!(connected > 0);
    assert_eq!(ControlClient::connect(&socket).ask("0p"), "0P");
    wait_until("a warning", PATIENCE, || {
        server.log().contains("of another user was refused")
    });
}

/// Messages that clients send a second, and for how long.
const EVENTS_A_SECOND: usize = 10_000;
const LOADED: Duration = Duration::from_secs(3);

/// The longest that a message between others may take meanwhile, on a machine with other work.
const PROMPT: Duration = Duration::from_secs(1);

#[test]
fn a_reader_that_stops_slows_nobody() {
    let mut settings = Browser::SETTINGS.to_vec();
    settings.extend([
        ("FANTAIL_CONTROL_OUTPUT", "256KiB"),
        ("FANTAIL_CONTROL_OUTPUT_SOFT", "128KiB"),
    ]);
    let server = Server::start(&settings);
    let mut stalled = control(&server);
    assert_eq!(stalled.ask(&frame('u', "text")), "0a");
    let mut busy = Browser::new('x').connect(&server);
    let mut publisher = RawClient::upgrade(server.address(), "/demo");
    let mut subscriber = RawClient::upgrade(server.address(), "/demo");

    let over = AtomicBool::new(false);
    let (sent, slowest) = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let batch = Frame::text(&"x".repeat(50)).masked([1, 2, 3, 4]);
            let batch = batch.repeat(EVENTS_A_SECOND / 100);
            let start = Instant::now();
            let mut batches: u32 = 0;
            while start.elapsed() < LOADED {
                busy.send(&batch);
                batches += 1;
                let due = Duration::from_millis(10) * batches;
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            over.store(true, Ordering::Relaxed);
            busy.synchronise();
            batches as usize * (EVENTS_A_SECOND / 100)
        });
        let mut slowest = Duration::ZERO;
        while !over.load(Ordering::Relaxed) {
            let start = Instant::now();
            publisher.send_text("tick");
            assert_eq!(subscriber.receive_text(), "tick");
            slowest = slowest.max(start.elapsed());
            thread::sleep(Duration::from_millis(10));
        }
        (load.join().expect("it has not failed"), slowest)
    });
    assert!(slowest < PROMPT, "a message took {slowest:?}");
    let least = EVENTS_A_SECOND * LOADED.as_secs() as usize / 2;
    assert!(sent >= least, "only {sent} messages were sent");

    // It was cut off: it gets what the kernel had, and then the end.
    let got = stalled.receive_all();
    assert!(got.len() < 2 * 1024 * 1024, "{} bytes", got.len());
    let mut after = control(&server);
    let status = after.ask("0g");
    assert!(status.contains("\"control output limit\":1"), "{status}");
    // Nobody wants events any more, and those who do get them.
    assert_eq!(after.ask(&frame('u', "text")), "0a");
    busy.send_text("last");
    let (letter, event) = after.receive();
    assert_eq!(letter, 'U');
    assert!(event.ends_with(b"\nlast"));
}

#[test]
fn programs_reach_a_server_with_all_the_clients_it_may_have() {
    let server = Server::start(&[("FANTAIL_LIMITS_CONNECTIONS", "3")]);
    let mut clients: Vec<_> = (0..3)
        .map(|_| RawClient::upgrade(server.address(), "/demo"))
        .collect();
    let mut late = RawClient::connect(server.address());
    assert_eq!(late.try_upgrade("/demo", &[]).status, 503);
    let mut programs: Vec<_> = (0..4).map(|_| control(&server)).collect();
    for program in &mut programs {
        assert_eq!(program.ask(&frame('t', "/demo\nhello")), "1a3");
    }
    for client in &mut clients {
        for _ in 0..programs.len() {
            assert_eq!(client.receive_text(), "hello");
        }
    }
    // They do not count among the clients.
    drop(clients.pop());
    wait_until("room for a client", PATIENCE, || {
        RawClient::connect(server.address())
            .try_upgrade("/demo", &[])
            .status
            == 101
    });
}

#[test]
fn programs_reach_a_server_with_all_the_descriptors_it_may_have() {
    let server = Server::start_below(&["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"], &[]);
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut client = RawClient::connect(server.address());
            client.send(b"GET /demo HTTP/1.1\r\nHost: h\r\n");
            client
        })
        .collect();
    wait_until("a full server", PATIENCE, || {
        open_descriptors(server.pid()) >= 31
    });
    let mut programs = Vec::new();
    for _ in 0..4 {
        let mut program = control(&server);
        assert_eq!(program.ask("0p"), "0P");
        programs.push(program);
    }
    drop(crowd);
}

#[test]
fn a_program_that_finds_no_descriptor_is_told_so_in_its_own_language() {
    // More clients than descriptors are wanted here: the server warns, and is full too early.
    let server = Server::start_below(
        &["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"],
        &[("FANTAIL_LIMITS_CONNECTIONS", "1000")],
    );
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut client = RawClient::connect(server.address());
            client.send(b"GET /demo HTTP/1.1\r\nHost: h\r\n");
            client
        })
        .collect();
    wait_until("a full server", PATIENCE, || {
        open_descriptors(server.pid()) >= 62
    });
    let mut program = control(&server);
    assert_eq!(program.receive_all(), b"0E");
    drop(crowd);
    wait_until("room for a program", PATIENCE, || {
        let mut program = control(&server);
        program.send(b"0p0q");
        program.receive_all() == b"0P"
    });
}

#[test]
fn the_socket_of_the_defaults_is_optional() {
    let first = Server::start(&[]);
    let directory = first.directory().to_string_lossy().into_owned();
    let second = Server::start(&[("XDG_RUNTIME_DIR", &directory)]);
    wait_until("a warning", PATIENCE, || {
        second.log().contains("is another server running there?")
    });
    assert!(!second.output().contains("control:"), "{}", second.output());
    RawClient::upgrade(second.address(), "/demo").synchronise();
    drop(second);
    // It is the first one's, and stays that when the second goes.
    let client = RawClient::upgrade(first.address(), "/demo");
    assert_eq!(control(&first).ask(&frame('t', "/demo\nhello")), "1a1");
    drop(client);
}

#[test]
fn a_reload_that_fails_says_why() {
    let server = Server::start(&[]);
    let file = server.directory().join("fantail.toml");
    let mut program = control(&server);
    assert_eq!(program.ask("0r"), "0a");
    fs::write(&file, "[limits]\nmessage = \"12 apples\"\n").expect("the directory is there");
    let answer = program.ask("0r");
    assert!(
        answer.contains("nfantail.toml:2") && answer.contains("12 apples"),
        "{answer}"
    );
    fs::write(&file, "[topics]\nmessage = \"10\"\n").expect("the directory is there");
    // What stands behind it in the same packet waits for it.
    program.send(b"0r0p");
    assert_eq!(program.receive().0, 'a');
    assert_eq!(program.receive().0, 'P');
    let mut client = RawClient::upgrade(server.address(), "/demo");
    client.send_text("eleven char");
    assert_eq!(client.receive_close(), 1009);
}

#[test]
fn a_program_can_stop_the_server() {
    let mut settings = Browser::SETTINGS.to_vec();
    settings.push(("FANTAIL_LIMITS_DRAIN", "200ms"));
    let mut server = Server::start(&settings);
    let mut clients = [
        Browser::new('x').connect(&server),
        RawClient::upgrade(server.address(), "/demo"),
    ];
    let mut idle = control(&server);
    assert_eq!(idle.ask("0p"), "0P");
    let mut program = control(&server);
    program.send(b"0e");
    for client in &mut clients {
        let frame = client.receive_frame();
        assert_eq!(frame.close_code(), Some(1001));
        client.send_frame(&Frame::close(1001, ""));
        client.receive_end();
    }
    assert_eq!(program.receive_all(), b"0a");
    assert_eq!(idle.receive_all(), b"");
    let status = server.exit_within(PATIENCE).expect("it was told to stop");
    assert!(status.success(), "{status}");
    assert!(!server.control_socket().exists());
}
