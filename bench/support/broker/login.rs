//! A flood of logins with a wrong password, at a fixed rate, in the gaps of another measurement.

use super::request;
use crate::support::Outcome;
use crate::support::client::connect;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// `slow:wrong`, for which bcrypt takes its time.
const WRONG: &str = "c2xvdzp3cm9uZw==";

/// Logins that wait for an answer, at most: more than the server verifies at once.
const WAITING: usize = 200;

/// The flood.
pub(crate) struct Flood {
    address: SocketAddr,
    request: String,
    period: Duration,
    next: Instant,
    waiting: VecDeque<TcpStream>,
    /// Logins that were sent.
    pub(crate) sent: usize,
    /// Those of them that were rejected while somebody waited for that.
    pub(crate) rejected: usize,
}

impl Flood {
    /// So many logins a second.
    pub(crate) fn new(address: SocketAddr, rate: u32) -> Self {
        Self {
            address,
            request: request(address, WRONG),
            period: Duration::from_secs(1) / rate,
            next: Instant::now(),
            waiting: VecDeque::new(),
            sent: 0,
            rejected: 0,
        }
    }

    /// Does what is due: at most one login, and a look at the oldest.
    ///
    /// # Errors
    /// If a connection cannot be made, or a login succeeds.
    pub(crate) fn step(&mut self) -> Outcome<()> {
        if Instant::now() < self.next {
            return Ok(());
        }
        self.next += self.period;
        let mut stream = connect(self.address, None)?;
        stream.write_all(self.request.as_bytes())?;
        stream.set_nonblocking(true)?;
        self.waiting.push_back(stream);
        self.sent += 1;
        if self.waiting.len() > WAITING
            && let Some(mut oldest) = self.waiting.pop_front()
        {
            let mut buffer = [0; 1024];
            match oldest.read(&mut buffer) {
                Ok(read) => {
                    let answer = buffer.get(..read).unwrap_or_default();
                    if !String::from_utf8_lossy(answer).contains("Rejected") {
                        return Err("a wrong password is not rejected".into());
                    }
                    self.rejected += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
