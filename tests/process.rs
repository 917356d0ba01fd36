//! The server as a process: how it starts and stops, what signals do, what it says to systemd and
//! to the log, and the client commands against it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use fantail::protocol::json_web_token;
use serde_json::{Map, Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{End, Frame, Opcode, Outcome, RawClient, Server, require, run_within, wait_until};

const SOON: Duration = Duration::from_secs(5);

/// A key of the example in RFC 6455 section 1.3.
const UPGRADE: &[u8] = b"GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The binary with nothing of this process's environment, in a directory of its own.
fn fantail(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command
        .env_clear()
        .env("HOME", directory)
        .current_dir(directory);
    command
}

/// A server that is expected not to start.
fn failing_start(settings: &[(&str, &str)]) -> Outcome {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = fantail(directory.path());
    command.envs(settings.iter().copied());
    run_within(SOON, &mut command)
}

/// What remains of a directory's name cannot be too long for a Unix socket's address.
fn unix_listen(path: &Path) -> String {
    format!("tcp://127.0.0.1:0=topics,unix://{}=topics", path.display())
}

#[test]
fn it_starts_without_any_configuration() {
    // 7328 is everybody's: if it is taken, this test has nothing to say.
    match TcpListener::bind("127.0.0.1:7328") {
        Ok(probe) => drop(probe),
        Err(_) => return,
    }
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut child = fantail(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be run");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout)
        .lines()
        .map(|line| line.expect("it is text"));
    let first = lines.next();
    let version = env!("CARGO_PKG_VERSION");
    let address = "127.0.0.1:7328";
    let expected = format!(
        "Fantail {version} relays on ws://{address} (topics, drc, dsock, message-broker, wson), statistics: http://{address}/stats"
    );
    if first.as_ref() == Some(&expected) {
        let address = SocketAddr::from(([127, 0, 0, 1], 7328));
        let mut sender = RawClient::upgrade(address, "/demo");
        let mut receiver = RawClient::upgrade(address, "/demo");
        sender.send_text("hello");
        assert_eq!(receiver.receive_text(), "hello");
        drop((sender, receiver));
    }
    support::signal(child.id(), "TERM");
    let rest: Vec<String> = lines.collect();
    let status = child.wait().expect("it ends");
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert!(rest[2].contains("wson secret of this run: "), "{rest:?}");
    assert_eq!(first, Some(expected));
    assert!(
        rest.iter()
            .any(|line| line.contains("sub ws://127.0.0.1:7328/demo")),
        "{rest:?}"
    );
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        fs::read_dir(directory.path()).expect("it is there").count(),
        0,
        "it left something behind"
    );
}

#[test]
fn it_says_where_it_listens_and_how_to_try_it() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("socket");
    let server = Server::start(&[("FANTAIL_LISTEN", &unix_listen(&path))]);
    let address = server.address();
    wait_until("it has said everything", SOON, || {
        server.output().contains("control:")
    });
    let output = server.output();
    let lines: Vec<&str> = output.lines().collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        lines[0],
        format!(
            "Fantail {version} relays on ws://{address} (topics), statistics: http://{address}/stats"
        )
    );
    assert_eq!(
        lines[1],
        format!(
            "Fantail {version} relays on unix://{} (topics)",
            path.display()
        )
    );
    assert!(
        lines[2].ends_with(&format!("sub ws://{address}/demo")),
        "{output}"
    );
    assert!(
        lines[3].ends_with(&format!("pub ws://{address}/demo \"hello\"")),
        "{output}"
    );
    assert!(lines[4].starts_with("  control: unix://"), "{output}");
    assert_eq!(lines.len(), 5, "{output}");
}

