//! Senders whose messages nobody receives: each has some on their way, and sends as many anew as were
//! confirmed.

use super::{Broker, BrokerClient};
use crate::support::Outcome;
use crate::support::server::Program;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of what is kept of a message, quotes included.
pub(crate) const BYTES: usize = 64;

/// Longer than any commit should take.
const LOST: Duration = Duration::from_secs(20);

/// What was kept, in which time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    pub(crate) messages: usize,
    pub(crate) transactions: usize,
    pub(crate) time: Duration,
}

impl Kept {
    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.transactions += other.transactions;
        self.time += other.time;
    }

    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    /// Messages in a transaction.
    pub(crate) fn batch(&self) -> f64 {
        self.messages as f64 / self.transactions.max(1) as f64
    }
}

/// The text that is kept.
pub(crate) fn text() -> String {
    format!("\"{}\"", "x".repeat(BYTES - 2))
}

/// A broker and its senders.
pub(crate) struct Senders {
    broker: Broker,
    clients: Vec<BrokerClient>,
    window: usize,
    command: String,
}

impl Senders {
    /// Connects senders, each of which has `window` messages on their way.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn start(program: &Program, connections: usize, window: usize) -> Outcome<Self> {
        let broker = Broker::start(program)?;
        let address = broker.server.address();
        let clients = (0..connections).map(|_| BrokerClient::open(address));
        let mut senders = Self {
            clients: clients.collect::<Outcome<_>>()?,
            broker,
            window,
            command: format!(
                r#"{{"command":"send-message","channel":"bench","data":[{}],"confirm":1}}"#,
                text()
            ),
        };
        senders.measure(Duration::from_millis(20))?;
        Ok(senders)
    }

    /// Sends for about so long, and waits for what is on its way.
    ///
    /// # Errors
    /// If a message is not kept, or a connection ends.
    pub(crate) fn measure(&mut self, time: Duration) -> Outcome<Kept> {
        let before = self.transactions()?;
        let start = Instant::now();
        let mut messages = 0;
        let mut waiting = 0;
        for client in &mut self.clients {
            client.send(&self.command, self.window)?;
            waiting += self.window;
        }
        while waiting > 0 {
            let goes_on = start.elapsed() < time;
            for client in &mut self.clients {
                let mut confirmed = 0;
                client.receive(|text| {
                    confirmed += 1;
                    check(text)
                })?;
                if confirmed > 0 && goes_on {
                    client.send(&self.command, confirmed)?;
                    waiting += confirmed;
                }
                messages += confirmed;
                waiting -= confirmed;
            }
            if start.elapsed() > time + LOST {
                return Err(format!("{waiting} confirmations have not come in {LOST:?}").into());
            }
        }
        let time = start.elapsed();
        let transactions = self.transactions()?.wrapping_sub(before) as usize;
        Ok(Kept {
            messages,
            transactions,
            time,
        })
    }

    /// Processor time of the server so far.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        self.broker.server.processor_time()
    }

    /// How many transactions the database has seen: a number in its shared memory, at a place that
    /// SQLite's description of its WAL names ("iChange").
    fn transactions(&self) -> Outcome<u32> {
        let path = PathBuf::from(self.broker.directory.path()).join("fantail.db-shm");
        let mut bytes = [0; 4];
        let mut file = File::open(path)?;
        file.read_exact(&mut [0; 8])?;
        file.read_exact_at(&mut bytes, 8)?;
        Ok(u32::from_ne_bytes(bytes))
    }
}

/// A confirmation says that the message is on the disk.
fn check(text: &[u8]) -> Outcome<()> {
    let text = String::from_utf8_lossy(text);
    if text.contains(r#""response_code":"00""#) && text.contains(r#""kept":1,"#) {
        return Ok(());
    }
    Err(format!("a message was not kept: {text}").into())
}
