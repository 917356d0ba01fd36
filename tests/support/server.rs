//! The real binary as a child process.

use super::canaries;
use super::child::exit_within;
use super::process::signal;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end after TERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// How long the last of its log may take to arrive.
const LOG_LIMIT: Duration = Duration::from_secs(1);

/// What there is to say, all of it is said, so that secrets in it are found.
const CONFIGURATION: &str = "[log]\nlevel = \"trace\"\n";

/// A running server with a directory of its own, stopped when this value is dropped.
///
/// It listens on a free port of loopback and knows no configuration but what its test gives it, and
/// that it logs everything. No secret may be in what it has logged and written.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
    output: Gathered,
    log: Gathered,
    secrets: Vec<String>,
}

/// What a stream has brought so far.
#[derive(Debug)]
struct Gathered {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts the binary with `settings` as its environment: `("FANTAIL_TOPICS_SECRET", "x")`.
    ///
    /// Unless said otherwise it serves topics and ends at once when stopped.
    #[track_caller]
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_below(&[], settings)
    }

    /// As [`Server::start`], below a program that executes the rest of its arguments in its own
    /// place: `&["prlimit", "--nofile=64"]`.
    #[track_caller]
    pub fn start_below(wrapper: &[&str], settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        // The first place where a configuration is looked for: no other file counts then.
        fs::write(directory.path().join("fantail.toml"), CONFIGURATION)
            .expect("the directory is new");

        let mut command = command(wrapper);
        keep_apart(&mut command, directory.path());
        let mut child = command
            .env("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics")
            .env("FANTAIL_LIMITS_DRAIN", "0s")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));

        let (line_sender, lines) = channel();
        let output = gather(child.stdout.take(), Some(line_sender));
        let log = gather(child.stderr.take(), None);
        let address = loop {
            match lines.recv_timeout(START_LIMIT) {
                Ok(line) => {
                    if let Some(address) = announced_address(&line) {
                        break address;
                    }
                }
                Err(error) => give_up(&mut child, error, &output, &log),
            }
        };
        let secrets = canaries::of_settings(settings, directory.path());
        Self {
            child,
            address,
            directory,
            output,
            log,
            secrets,
        }
    }

    /// Where the server listens: the first `ws://` address that it announced.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A WebSocket URL; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// An HTTP URL; `path` begins with a slash.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The server's working directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The address of the control port that the server has by default.
    pub fn control_address(&self) -> String {
        format!("unix://{}", self.control_socket().display())
    }

    /// The control socket that the server has by default.
    pub fn control_socket(&self) -> PathBuf {
        self.directory().join("fantail/control.sock")
    }

    /// What the server has written to standard output so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Sends the server a signal: `"TERM"`, `"HUP"`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Ends the server as the system does when it runs out of memory.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("who is killed ends");
    }

    /// Whether the server still runs.
    pub fn is_running(&mut self) -> bool {
        exit_within(Duration::ZERO, &mut self.child).is_none()
    }

    /// Waits until the server has ended; `None` if it still runs after `limit`.
    pub fn exit_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        exit_within(limit, &mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal("TERM");
            if self.exit_within(STOP_LIMIT).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        if thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
            return;
        }
        for gathered in [&self.log, &self.output] {
            gathered.wait();
            let text = gathered.text();
            if let Some(secret) = canaries::find(&text, &self.secrets) {
                panic!("the secret {secret:?} is in the log\n{text}");
            }
        }
    }
}

/// The binary that cargo built, for another of its commands than to serve, with `directory` as its
/// working directory and no configuration but what is there.
pub fn fantail(directory: &Path) -> Command {
    let mut command = command(&[]);
    keep_apart(&mut command, directory);
    command
}

/// The binary that cargo built, or with `TESTS_BINARY` another one (a release build).
fn command(wrapper: &[&str]) -> Command {
    let binary = env::var_os("TESTS_BINARY")
        .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_fantail")));
    match wrapper {
        [] => Command::new(binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    }
}

/// No configuration, service manager or user's directory of the machine reaches the server.
fn keep_apart(command: &mut Command, directory: &Path) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("FANTAIL_") {
            command.env_remove(name);
        }
    }
    for name in [
        "RUST_LOG",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(name);
    }
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
        command.env(name, directory);
    }
    command.current_dir(directory);
}

fn announced_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("ws://")?;
    let end = rest
        .find(|character: char| character.is_whitespace() || character == '/')
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Keeps what a stream brings, and passes each line on to whoever still listens.
fn gather(stream: Option<impl Read + Send + 'static>, lines: Option<Sender<String>>) -> Gathered {
    let gathered = Arc::new(Mutex::new(String::new()));
    let target = Arc::clone(&gathered);
    let thread = thread::spawn(move || {
        let Some(stream) = stream else { return };
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            let part = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&part);
            if let Some(lines) = &lines {
                let _ = lines.send(part);
            }
        }
    });
    Gathered {
        text: gathered,
        thread,
    }
}

impl Gathered {
    fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    /// Waits for the end of the stream; not for long, since somebody else may hold it open.
    fn wait(&self) {
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < LOG_LIMIT {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[track_caller]
fn give_up(child: &mut Child, error: RecvTimeoutError, output: &Gathered, log: &Gathered) -> ! {
    let _ = child.kill();
    let status = child.wait();
    // The other end of the pipes is gone; what is left in them takes a moment to be gathered.
    thread::sleep(Duration::from_millis(50));
    panic!(
        "the server announced no ws:// address ({error}, {status:?})\n--- output\n{}--- log\n{}",
        output.text(),
        log.text()
    );
}
