//! Running another program to its end, within a time limit.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Panics with all that the program said unless it ended with 0.
    #[track_caller]
    pub fn expect_success(&self) {
        assert!(
            self.status.success(),
            "{}\n--- standard output\n{}\n--- standard error\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
    }
}

/// Runs `command` without standard input. Kills it and panics if it takes longer than `limit`.
#[track_caller]
pub fn run_within(limit: Duration, command: &mut Command) -> Outcome {
    run_with_input(limit, command, b"")
}

/// As [`run_within`], with `input` as standard input.
#[track_caller]
pub fn run_with_input(limit: Duration, command: &mut Command, input: &[u8]) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let input = input.to_vec();
    // A program that does not want it all closes the pipe, or ends.
    thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());

    let status = exit_within(limit, &mut child);
    let outcome = |status| Outcome {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    };
    match status {
        Some(status) => outcome(status),
        None => {
            child.kill().expect("the program can be killed");
            let outcome = outcome(child.wait().expect("the program ends when killed"));
            panic!("{name} was still running after {limit:?}: {outcome:#?}");
        }
    }
}

/// Waits until `child` has ended; `None` if it has not within `limit`.
pub fn exit_within(limit: Duration, child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if start.elapsed() >= limit {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What arrived before an error is worth showing too.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
