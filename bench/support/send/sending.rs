//! A server, the connections of a back end, and the members of a channel: as many requests as the
//! server can answer, and what they cost it.

use super::callers::Caller;
use super::listeners::Listener;
use super::side::{self, Running, Side};
use crate::support::rounds::Session;
use crate::support::{Outcome, client};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::ops::AddAssign;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// A server that does nothing for so long has lost something.
const STALL: Duration = Duration::from_secs(5);

/// Lets caches, allocators and congestion windows settle.
const WARM_UP: Duration = Duration::from_millis(30);

/// How long to look for messages that nobody sent.
const AFTERMATH: Duration = Duration::from_millis(20);

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Load {
    /// One connection; the next request when the last is answered.
    Single,
    /// One connection; 16 requests in one segment, the next 16 when all are answered.
    Pipelined,
    /// 64 connections; on each, the next request when the last is answered.
    Many,
}

impl Load {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Single, Self::Pipelined, Self::Many];

    /// What the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "one connection",
            Self::Pipelined => "one, 16 pipelined",
            Self::Many => "64 connections",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::Single | Self::Pipelined => 1,
            Self::Many => 64,
        }
    }

    fn pipelined(self) -> usize {
        match self {
            Self::Single | Self::Many => 1,
            Self::Pipelined => 16,
        }
    }
}

/// What was done, and what it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Throughput {
    pub(crate) requests: u64,
    pub(crate) deliveries: u64,
    /// Of the server.
    pub(crate) processor_time: Duration,
    /// From the first request to the last answer and delivery.
    pub(crate) time: Duration,
}

impl Throughput {
    /// Processor time for one request and all its deliveries, in microseconds.
    pub(crate) fn microseconds(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.requests.max(1) as f64
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

impl AddAssign for Throughput {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.deliveries += other.deliveries;
        self.processor_time += other.processor_time;
        self.time += other.time;
    }
}

/// A server with its clients.
pub(crate) struct Sending {
    running: Running,
    poll: Poll,
    events: Events,
    /// As many requests as go out at once.
    requests: Vec<u8>,
    pipelined: usize,
    callers: Vec<Caller>,
    listeners: Vec<Listener>,
    answers: u64,
    deliveries: u64,
}

impl Sending {
    /// Starts the server, connects everybody and lets some requests pass.
    ///
    /// # Errors
    /// If the server cannot be started or fails already.
    pub(crate) fn start(side: &Side, load: Load) -> Outcome<Self> {
        let mut running = side.start()?;
        let address = running.server.address();
        let receivers = std::mem::take(&mut running.receivers);
        let listeners = receivers.into_iter().map(Listener::of);
        let listeners = listeners.collect::<Outcome<Vec<_>>>()?;
        let callers = (0..load.connections()).map(|_| Caller::of(client::connect(address, None)?));
        let callers = callers.collect::<Outcome<Vec<_>>>()?;
        let mut sending = Self {
            running,
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            requests: side::request(address).repeat(load.pipelined()),
            pipelined: load.pipelined(),
            callers,
            listeners,
            answers: 0,
            deliveries: 0,
        };
        sending.watch()?;
        sending.run(WARM_UP)?;
        Ok(sending)
    }

    /// Callers have the first tokens, listeners those behind them.
    fn watch(&self) -> Outcome<()> {
        let callers = self.callers.iter().map(Caller::stream);
        let listeners = self.listeners.iter().map(Listener::stream);
        let streams: Vec<&TcpStream> = callers.chain(listeners).collect();
        for (index, stream) in streams.into_iter().enumerate() {
            let fd = stream.as_raw_fd();
            let mut source = SourceFd(&fd);
            self.poll
                .registry()
                .register(&mut source, Token(index), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Sends for as long as `duration`, and waits for all answers and deliveries.
    fn run(&mut self, duration: Duration) -> Outcome<()> {
        let start = Instant::now();
        for caller in &mut self.callers {
            caller.send(&self.requests, self.pipelined)?;
        }
        loop {
            if !self.receive(STALL, || start.elapsed() < duration)? {
                let (answers, deliveries) = (self.answers, self.deliveries);
                return Err(format!(
                    "nothing has come for {STALL:?}, after {answers} answers and {deliveries} deliveries"
                )
                .into());
            }
            let expected = self.answers * self.listeners.len() as u64;
            let idle = self.callers.iter().all(|caller| caller.in_flight() == 0);
            if idle && self.deliveries >= expected {
                return Ok(());
            }
        }
    }

    /// Reads all that has arrived; callers whose requests are all answered send again, if they may.
    fn receive(&mut self, timeout: Duration, may_send: impl Fn() -> bool) -> Outcome<bool> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        for event in &self.events {
            let index = event.token().0;
            if let Some(caller) = self.callers.get_mut(index) {
                self.answers += caller.receive()? as u64;
                if caller.in_flight() == 0 && may_send() {
                    caller.send(&self.requests, self.pipelined)?;
                }
            } else if let Some(listener) = self.listeners.get_mut(index - self.callers.len()) {
                self.deliveries += listener.receive()? as u64;
            }
        }
        Ok(!self.events.is_empty())
    }
}

impl Session for Sending {
    type Finding = Throughput;

    fn measure(&mut self, slice: Duration) -> Outcome<Throughput> {
        let (answers, deliveries) = (self.answers, self.deliveries);
        let before = self.running.server.processor_time()?;
        let start = Instant::now();
        self.run(slice)?;
        let time = start.elapsed();
        Ok(Throughput {
            requests: self.answers - answers,
            deliveries: self.deliveries - deliveries,
            processor_time: self.running.server.processor_time()? - before,
            time,
        })
    }

    /// Checks that each message has come to everybody once.
    fn finish(mut self) -> Outcome<()> {
        while self.receive(AFTERMATH, || false)? {}
        let expected = self.answers * self.listeners.len() as u64;
        if self.deliveries == expected {
            return Ok(());
        }
        let (answers, deliveries) = (self.answers, self.deliveries);
        Err(format!("{answers} messages were sent, and {deliveries} have come in all").into())
    }
}
