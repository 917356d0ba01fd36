//! Live messages at a fixed rate, and how long each takes to each receiver, while something else
//! happens or not. The driver never sleeps, so that waking it up is no part of what is measured.

use super::{Broker, BrokerClient};
use crate::support::Outcome;
use crate::support::server::Program;
use crate::support::statistics::percentile;
use std::time::{Duration, Instant};

/// A delivery that takes longer is taken for lost.
const LOST: Duration = Duration::from_secs(10);

/// How a live message begins; its number follows.
const BEGINNING: &str = r#"{"command":"send-message","channel":"live","data":[""#;

/// Delivery times in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<u32>);

impl Times {
    /// In microseconds, what `percent` percent of the deliveries take at most.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        f64::from(percentile(&sorted, percent)) / 1000.0
    }

    /// In microseconds, what each delivery takes at most.
    pub(crate) fn longest(&self) -> f64 {
        f64::from(self.0.iter().copied().max().unwrap_or_default()) / 1000.0
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// A broker, a sender and its receivers.
pub(crate) struct Live {
    pub(crate) broker: Broker,
    sender: BrokerClient,
    receivers: Vec<BrokerClient>,
    period: Duration,
    sent_at: Vec<Instant>,
}

impl Live {
    /// Starts and connects them; `rate` messages a second.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn start(program: &Program, receivers: usize, rate: u32) -> Outcome<Self> {
        Self::with(Broker::start(program)?, receivers, rate)
    }

    /// Connects them to a broker that runs.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn with(broker: Broker, receivers: usize, rate: u32) -> Outcome<Self> {
        let address = broker.server.address();
        let receivers = (0..receivers).map(|_| {
            let mut receiver = BrokerClient::open(address)?;
            receiver.send(r#"{"command":"receive-message","channel":"live"}"#, 1)?;
            Ok(receiver)
        });
        let mut live = Self {
            receivers: receivers.collect::<Outcome<_>>()?,
            sender: BrokerClient::open(address)?,
            broker,
            period: Duration::from_secs(1) / rate,
            sent_at: Vec::new(),
        };
        // Receivers look for what was kept first.
        std::thread::sleep(Duration::from_millis(100));
        live.measure(live.period * 10, || Ok(()))?;
        Ok(live)
    }

    /// Sends for so long, and does something else in between.
    ///
    /// # Errors
    /// If a message is lost, or comes out of order.
    pub(crate) fn measure(
        &mut self,
        time: Duration,
        mut meanwhile: impl FnMut() -> Outcome<()>,
    ) -> Outcome<Times> {
        let mut times = Times::default();
        let start = Instant::now();
        let (mut due, mut awaited) = (Duration::ZERO, 0);
        while due < time || times.0.len() < awaited {
            if due < time && start.elapsed() >= due {
                let command = format!("{BEGINNING}{:08}\"]}}", self.sent_at.len());
                self.sent_at.push(Instant::now());
                self.sender.send(&command, 1)?;
                awaited += self.receivers.len();
                due += self.period;
            } else {
                meanwhile()?;
            }
            for receiver in &mut self.receivers {
                receiver.receive(|text| {
                    let sent_at = number(text).and_then(|number| self.sent_at.get(number));
                    let sent_at = sent_at.ok_or("a message that was not sent")?;
                    let time = sent_at.elapsed().as_nanos();
                    times.0.push(u32::try_from(time).unwrap_or(u32::MAX));
                    Ok(())
                })?;
            }
            if start.elapsed() > time + LOST {
                let lacking = awaited - times.0.len();
                return Err(format!("{lacking} deliveries have not come in {LOST:?}").into());
            }
        }
        Ok(times)
    }
}

fn number(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(BEGINNING.as_bytes())?;
    std::str::from_utf8(rest.get(..8)?).ok()?.parse().ok()
}
