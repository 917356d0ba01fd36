//! Fan-out: a publisher sends, every receiver gets each message once and in order, and the
//! server's processor time is divided by the deliveries.

use super::Outcome;
use super::audience::Audience;
use super::cost::Cost;
use super::publisher::Publisher;
use super::rounds::Session;
use super::server::{Program, Server};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A server that delivers nothing for so long has lost something.
const STALL: Duration = Duration::from_secs(5);

/// Lets caches, allocators and congestion windows settle.
const WARM_UP: Duration = Duration::from_millis(30);

/// How long to look for messages that nobody sent.
const AFTERMATH: Duration = Duration::from_millis(20);

/// How the publisher sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Pattern {
    /// One message; the next when all have received it.
    Single,
    /// 16 messages in one segment; the next 16 when all have received them.
    Segment,
    /// 16 messages in flight, each in a segment of its own.
    InFlight,
}

impl Pattern {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Single, Self::Segment, Self::InFlight];

    /// What the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "one at a time",
            Self::Segment => "16 in a segment",
            Self::InFlight => "16 in flight",
        }
    }

    /// Messages sent in one segment.
    fn batch(self) -> u64 {
        match self {
            Self::Single | Self::InFlight => 1,
            Self::Segment => 16,
        }
    }

    /// Messages that are sent and not yet received by all.
    fn window(self) -> u64 {
        match self {
            Self::Single => 1,
            Self::Segment | Self::InFlight => 16,
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) receivers: usize,
    /// Bytes of a message's payload; at least 8, for its number.
    pub(crate) payload: u16,
    pub(crate) pattern: Pattern,
}

/// Messages on their way: how many receivers lack each, the oldest first.
struct InFlight {
    receivers: usize,
    lacking: VecDeque<usize>,
    /// The number of the oldest one: all before it have arrived everywhere.
    completed: u64,
}

impl InFlight {
    fn sent(&mut self, messages: u64) {
        self.lacking.extend((0..messages).map(|_| self.receivers));
    }

    fn arrived(&mut self, number: u64) {
        let index = usize::try_from(number - self.completed).unwrap_or(usize::MAX);
        if let Some(lacking) = self.lacking.get_mut(index) {
            *lacking -= 1;
        }
        while self.lacking.front() == Some(&0) {
            self.lacking.pop_front();
            self.completed += 1;
        }
    }
}

/// A server, a publisher and its audience.
pub(crate) struct FanOut {
    server: Server,
    pattern: Pattern,
    publisher: Publisher,
    audience: Audience,
    in_flight: InFlight,
}

impl FanOut {
    /// Starts the server, connects everybody and lets some messages pass.
    ///
    /// # Errors
    /// If the server cannot be started or fails already.
    pub(crate) fn start(program: &Program, case: Case) -> Outcome<Self> {
        let server = program.start()?;
        let audience = Audience::connect(server.address(), case.receivers, case.payload)?;
        let publisher = Publisher::connect(server.address(), case.payload)?;
        Self::of(server, case.pattern, publisher, audience)
    }

    /// As [`Self::start`], with receivers that take compressed messages.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_compressed(program: &Program, case: Case) -> Outcome<Self> {
        let server = program.start_with(&[("FANTAIL_TOPICS_COMPRESSION", "true")])?;
        let window = usize::try_from(case.pattern.window())?;
        let (address, payload) = (server.address(), case.payload);
        let audience = Audience::connect_compressed(address, case.receivers, payload, window)?;
        let publisher = Publisher::connect(address, payload)?;
        Self::of(server, case.pattern, publisher, audience)
    }

    /// The fan-out from this publisher to this audience; lets some messages pass.
    ///
    /// # Errors
    /// If the server fails already.
    pub(crate) fn of(
        server: Server,
        pattern: Pattern,
        publisher: Publisher,
        audience: Audience,
    ) -> Outcome<Self> {
        let in_flight = InFlight {
            receivers: audience.len(),
            lacking: VecDeque::new(),
            completed: 0,
        };
        let mut fan_out = Self {
            server,
            pattern,
            publisher,
            audience,
            in_flight,
        };
        fan_out.run(WARM_UP)?;
        Ok(fan_out)
    }

    /// Sends for as long as `duration` and waits until all has arrived.
    fn run(&mut self, duration: Duration) -> Outcome<()> {
        let start = Instant::now();
        loop {
            if start.elapsed() < duration {
                self.fill_window()?;
            } else if self.in_flight.completed == self.publisher.sent() {
                return Ok(());
            }
            let in_flight = &mut self.in_flight;
            if !self
                .audience
                .receive(STALL, |number| in_flight.arrived(number))?
            {
                return Err(self.stalled());
            }
        }
    }

    fn fill_window(&mut self) -> Outcome<()> {
        let (batch, window) = (self.pattern.batch(), self.pattern.window());
        while self.publisher.sent() + batch <= self.in_flight.completed + window {
            self.publisher.send(batch)?;
            self.in_flight.sent(batch);
        }
        Ok(())
    }

    fn stalled(&self) -> Box<dyn std::error::Error> {
        let number = self.in_flight.completed;
        let lacking = self.in_flight.lacking.front().copied().unwrap_or_default();
        let all = self.in_flight.receivers;
        format!("for {STALL:?} message {number} has not come to {lacking} of {all} receivers")
            .into()
    }
}

impl Session for FanOut {
    type Finding = Cost;

    fn measure(&mut self, slice: Duration) -> Outcome<Cost> {
        let (sent, time) = (self.publisher.sent(), self.server.processor_time()?);
        self.run(slice)?;
        let messages = self.publisher.sent() - sent;
        Ok(Cost {
            units: messages * self.audience.len() as u64,
            processor_time: self.server.processor_time()? - time,
        })
    }

    /// Checks that nothing arrives any more, once all has.
    fn finish(mut self) -> Outcome<()> {
        let mut number = None;
        self.audience
            .receive(AFTERMATH, |arrived| number = Some(arrived))?;
        match number {
            Some(number) => Err(format!("message {number} has come, which nobody sent").into()),
            None => Ok(()),
        }
    }
}
