//! The decisions: who is connected, who gets what, when to close.
//!
//! Pure: bytes and the time come in through [`Relay`]'s methods, frames go into [`Outboxes`], and
//! whoever drives the relay (the reactor, a simulator) writes them out. The methods do not fail:
//! what a peer does wrong is the peer's end, and what comes for a connection that is dead is
//! dropped by the generation in its name.
//!
//! A turn is: [`Relay::accept`] and [`Relay::receive`] as often as there is input, then
//! [`Relay::expire`], [`Relay::settle`], the flush of the outboxes, and [`Relay::bury`].

pub mod address;
pub mod address_limits;
pub mod conn_id;
pub mod conn_map;
pub mod counters;
pub mod dialect;
pub mod frame;
pub mod frame_queue;
pub mod http_input;
pub mod hub;
pub mod moment;
pub mod operator;
pub mod outbox;
pub mod outboxes;
pub mod output_policy;
pub mod peer;
pub mod random;
pub mod rate;
pub mod request;
pub mod task;
pub mod timers;

mod admission;
mod drain;
mod ending;
mod expiry;
mod frames;
mod invariants;
mod memory;
mod receive;
mod requests;
mod verdict;

use std::collections::{HashMap, VecDeque};

use ipnet::IpNet;

use crate::limits::Limits;
use crate::protocol::ws_deflate::Inflater;
use crate::relay::address::PeerAddress;
use crate::relay::address_limits::AddressLimits;
use crate::relay::conn_id::{ConnId, ConnTable};
use crate::relay::counters::Counters;
use crate::relay::dialect::{Cx, Dialect, DialectId};
use crate::relay::drain::Drain;
use crate::relay::expiry::Sweep;
use crate::relay::hub::Hub;
use crate::relay::moment::Now;
use crate::relay::operator::Order;
use crate::relay::operator::events::Events;
use crate::relay::outboxes::Outboxes;
use crate::relay::peer::{ListenerId, Peer};
use crate::relay::random::{NoRandomSource, RandomSource};
use crate::relay::request::Requests;
use crate::relay::task::Tasks;
use crate::relay::timers::Timers;
use crate::secret::Secret;

pub use admission::Admission;
pub use receive::Reading;

/// What the relay is told at the start and at a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The limits; `memory` and `connections` must not be 0 (automatic) any more.
    pub limits: Limits,
    /// Peers whose `X-Forwarded-For` is believed, and who are not limited by address.
    pub trusted_proxies: Vec<IpNet>,
    /// What a program shows first on a control port that is not a Unix socket.
    pub control_secret: Secret,
}

/// What a listener serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// To whom it speaks.
    pub kind: ServiceKind,
    /// Its public name: the domain, or else the address.
    pub label: String,
}

impl Service {
    /// A listener for clients, named by its address.
    pub fn clients(dialects: Vec<DialectId>) -> Self {
        Self {
            kind: ServiceKind::Dialects(dialects),
            label: String::new(),
        }
    }

    /// A listener for programs, named by its address.
    pub fn control(secret_required: bool) -> Self {
        Self {
            kind: ServiceKind::Control { secret_required },
            label: String::new(),
        }
    }
}

/// To whom a listener speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceKind {
    /// To clients, in these dialects. One alone is served on every path.
    Dialects(Vec<DialectId>),
    /// To programs that control the server.
    Control {
        /// They have to show the secret first.
        secret_required: bool,
    },
}

/// The relay: everything but the sockets.
pub struct Relay {
    peers: ConnTable<Peer>,
    hub: Hub,
    outboxes: Outboxes,
    requests: Requests,
    timers: Timers,
    tasks: Tasks,
    addresses: AddressLimits,
    counters: Counters,
    dialects: Vec<Box<dyn Dialect>>,
    services: Vec<Service>,
    /// Connections of each listener.
    loads: Vec<usize>,
    settings: Settings,
    /// Input beyond a connection's budget of frames, until it is resumed.
    held: HashMap<ConnId, Box<[u8]>>,
    /// Connections whose reading was paused and may go on.
    resumed: Vec<ConnId>,
    /// Connections to be buried.
    dead: Vec<ConnId>,
    /// Bytes that connections hold for what is incomplete.
    buffered: usize,
    /// Connections accepted beyond the limit, to be told so.
    surplus: usize,
    /// Control connections.
    operators: usize,
    /// Which of them want to be told of what clients do.
    events: Events,
    /// What they asked of whoever drives the relay.
    orders: VecDeque<Order>,
    sweep: Sweep,
    drain: Option<Drain>,
    random: Box<dyn RandomSource>,
    inflater: Inflater,
}

