//! Scripts and pages in PHP, run by php-cli.

use super::{Outcome, require, run_within, wait_until};
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a script may run before its test fails.
pub const SCRIPT_LIMIT: Duration = Duration::from_secs(30);

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An address of loopback where nobody listens yet.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it is bound")
}

/// php-cli.
#[derive(Debug, Clone)]
pub struct Php(PathBuf);

impl Php {
    /// PHP, or `None` if it is not installed, as [`require`].
    #[track_caller]
    pub fn require() -> Option<Self> {
        require("php").map(Self)
    }

    /// A script of the repository with its arguments.
    pub fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(root().join(script)).args(arguments);
        command
    }

    /// Runs a script, which must succeed.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &[&str]) -> Outcome {
        let outcome = run_within(SCRIPT_LIMIT, &mut self.command(script, arguments));
        outcome.expect_success();
        outcome
    }

    /// Whether a file can be parsed; panics with PHP's words if not.
    #[track_caller]
    pub fn check(&self, file: &Path) {
        run_within(SCRIPT_LIMIT, Command::new(&self.0).arg("-l").arg(file)).expect_success();
    }

    /// Starts a script that tells line by line what it does.
    pub fn start(&self, script: &str, arguments: &[&str]) -> Script {
        Self::start_command(self.command(script, arguments))
    }

    /// As [`Php::start`], a command of [`Php::command`] with an environment of its own.
    pub fn start_command(mut command: Command) -> Script {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("php starts");
        let stdout = child.stdout.take().expect("it is a pipe");
        Script {
            stdin: child.stdin.take(),
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Serves a page of the repository with PHP's own server.
    pub fn serve(&self, page: &str, settings: &[(&str, String)]) -> Page {
        let address = free_address();
        let child = Command::new(&self.0)
            .args(["-d", "session.save_path="])
            .args(["-S", &address.to_string()])
            .arg(root().join(page))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php starts");
        let page = Page { child, address };
        wait_until("the page is served", SCRIPT_LIMIT, || {
            TcpStream::connect(address).is_ok()
        });
        page
    }
}

/// A running script, which is killed when this value is dropped.
#[derive(Debug)]
pub struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// The next line that it says.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let line = self.lines.next().expect("the script says something");
        line.expect("it is UTF-8")
    }

    /// Ends its standard input, for which a script may wait.
    pub fn go_on(&mut self) {
        self.stdin = None;
    }

    /// Waits until it ends.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait_until("the script ends", SCRIPT_LIMIT, || {
            self.child.try_wait().expect("it is a child").is_some()
        });
        self.child.wait().expect("it is a child")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page that is served until this value is dropped.
#[derive(Debug)]
pub struct Page {
    child: Child,
    /// Where.
    pub address: SocketAddr,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
