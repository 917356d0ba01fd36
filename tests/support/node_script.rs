//! A script of Node that runs beside its test and asks it for things.

use super::child::exit_within;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running script, killed when this value is dropped.
#[derive(Debug)]
pub struct NodeScript {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl NodeScript {
    /// Starts it.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("it is a pipe");
        let stdout = child.stdout.take().expect("it is a pipe");
        let mut stderr = child.stderr.take().expect("it is a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if line.is_ok_and(|line| sender.send(line).is_ok()) {
                    continue;
                }
                return;
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            child,
            stdin,
            lines,
            stderr: Some(stderr),
        }
    }

    /// Does what it asks for (`please WHAT` on a line of its standard output) until it ends, which
    /// has to be with 0 and within `limit`.
    #[track_caller]
    pub fn serve(mut self, limit: Duration, mut serve: impl FnMut(&str)) {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(what) = line.strip_prefix("please ") {
                        serve(what);
                        // If it has ended meanwhile, its status tells.
                        let _ = self.stdin.write_all(b"done\n");
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running after {limit:?}\n{}", self.kill())
                }
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        let status = exit_within(left, &mut self.child);
        let success = status.is_some_and(|status| status.success());
        assert!(success, "{status:?}\n{}", self.kill());
    }

    /// The first line of its standard output.
    #[track_caller]
    pub fn first_line(&self, limit: Duration) -> String {
        self.lines.recv_timeout(limit).expect("it says something")
    }

    /// Ends it; what it wrote to standard error.
    fn kill(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self.stderr.take().map(JoinHandle::join);
        stderr.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for NodeScript {
    fn drop(&mut self) {
        let said = self.kill();
        if thread::panicking() && !said.is_empty() {
            eprintln!("--- what a script said\n{said}");
        }
    }
}