#[test]
fn a_name_that_is_no_text_does_not_keep_it_from_starting() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::process::CommandExt;

    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut child = fantail(directory.path())
        .arg0(OsStr::from_bytes(b"\xff"))
        .env("FANTAIL_LISTEN", "tcp://127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be run");
    let mut first = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut first);
    support::signal(child.id(), "TERM");
    let status = child.wait().expect("it ends");
    assert!(read.is_ok() && first.starts_with("Fantail "), "{first}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    let address = taken.local_addr().expect("it is bound");
    let listen = format!("tcp://{address}=topics");
    let outcome = failing_start(&[("FANTAIL_LISTEN", &listen)]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(&address.to_string()), "{outcome:?}");
    assert!(outcome.stderr.contains("another server"), "{outcome:?}");
    assert_eq!(outcome.stdout, "");

    for (settings, part) in [
        (("FANTAIL_LIMTS_MESSAGE", "1"), "FANTAIL_LIMITS_MESSAGE"),
        (("FANTAIL_LIMITS_MESSAGE", "many"), "FANTAIL_LIMITS_MESSAGE"),
        (("FANTAIL_LISTEN", "tcp://nowhere"), "FANTAIL_LISTEN"),
        (("FANTAIL_CONFIG", "missing.toml"), "missing.toml"),
    ] {
        let outcome = failing_start(&[settings]);
        assert_eq!(outcome.status.code(), Some(78), "{settings:?}: {outcome:?}");
        assert!(outcome.stderr.contains(part), "{settings:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{settings:?}");
    }

    let outcome = failing_start(&[("FANTAIL_LISTEN", "systemd:web")]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("systemd:web"), "{outcome:?}");
}

/// A running `fantail sub`.
struct Subscriber(Child);

impl Subscriber {
    /// Starts it and waits until it is connected.
    fn start(url: &str, arguments: &[&str]) -> Self {
        let directory = std::env::temp_dir();
        let mut child = fantail(&directory)
            .args(["sub", "--verbose"])
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it says something");
        assert!(line.contains("connected"), "{line}");
        Self(child)
    }

