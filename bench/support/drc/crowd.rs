//! Clients of DRC in one channel, all in one thread.
//!
//! Whoever knows everybody has been told of each member exactly once, by the list that came with
//! its own entry or by a note when the other joined; a receiver has been told so of itself and of
//! each authority. The sum of what all have been told is known after every join: that is how the
//! end of a join is found, and that nothing was lost or doubled.

use super::answer::{self, Tally};
use super::granter::Granter;
use super::request::{self, Role};
use crate::support::Outcome;
use crate::support::client;
use crate::support::frame::{MASK, put_client_frame};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::Duration;

const READ_BUFFER: usize = 256 * 1024;

const EVENTS: usize = 1024;

/// A server that sends nothing for so long has lost something.
const STALL: Duration = Duration::from_secs(5);

/// Connections from one source address.
const PER_SOURCE: usize = 5_000;

/// Clients that are let in at the same time while the channel fills.
const WAVE: usize = 200;

/// A client.
struct Client {
    stream: TcpStream,
    role: Role,
    joined: bool,
    token: Option<String>,
    /// The beginning of a frame that isn't whole yet.
    partial: Vec<u8>,
    tally: Tally,
}

impl Client {
    fn send(&mut self, json: &str) -> Outcome<()> {
        let mut frame = Vec::new();
        put_client_frame(&mut frame, MASK, json.as_bytes());
        Ok(self.stream.write_all(&frame)?)
    }

    /// Counts what has arrived; what is new.
    fn take(&mut self, arrived: &[u8]) -> Outcome<Tally> {
        let tally = if self.partial.is_empty() {
            let (tally, end) = answer::take(arrived)?;
            self.partial = arrived.get(end..).unwrap_or_default().to_vec();
            tally
        } else {
            self.partial.extend_from_slice(arrived);
            let (tally, end) = answer::take(&self.partial)?;
            self.partial.drain(..end);
            if self.partial.is_empty() {
                // A long list must not leave its room behind with each client.
                self.partial = Vec::new();
            }
            tally
        };
        self.tally += tally;
        Ok(tally)
    }
}

/// All clients of one server.
pub(crate) struct Crowd {
    address: SocketAddr,
    poll: Poll,
    events: Events,
    granter: Granter,
    clients: Vec<Client>,
    /// What all have received.
    tally: Tally,
    /// Authorities in the channel.
    authorities: u64,
    /// Authorities and senders in it.
    knowing_all: u64,
    /// Receivers in it.
    receivers: u64,
    buffer: Box<[u8]>,
}

impl Crowd {
    /// A crowd without clients.
    ///
    /// # Errors
    /// If the server doesn't let the granter in.
    pub(crate) fn new(address: SocketAddr) -> Outcome<Self> {
        Ok(Self {
            address,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            granter: Granter::connect(address)?,
            clients: Vec::new(),
            tally: Tally::default(),
            authorities: 0,
            knowing_all: 0,
            receivers: 0,
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
        })
    }

    /// What all have received so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Connects clients, which don't join yet. They are the ones of these indices.
    ///
    /// # Errors
    /// If one of them isn't let in.
    pub(crate) fn connect(&mut self, count: usize, role: Role) -> Outcome<Range<usize>> {
        let start = self.clients.len();
        for index in start..start + count {
            let stream = client::open(self.address, source(index, role)?, request::PATH)?;
            stream.set_nonblocking(true)?;
            let fd = stream.as_raw_fd();
            let registry = self.poll.registry();
            registry.register(&mut SourceFd(&fd), Token(index), Interest::READABLE)?;
            self.clients.push(Client {
                stream,
                role,
                joined: false,
                token: None,
                partial: Vec::new(),
                tally: Tally::default(),
            });
        }
        Ok(start..start + count)
    }

    /// Connects clients and lets them join, many at a time.
    ///
    /// # Errors
    /// If one of them isn't let in, or told something wrong.
    pub(crate) fn admit(&mut self, count: usize, role: Role) -> Outcome<Range<usize>> {
        let all = self.connect(count, role)?;
        for start in all.clone().step_by(WAVE) {
            let wave = start..all.end.min(start + WAVE);
            self.grant(wave.clone())?;
            self.join(wave, WAVE)?;
        }
        Ok(all)
    }

    /// Gets tokens for those of these clients that need one.
    ///
    /// # Errors
    /// If the server gives none.
    pub(crate) fn grant(&mut self, clients: Range<usize>) -> Outcome<()> {
        for client in self.clients.get_mut(clients).unwrap_or_default() {
            if client.role == Role::Authority {
                continue;
            }
            client.token = Some(self.granter.token(client.role)?);
        }
        Ok(())
    }