impl Relay {
    /// A relay without connections. `services` are the listeners, in the order of their numbers.
    pub fn new(
        settings: Settings,
        dialects: Vec<Box<dyn Dialect>>,
        services: Vec<Service>,
    ) -> Self {
        Self {
            peers: ConnTable::default(),
            hub: Hub::default(),
            outboxes: Outboxes::new(&settings.limits),
            requests: Requests::new(),
            timers: Timers::default(),
            tasks: Tasks::default(),
            addresses: AddressLimits::default(),
            counters: Counters::default(),
            dialects,
            loads: vec![0; services.len()],
            services,
            settings,
            held: HashMap::new(),
            resumed: Vec::new(),
            dead: Vec::new(),
            buffered: 0,
            surplus: 0,
            operators: 0,
            events: Events::default(),
            orders: VecDeque::new(),
            sweep: Sweep::default(),
            drain: None,
            random: Box::new(NoRandomSource),
            inflater: Inflater::default(),
        }
    }

    /// The relay with a source of random bytes for its dialects; without one they make no tokens.
    #[must_use]
    pub fn with_random_source(mut self, source: Box<dyn RandomSource>) -> Self {
        self.random = source;
        self
    }

    /// Takes over changed settings; open connections keep what they were granted.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.outboxes.set_limits(&settings.limits);
        self.settings = settings;
    }

    /// The dialect of this type, to hand it changed settings.
    pub fn dialect_mut<D: Dialect>(&mut self) -> Option<&mut D> {
        self.dialects.iter_mut().find_map(|dialect| {
            let dialect: &mut dyn std::any::Any = dialect.as_mut();
            dialect.downcast_mut()
        })
    }

    /// Names a listener by its address, now that it is bound, unless it has a public name.
    pub fn name_listener(&mut self, listener: ListenerId, address: &str) {
        if let Some(service) = self.services.get_mut(listener.index())
            && service.label.is_empty()
        {
            address.clone_into(&mut service.label);
        }
    }

    /// Whoever connects to this control listener was looked at already, and needs no secret.
    pub fn trust_listener(&mut self, listener: ListenerId) {
        if let Some(Service {
            kind: ServiceKind::Control { secret_required },
            ..
        }) = self.services.get_mut(listener.index())
        {
            *secret_required = false;
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The outboxes, to be flushed.
    pub fn outboxes(&mut self) -> &mut Outboxes {
        &mut self.outboxes
    }

    /// The channels.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Connections, those that are ending included.
    pub fn connections(&self) -> usize {
        self.peers.len()
    }

    /// The connection of this name, if it lives.
    pub fn peer(&self, id: ConnId) -> Option<&Peer> {
        self.peers.get(id)
    }

    /// Bytes in all buffers: those for output, those for incomplete input, and what waits to be kept.
    pub fn memory(&self) -> usize {
        self.outboxes.held() + self.buffered + self.tasks.bytes()
    }

    /// True for an address that speaks for others and so is not limited itself.
    fn is_trusted(&self, address: PeerAddress) -> bool {
        address.ip().is_none_or(|ip| {
            self.settings
                .trusted_proxies
                .iter()
                .any(|net| net.contains(&ip))
        })
    }

    /// A dialect and everything that it may see while it handles something.
    fn split(&mut self, dialect: DialectId, now: Now) -> Option<(&mut dyn Dialect, Cx<'_>)> {
        let memory = self.memory();
        let service = self.dialects.get_mut(dialect.index())?;
        let cx = Cx {
            hub: &mut self.hub,
            outboxes: &mut self.outboxes,
            requests: &mut self.requests,
            timers: &mut self.timers,
            tasks: &mut self.tasks,
            counters: &mut self.counters,
            addresses: &mut self.addresses,
            events: &self.events,
            limits: &self.settings.limits,
            trusted_proxies: &self.settings.trusted_proxies,
            random: self.random.as_mut(),
            dialect,
            connections: self.peers.len(),
            memory,
            paused: None,
            now,
        };
        Some((service.as_mut(), cx))
    }
}