    /// Waits until it has ended, and gives what it printed.
    fn finish(mut self) -> Vec<u8> {
        let mut output = Vec::new();
        let mut stdout = self.0.stdout.take().expect("it is piped");
        stdout.read_to_end(&mut output).expect("it can be read");
        let status = self.0.wait().expect("it ends");
        assert_eq!(status.code(), Some(0));
        output
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `fantail pub` with `input` as its standard input.
#[track_caller]
fn publish(arguments: &[&str], input: &[u8]) {
    let mut child = fantail(&std::env::temp_dir())
        .arg("pub")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the binary can be run");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stdout), (Some(0), Vec::new()));
}

#[test]
fn the_client_commands_work() {
    let server = Server::start(&[]);
    let url = server.url("/demo");

    let subscriber = Subscriber::start(&url, &["--count", "1"]);
    publish(&[&url, "hello"], b"");
    assert_eq!(subscriber.finish(), b"hello\n");

    let subscriber = Subscriber::start(&url, &["--count", "3"]);
    publish(&["-l", &url], "first\nzweite ü\n\n".as_bytes());
    assert_eq!(subscriber.finish(), "first\nzweite ü\n\n".as_bytes());

    let subscriber = Subscriber::start(&url, &["-n", "4"]);
    publish(&["--count", "4", &url, "again"], b"");
    assert_eq!(subscriber.finish(), b"again\n".repeat(4));

    let lines: String = (0..5_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let subscriber = Subscriber::start(&url, &["--count", "5000"]);
    publish(&["-l", &url], lines.as_bytes());
    assert!(subscriber.finish() == lines.as_bytes());

    let subscriber = Subscriber::start(&url, &["--binary", "--count", "1"]);
    publish(&["--binary", &url, "as it is"], b"");
    assert_eq!(subscriber.finish(), b"as it is");
}

#[test]
fn a_stream_of_bytes_arrives_as_it_comes() {
    let server = Server::start(&[]);
    let mut subscriber = Subscriber::start(&server.url("/out/video"), &["--binary"]);
    let mut output = subscriber.0.stdout.take().expect("it is piped");
    let mut publisher = fantail(&std::env::temp_dir())
        .args(["pub", "--binary", &server.url("/in/video")])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut input = publisher.stdin.take().expect("it is piped");
    // The stream has not ended, but what there is of it arrives.
    for length in [1_u32, 10, 1_000, 700_000] {
        let bytes: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
        input.write_all(&bytes).expect("it reads");
        let mut received = vec![0; bytes.len()];
        output.read_exact(&mut received).expect("all of it arrives");
        assert!(received == bytes, "{length} bytes");
    }
    drop(input);
    assert!(publisher.wait().expect("it ends").success());
}

fn token(audience: &str, secret: &str) -> String {
    let claims = json!({ "aud": audience, "exp": 32_503_680_000_u64 });
    let claims: &Map<String, Value> = claims.as_object().expect("it is one");
    json_web_token::sign(claims, secret.as_bytes()).expect("it is short")
}

#[test]
fn the_client_commands_show_tokens() {
    let server = Server::start(&[("FANTAIL_TOPICS_SECRET", "the secret")]);
    let url = server.url("/demo");
    let good = token("/demo", "the secret");
    let subscriber = Subscriber::start(&url, &["--count", "1", "--token", &good]);
    publish(&["--token", &good, &url, "hello"], b"");
    assert_eq!(subscriber.finish(), b"hello\n");

    let mut refused = fantail(server.directory());
    refused.args([
        "pub",
        "--token",
        &token("/other", "the secret"),
        &url,
        "hello",
    ]);
    let outcome = run_within(SOON, &mut refused);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("not permitted"), "{outcome:?}");
}

/// Speaks to a server on a Unix socket.
#[track_caller]
fn upgrade_unix(path: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("the server listens");
    stream.set_read_timeout(Some(SOON)).expect("it is not zero");
    stream.write_all(UPGRADE).expect("it can be sent");
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("there is an answer");
    assert_eq!(&head, b"HTTP/1.1 101");
    let mut end = Vec::new();
    while !end.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the head has an end");
        end.push(byte[0]);
    }
    stream
}

#[test]
fn a_unix_socket_is_made_and_removed() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("socket");
    // What a server that died has left.
    drop(UnixListener::bind(&path).expect("the directory is new"));
    let listen = format!(
        "[{{ address = \"tcp://127.0.0.1:0\" }}, {{ address = \"unix://{}\", mode = \"0640\" }}]",
        path.display()
    );
    let mut server = Server::start(&[("FANTAIL_LISTEN", &listen)]);
    let metadata = fs::symlink_metadata(&path).expect("it is there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);

    let mut sender = upgrade_unix(&path);
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    sender
        .write_all(&Frame::text("hello").masked([1, 2, 3, 4]))
        .expect("it can be sent");
    assert_eq!(receiver.receive_text(), "hello");
    receiver.send_text("hi");
    let mut frame = [0; 4];
    sender.read_exact(&mut frame).expect("there is a frame");
    assert_eq!(&frame, b"\x81\x02hi");
    drop((sender, receiver));

    let outcome = failing_start(&[("FANTAIL_LISTEN", &format!("unix://{}", path.display()))]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("another server"), "{outcome:?}");

    server.signal("TERM");
    let status = server.exit_within(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(!path.exists(), "the socket is still there");
}

/// Starts the server as systemd would, with `socket` as descriptor 3 under the name "web".
fn start_activated(socket: &Socket, settings: &[(&str, &str)]) -> Option<Server> {
    let bash = require("bash")?;
    socket.set_cloexec(false).expect("it can be inherited");
    let script = format!(
        "[ {0} = 3 ] || exec 3<&{0} {0}<&-
         LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$@\"",
        socket.as_raw_fd()
    );
    let server = Server::start_below(&[&bash.to_string_lossy(), "-c", &script, "bash"], settings);
    socket.set_cloexec(true).expect("nobody else is to have it");
    Some(server)
}

#[test]
fn systemd_passes_a_tcp_socket() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any_port.into()).expect("there are free ports");
    socket.listen(16).expect("it is bound");
    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    let Some(mut server) = start_activated(&socket, &[("FANTAIL_LISTEN", "systemd:web=topics")])
    else {
        return;
    };
    assert_eq!(Some(server.address()), address);
    let mut sender = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    sender.send_text("hello");
    assert_eq!(receiver.receive_text(), "hello");
    drop((sender, receiver));

    // The socket stays systemd's: who comes meanwhile waits for the next start.
    server.signal("TERM");
    assert_eq!(
        server.exit_within(SOON).and_then(|status| status.code()),
        Some(0)
    );
    let mut waiting = RawClient::connect(server.address());
    waiting.send(UPGRADE);
    let next = start_activated(&socket, &[("FANTAIL_LISTEN", "systemd:web=topics")]);
    assert!(next.is_some());
    assert_eq!(waiting.receive_response_head().status, 101);
}

#[test]
fn systemd_passes_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("socket");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("sockets can be made");
    let address = SockAddr::unix(&path).expect("the path is short");
    socket.bind(&address).expect("the directory is new");
    socket.listen(16).expect("it is bound");
    let settings = [(
        "FANTAIL_LISTEN",
        "tcp://127.0.0.1:0=topics,systemd:web=topics",
    )];
    let Some(mut server) = start_activated(&socket, &settings) else {
        return;
    };
    drop(upgrade_unix(&path));
    server.signal("TERM");
    assert_eq!(
        server.exit_within(SOON).and_then(|status| status.code()),
        Some(0)
    );
    assert!(
        path.exists(),
        "the socket is systemd's and not to be removed"
    );
}