    /// Lets these clients join, up to `window` at the same time; waits until all are told.
    ///
    /// # Errors
    /// If one of them isn't let in, or somebody is told too little or too much.
    pub(crate) fn join(&mut self, clients: Range<usize>, window: usize) -> Outcome<()> {
        for start in clients.clone().step_by(window.max(1)) {
            for index in start..clients.end.min(start + window) {
                let Some(client) = self.clients.get_mut(index) else {
                    return Err(format!("there is no client {index}").into());
                };
                let token = client.token.take();
                client.send(&request::join(token.as_deref()))?;
                client.joined = true;
                self.authorities += u64::from(client.role == Role::Authority);
                self.knowing_all += u64::from(client.role.knows_all());
                self.receivers += u64::from(!client.role.knows_all());
            }
            let known = self.knowing_all * (self.knowing_all + self.receivers)
                + self.receivers * (self.authorities + 1);
            self.receive_until("told of those who joined", known, |tally| tally.known)?;
        }
        self.check_that_each_knows()
    }

    /// Lets these clients send to all, up to `window` at the same time; waits until all have it.
    ///
    /// # Errors
    /// If a message is lost or doubled.
    pub(crate) fn broadcast(&mut self, clients: Range<usize>, window: usize) -> Outcome<()> {
        let messages = clients.len() as u64;
        for start in clients.clone().step_by(window.max(1)) {
            let wave = start..clients.end.min(start + window);
            let deliveries = wave.len() as u64 * (self.knowing_all + self.receivers);
            let expected = self.tally.messages + deliveries;
            for client in self.clients.get_mut(wave).unwrap_or_default() {
                client.send(request::BROADCAST)?;
            }
            self.receive_until("sent messages", expected, |tally| tally.messages)?;
        }
        match self
            .clients
            .iter()
            .find(|client| client.joined && client.tally.messages != messages)
        {
            Some(client) => Err(wrong("messages", client.tally.messages, messages)),
            None => Ok(()),
        }
    }

    fn check_that_each_knows(&self) -> Outcome<()> {
        let everybody = self.knowing_all + self.receivers;
        for client in self.clients.iter().filter(|client| client.joined) {
            let expected = match client.role.knows_all() {
                true => everybody,
                false => self.authorities + 1,
            };
            if client.tally.known != expected {
                return Err(wrong("clients", client.tally.known, expected));
            }
        }
        Ok(())
    }

    /// Reads until the sum of all that is counted by `count` is `expected`.
    fn receive_until(
        &mut self,
        what: &str,
        expected: u64,
        count: impl Fn(&Tally) -> u64,
    ) -> Outcome<()> {
        while count(&self.tally) < expected {
            if !self.receive(STALL)? {
                let lacking = expected - count(&self.tally);
                return Err(format!("in {STALL:?} {lacking} of {expected} weren't {what}").into());
            }
        }
        match count(&self.tally) {
            told if told == expected => Ok(()),
            told => Err(format!("{told} were {what}, not {expected}").into()),
        }
    }

    /// Reads what has arrived, waiting for up to `timeout`. False if nothing has.
    fn receive(&mut self, timeout: Duration) -> Outcome<bool> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        for event in &self.events {
            let Some(client) = self.clients.get_mut(event.token().0) else {
                continue;
            };
            loop {
                let read = match client.stream.read(&mut self.buffer) {
                    Ok(0) => return Err("the server has closed a connection".into()),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                self.tally += client.take(self.buffer.get(..read).unwrap_or_default())?;
                // A short read has emptied the socket; what comes later is another event.
                if read < READ_BUFFER {
                    break;
                }
            }
        }
        Ok(!self.events.is_empty())
    }

    /// The streams of all, each at the beginning of a frame.
    ///
    /// # Errors
    /// If somebody has received half of one.
    pub(crate) fn into_streams(self) -> Outcome<Vec<TcpStream>> {
        if self.clients.iter().any(|client| !client.partial.is_empty()) {
            return Err("a client has received a part of something that nobody sent".into());
        }
        Ok(self
            .clients
            .into_iter()
            .map(|client| client.stream)
            .collect())
    }
}

/// Authorities are those who come from 127.0.0.1; the others have addresses of their own, since
/// one has not ports enough for all.
fn source(index: usize, role: Role) -> Outcome<Option<SocketAddrV4>> {
    if role == Role::Authority {
        return Ok(None);
    }
    let host = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + index / PER_SOURCE)?);
    Ok(Some(SocketAddrV4::new(host, 0)))
}

fn wrong(what: &str, got: u64, expected: u64) -> Box<dyn std::error::Error> {
    format!("a client was told of {got} {what}, not of {expected}").into()
}
