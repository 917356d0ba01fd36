//! The connections of a back end: each has some requests on their way and sends the next when an
//! answer is there. Every answer is checked.

use crate::support::Outcome;
use memchr::memmem;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// What every answer begins and ends with.
const STATUS: &[u8] = b"HTTP/1.1 200 OK\r\n";
const BODY: &[u8] = b"\r\n\r\n{\"success\":true}";

/// More than all answers that a connection may have on their way.
const READ_BUFFER: usize = 64 * 1024;

/// One connection.
pub(crate) struct Caller {
    stream: TcpStream,
    in_flight: usize,
    /// An answer that isn't whole yet.
    rest: Vec<u8>,
}

impl Caller {
    /// The caller at the end of this stream.
    ///
    /// # Errors
    /// If the stream cannot be made nonblocking.
    pub(crate) fn of(stream: TcpStream) -> Outcome<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            in_flight: 0,
            rest: Vec::new(),
        })
    }

    /// The stream, to be watched.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Requests without an answer.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Sends so many requests, which are there one behind the other, in one segment.
    ///
    /// # Errors
    /// If the connection has ended or takes no more.
    pub(crate) fn send(&mut self, requests: &[u8], count: usize) -> Outcome<()> {
        self.stream.write_all(requests)?;
        self.in_flight += count;
        Ok(())
    }

    /// Reads what has arrived and tells how many answers that completes.
    ///
    /// # Errors
    /// If the connection has ended, or an answer is another one or was not asked for.
    pub(crate) fn receive(&mut self) -> Outcome<usize> {
        let mut buffer = [0; READ_BUFFER];
        let read = match self.stream.read(&mut buffer) {
            Ok(0) => return Err("the server has closed a connection".into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        self.rest
            .extend_from_slice(buffer.get(..read).unwrap_or_default());
        let (answers, length) = count(&self.rest)?;
        self.rest.drain(..length);
        self.in_flight = self
            .in_flight
            .checked_sub(answers)
            .ok_or("there are more answers than requests")?;
        Ok(answers)
    }
}

/// How many whole answers there are, and how long they are.
fn count(bytes: &[u8]) -> Outcome<(usize, usize)> {
    let (mut answers, mut length) = (0, 0);
    while let Some(rest) = bytes.get(length..) {
        let Some(end) = memmem::find(rest, b"\r\n\r\n").map(|at| at + BODY.len()) else {
            break;
        };
        let Some(answer) = rest.get(..end) else {
            break;
        };
        if !answer.starts_with(STATUS) || !answer.ends_with(BODY) {
            let answer = String::from_utf8_lossy(answer);
            return Err(format!("an answer is not as expected: {answer:?}").into());
        }
        answers += 1;
        length += end;
    }
    Ok((answers, length))
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers_are_counted_and_others_are_errors() {
        let answer = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n{\"success\":true}";
        let two = [answer.as_slice(), answer].concat();
        for (length, expected) in [
            (0, (0, 0)),
            (answer.len() - 1, (0, 0)),
            (answer.len(), (1, answer.len())),
            (two.len() - 1, (1, answer.len())),
            (two.len(), (2, two.len())),
        ] {
            assert_eq!(count(&two[..length]).unwrap(), expected, "{length}");
        }
        for wrong in [
            "HTTP/1.1 400 Bad Request\r\n\r\n{\"success\":true}",
            "HTTP/1.1 200 OK\r\n\r\n{\"success\":fals}",
        ] {
            assert!(count(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