#[test]
fn what_systemd_only_says_it_passed_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec env LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web \"$0\"",
        ])
        .arg(env!("CARGO_BIN_EXE_fantail"))
        .env("FANTAIL_LISTEN", "systemd:web=topics")
        .current_dir(directory.path());
    let outcome = run_within(SOON, &mut command);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("not used: Bad file descriptor"),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("systemd passed no socket"),
        "{outcome:?}"
    );
}

/// The next message to the service manager.
#[track_caller]
fn next_notice(manager: &UnixDatagram) -> String {
    let mut message = [0; 4096];
    let length = manager
        .recv(&mut message)
        .expect("the server says something");
    String::from_utf8_lossy(&message[..length])
        .trim()
        .to_owned()
}

#[test]
fn systemd_hears_how_it_goes() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("the directory is new");
    manager
        .set_read_timeout(Some(SOON))
        .expect("it is not zero");
    let mut server = Server::start(&[
        ("NOTIFY_SOCKET", &path.to_string_lossy()),
        ("WATCHDOG_USEC", "200000"),
    ]);
    assert_eq!(next_notice(&manager), "READY=1");
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(next_notice(&manager), "WATCHDOG=1");
    }
    // Twice as often as it has to: with nothing to do, the loop turns only for this.
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(300), "5 in {elapsed:?}");
    assert!(elapsed < Duration::from_millis(900), "5 in {elapsed:?}");

    let next = || {
        loop {
            let notice = next_notice(&manager);
            if notice != "WATCHDOG=1" {
                break notice;
            }
        }
    };
    server.signal("HUP");
    let notice = next();
    assert!(
        notice.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{notice}"
    );
    assert_eq!(next(), "READY=1");
    server.signal("TERM");
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(
        server.exit_within(SOON).and_then(|status| status.code()),
        Some(0)
    );
}

#[test]
fn stopping_tells_the_clients_when_to_come_back() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[("FANTAIL_LIMITS_DRAIN", "1s")]);
        let mut clients: Vec<_> = (0..250)
            .map(|_| RawClient::upgrade(server.address(), "/demo"))
            .collect();
        let mut silent = RawClient::connect(server.address());
        silent.send(b"GET /de");
        clients[0].send_text("before");
        server.signal(signal);
        let mut hints = Vec::new();
        for (index, client) in clients.iter_mut().enumerate() {
            if index > 0 {
                assert_eq!(client.receive_text(), "before");
            }
            let frame = client.receive_frame();
            assert_eq!(frame.close_code(), Some(1001), "{frame:?}");
            let reason = frame.close_reason();
            let hint = reason.strip_prefix("server stops; retry in ");
            let seconds = hint.and_then(|hint| hint.strip_suffix(" s")?.parse::<u32>().ok());
            hints.push(seconds.unwrap_or_else(|| panic!("{reason:?}")));
            client.send_frame(&Frame::close(1001, ""));
            assert_eq!(client.receive_end(), End::Closed);
        }
        silent.receive_end();
        drop(clients);
        let status = server.exit_within(SOON).expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}");
        // Not all of them at once.
        hints.sort_unstable();
        hints.dedup();
        assert!(hints.len() >= 5, "{hints:?}");
    }
}

