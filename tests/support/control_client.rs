//! A program on the control port that sends exactly the bytes it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a program waits for the server before its test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a control socket.
#[derive(Debug)]
pub struct ControlClient {
    stream: UnixStream,
    received: Vec<u8>,
}

impl ControlClient {
    /// Connects, and says nothing yet.
    #[track_caller]
    pub fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path)
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", path.display()));
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("the time is not zero");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("sending {} bytes: {error}", bytes.len());
        }
    }

    /// Sends bytes; false if the server has ended the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        // It fails if the server was faster.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Waits for the next frame: its letter and its payload.
    #[track_caller]
    pub fn receive(&mut self) -> (char, Vec<u8>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = take(&mut self.received) {
                return frame;
            }
            assert!(self.read_more(deadline), "the end instead of a frame");
        }
    }

    /// Sends a command and waits for an answer, both written as on the wire.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.send(command.as_bytes());
        let (letter, payload) = self.receive();
        format!(
            "{}{letter}{}",
            payload.len(),
            String::from_utf8_lossy(&payload)
        )
    }

    /// Waits until the server ends the connection, and gives all that came before.
    #[track_caller]
    pub fn receive_all(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while self.read_more(deadline) {}
        std::mem::take(&mut self.received)
    }

    /// Reads once; false at the end.
    #[track_caller]
    fn read_more(&mut self, deadline: Instant) -> bool {
        let time_left = deadline.saturating_duration_since(Instant::now());
        assert!(!time_left.is_zero(), "nothing came within {PATIENCE:?}");
        self.stream
            .set_read_timeout(Some(time_left))
            .expect("the time is not zero");
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => false,
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => true,
                _ => panic!("reading: {error}"),
            },
        }
    }
}

/// Takes the first frame off `received`, if all of it is there.
#[track_caller]
fn take(received: &mut Vec<u8>) -> Option<(char, Vec<u8>)> {
    let at = received.iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = str::from_utf8(&received[..at]).expect("digits are ASCII");
    let length: usize = digits
        .parse()
        .unwrap_or_else(|_| panic!("no control frame: {}", received.escape_ascii()));
    let end = at + 1 + length;
    if received.len() < end {
        return None;
    }
    let frame: Vec<u8> = received.drain(..end).collect();
    Some((char::from(frame[at]), frame[at + 1..].to_vec()))
}