#[test]
fn while_it_stops_nobody_new_is_let_in_and_a_second_signal_ends_it() {
    let mut server = Server::start(&[("FANTAIL_LIMITS_DRAIN", "30s")]);
    // It never answers the close frame.
    let mut stubborn = RawClient::upgrade(server.address(), "/demo");
    server.signal("TERM");
    assert_eq!(stubborn.receive_close(), 1001);
    std::net::TcpStream::connect(server.address()).expect_err("nobody listens any more");
    assert_eq!(server.exit_within(Duration::from_millis(300)), None);
    server.signal("TERM");
    let status = server
        .exit_within(Duration::from_secs(1))
        .expect("it ends at once");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_client_that_does_not_answer_keeps_it_for_the_close_time_only() {
    let mut server = Server::start(&[
        ("FANTAIL_LIMITS_DRAIN", "0s"),
        ("FANTAIL_LIMITS_CLOSE_TIME", "1s"),
        ("FANTAIL_LIMITS_LINGER_TIME", "500ms"),
    ]);
    let mut stubborn = RawClient::upgrade(server.address(), "/demo");
    server.signal("TERM");
    assert_eq!(stubborn.receive_close(), 1001);
    let begun = Instant::now();
    let status = server.exit_within(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(
        begun.elapsed() > Duration::from_millis(700),
        "{:?}",
        begun.elapsed()
    );
}

/// Writes the server's configuration file and has it read.
#[track_caller]
fn reload(server: &Server, text: &str, outcome: &str) {
    fs::write(server.directory().join("fantail.toml"), text).expect("the directory is ours");
    let before = server.log().matches(outcome).count();
    server.signal("HUP");
    wait_until(outcome, SOON, || {
        server.log().matches(outcome).count() > before
    });
}

#[test]
fn a_reload_changes_what_can_be_changed() {
    let server = Server::start(&[]);
    let debug_lines = || server.log().matches("\"level\":\"debug\"").count();
    // From here on only what is worth knowing is logged, which is the default.
    reload(&server, "", "\"reloaded: ");
    let before = debug_lines();
    let mut early = RawClient::upgrade(server.address(), "/demo");
    let mut partner = RawClient::upgrade(server.address(), "/demo");
    partner.synchronise();
    assert_eq!(debug_lines(), before, "{}", server.log());

    reload(
        &server,
        "[topics]\nsecret = \"first\"\norigins = [\"http://good.example\"]\nmessage = 1000\n\
         [log]\nlevel = \"debug\"\n",
        "\"reloaded: ",
    );
    // Who is here stays as it was granted.
    early.send_text("hello");
    assert_eq!(partner.receive_text(), "hello");
    // Limits hold for everybody.
    early.send_binary(&[0; 1001]);
    assert_eq!(early.receive_close(), 1009);

    let mut stranger = RawClient::connect(server.address());
    let response = stranger.try_upgrade("/demo", &[("Origin", "http://bad.example")]);
    assert_eq!(response.status, 403);
    let show_token = |secret: &str, accepted: bool| {
        let mut client = RawClient::upgrade(server.address(), "/demo");
        client.send_text(&token("/demo", secret));
        let answer: Value = serde_json::from_str(&client.receive_text()).expect("it is JSON");
        assert_eq!(answer["authorised"], accepted, "{answer}");
        client
    };
    let mut newcomer = show_token("first", true);
    newcomer.send_text("hi");
    assert_eq!(partner.receive_text(), "hi");
    assert!(debug_lines() > before, "{}", server.log());

    // A file with a fault changes nothing, and the log says what is wrong with it.
    reload(
        &server,
        "[topics]\nsecret = \"second\"\nmesage = 1\n",
        "not reloaded",
    );
    let log = server.log();
    assert!(
        log.contains("fantail.toml:3") && log.contains("mesage"),
        "{log}"
    );
    show_token("second", false);
    show_token("first", true);

    reload(&server, "[topics]\nsecret = \"second\"\n", "\"reloaded: ");
    show_token("second", true);
    show_token("first", false);
    reload(
        &server,
        "[[listen]]\naddress = \"tcp://127.0.0.1:1\"\n[topics]\nsecret = \"third\"\n",
        "\"reloaded: ",
    );
    show_token("third", true);
}

#[test]
fn the_log_is_text_or_json() {
    let json = Server::start(&[("FANTAIL_LOG_LEVEL", "debug")]);
    let text = Server::start(&[
        ("FANTAIL_LOG_LEVEL", "debug"),
        ("FANTAIL_LOG_FORMAT", "text"),
    ]);
    for server in [&json, &text] {
        let mut client = RawClient::upgrade(server.address(), "/demo");
        let peer = client.local_address();
        client.send_frame(&Frame::new(Opcode(3), *b""));
        assert_eq!(client.receive_close(), 1002);
        wait_until("the end is logged", SOON, || {
            server.log().contains("unknown opcode")
        });
        assert!(server.log().contains(&peer.to_string()), "{}", server.log());
    }
    for line in json.log().lines() {
        let record: Value = serde_json::from_str(line).expect("each line is an object");
        for name in ["time", "level", "target", "message"] {
            assert!(record[name].is_string(), "{line}");
        }
        if record["reason"] == "unknown opcode" {
            assert_eq!(record["dialect"], "topics", "{line}");
            assert_eq!(record["code"], 1002, "{line}");
            assert!(!record["connection"].is_null(), "{line}");
        }
    }
    let log = text.log();
    let line = log.lines().find(|line| line.contains("unknown opcode"));
    let line = line.expect("it was there");
    assert!(
        line.contains(" DEBUG ") && line.contains("reason=\"unknown opcode\""),
        "{line}"
    );
    serde_json::from_str::<Value>(line).expect_err("text is not JSON");
}

/// Something that would end a line or command a terminal, if it got through.
const WILD: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2028}";

#[test]
fn nothing_that_a_peer_sends_commands_the_log() {
    for format in ["json", "text"] {
        let server = Server::start(&[
            ("FANTAIL_LOG_LEVEL", "trace"),
            ("FANTAIL_LOG_FORMAT", format),
            ("FANTAIL_TOPICS_ORIGINS", "http://good.example"),
        ]);
        let headers = [
            vec![("User-Agent", WILD)],
            vec![("Origin", WILD)],
            vec![("X-Forwarded-For", WILD)],
            vec![("Sec-WebSocket-Protocol", WILD)],
            vec![("Sec-WebSocket-Version", WILD)],
        ];
        for path in ["/demo", &format!("/{WILD}"), "/%1b%5b2J%0a%0d"] {
            for header in &headers {
                let mut client = RawClient::connect(server.address());
                let response = client.try_upgrade(path, header);
                if response.status == 101 {
                    client.send_text(WILD);
                    client.send_frame(&Frame::close(4000, WILD));
                    client.receive_close();
                }
            }
        }
        let mut client = RawClient::connect(server.address());
        client.send(format!("GET /{WILD} HTTP/1.1\r\nHost: \u{1b}\n{WILD}\r\n\r\n").as_bytes());
        assert_eq!(client.receive_response().status, 400);
        let mut last = RawClient::connect(server.address());
        last.send(b"nonsense\r\n\r\n");
        let peer = last.local_address().to_string();
        assert_eq!(last.receive_response().status, 400);
        wait_until("all is logged", SOON, || server.log().contains(&peer));
        let log = server.log();
        assert!(log.lines().count() > 15, "{log}");
        let wild = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2028}');
        assert!(!log.contains(wild), "{:?}", log.chars().find(|c| wild(*c)));
        for line in log.lines() {
            match format {
                "json" => assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}"),
                _ => assert!(line.starts_with("20"), "a forged line: {line}"),
            }
        }
    }
}

#[test]
fn no_token_and_no_secret_is_ever_logged() {
    const SECRET: &str = "canary-of-the-secret";
    const NEXT_SECRET: &str = "canary-of-the-next-one";
    let mut server = Server::start(&[("FANTAIL_LOG_LEVEL", "trace")]);
    let mut canaries = vec![SECRET.to_owned(), NEXT_SECRET.to_owned()];
    for secret in [SECRET, NEXT_SECRET] {
        let text = format!("[topics]\nsecret = \"{secret}\"\n[log]\nlevel = \"trace\"\n");
        // The level comes from the environment.
        reload(&server, &text, "\"reloaded: ");
        for signed_with in [SECRET, NEXT_SECRET] {
            let token = token("/demo", signed_with);
            let mut client = RawClient::upgrade_with(
                server.address(),
                &format!("/demo?code={token}"),
                &[("Authorization", &token), ("Cookie", &token)],
            );
            client.send_text(&token);
            client.receive_text();
            let head = format!(
                "POST /demo HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
                 Content-Length: 1\r\n\r\nx"
            );
            let mut poster = RawClient::connect(server.address());
            poster.send(head.as_bytes());
            poster.receive_response();
            // And where something is wrong with the request.
            let mut broken = RawClient::connect(server.address());
            broken
                .send(format!("GET /{token} HTTP/1.1\r\nAuthorization {token}\r\n\r\n").as_bytes());
            broken.receive_response();
            canaries.push(token);
        }
    }
    let broken = format!("[topics]\nsecret = \"{SECRET}\"\nsecret = {NEXT_SECRET}\n");
    reload(&server, &broken, "not reloaded");
    server.signal("TERM");
    assert!(server.exit_within(SOON).is_some());
    wait_until("the end is logged", SOON, || {
        server.log().contains("stopped")
    });
    let log = server.log();
    assert!(log.lines().count() > 10, "{log}");
    for canary in canaries {
        for part in canary.split('.') {
            // The header of a token is the same for all and no secret.
            if part.len() > 15 && !part.starts_with("eyJhbGci") {
                assert!(!log.contains(part), "{part} was logged");
            }
        }
    }
}
