//! The loop: the only place with mio, sockets, the clock, signals and threads.
//!
//! One turn:
//! 1. **wait** for events; not at all if something is unfinished.
//! 2. **receive**: accept and read, each with a budget. A source that is stopped before it said
//!    that it has nothing more goes onto the `unfinished` list and is resumed in the next turn,
//!    because an edge-triggered system does not tell twice. While more input is ready it is read
//!    before anything is written (*gathering*): what came in together goes out together, with
//!    one system call per receiver.
//! 3. **expire**: timers.
//! 4. **settle**: what the handlers asked for; what may block goes to its thread.
//! 5. **flush**: every dirty outbox, one `writev` each.
//! 6. **bury**: sockets of connections that died are closed; only here.

mod accept;
mod binding;
mod clock;
mod connections;
mod flush;
mod listener;
mod receive;
mod service_manager;
mod signals;
mod socket;
mod sources;
mod unfinished;
mod workers;

use std::io;
use std::time::Duration;

use mio::{Events, Poll};

use crate::reactor::clock::Clock;
use crate::reactor::connections::Connections;
use crate::reactor::listener::{Listener, SpareDescriptor};
use crate::reactor::service_manager::ServiceManager;
use crate::reactor::signals::{Signal, Signals};
use crate::reactor::sources::Source;
use crate::reactor::unfinished::Unfinished;
use crate::reactor::workers::Workers;
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Moment, Now};
use crate::relay::operator::Order;
use crate::relay::peer::ListenerId;

pub use binding::{Access, Binding};
pub use listener::StartupError;
pub use workers::Workforce;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;

/// What a HUP does: it hands the relay its changed settings and tells what changed. An error is
/// logged, and the old settings stay in force.
pub type Reload = Box<dyn FnMut(&mut Relay) -> Result<String, String>>;

/// The server.
pub struct Reactor {
    poll: Poll,
    relay: Relay,
    listeners: Vec<Listener>,
    connections: Connections,
    unfinished: Unfinished,
    spare: SpareDescriptor,
    signals: Signals,
    clock: Clock,
    service_manager: ServiceManager,
    reload: Reload,
    workers: Workers,
    /// The one buffer that all connections are read into.
    buffer: Box<[u8]>,
    /// Connections to be flushed; empty between turns, kept for its memory.
    flushing: Vec<ConnId>,
    /// Connections buried in this turn; likewise.
    buried: Vec<ConnId>,
    /// A socket was closed in this turn: clients that wait for a descriptor may have one.
    descriptors_freed: bool,
    /// When a stop under way ends even if connections are left.
    stop_by: Option<Moment>,
}

impl Reactor {
    /// Binds all listeners. `relay` knows what each of them serves, in the same order. An optional
    /// one that cannot be bound is left out with a warning.
    ///
    /// # Errors
    /// What could not be bound or registered, and why.
    pub fn bind(
        bindings: &[Binding],
        mut relay: Relay,
        reload: Reload,
        workforce: Workforce,
    ) -> Result<Self, StartupError> {
        let mut service_manager = ServiceManager::new();
        let poll = Poll::new().map_err(|error| StartupError::new("epoll", error))?;
        let limits = relay.settings().limits.clone();
        let mut listeners = Vec::new();
        for (index, binding) in bindings.iter().enumerate() {
            let id = ListenerId::new(index as u16);
            let token = Source::Listener(listeners.len()).token();
            let bound = Listener::bind(id, binding, &limits, &mut service_manager).and_then(
                |mut listener| {
                    let registered = listener.register(poll.registry(), token);
                    registered.map_err(|error| StartupError::new(&binding.address, error))?;
                    Ok(listener)
                },
            );
            match bound {
                Ok(listener) => {
                    relay.name_listener(id, &listener.address());
                    if listener.checks_users() {
                        relay.trust_listener(id);
                    }
                    listeners.push(listener);
                }
                Err(error) if binding.optional => log::warn!("{error}: not served"),
                Err(error) => return Err(error),
            }
        }
        let signals = Signals::register(poll.registry())
            .map_err(|error| StartupError::new("signals", error))?;
        let buffer = vec![0; limits.read_per_turn].into_boxed_slice();
        Ok(Self {
            poll,
            relay,
            listeners,
            connections: Connections::default(),
            unfinished: Unfinished::default(),
            spare: SpareDescriptor::open(),
            signals,
            clock: Clock::start(),
            service_manager,
            reload,
            workers: Workers::new(workforce),
            buffer,
            flushing: Vec::new(),
            buried: Vec::new(),
            descriptors_freed: false,
            stop_by: None,
        })
    }

    /// The addresses bound, by the number of their binding: with the port that a 0 became.
    pub fn addresses(&self) -> Vec<(ListenerId, String)> {
        self.listeners
            .iter()
            .map(|listener| (listener.id, listener.address()))
            .collect()
    }

    /// Serves until a signal stops it and all connections are closed.
    ///
    /// # Errors
    /// If the kernel no longer tells of events.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.service_manager.ready();
        while !self.is_done() {
            self.turn(&mut events)?;
        }
        let now = self.clock.now();
        self.relay.wind_up(now);
        self.hand_out_tasks(now);
        self.workers.stop();
        log::info!("stopped");
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.wait(events)?;
        let now = self.clock.now();
        self.resume_unfinished(now);
        self.handle(events, now);
        self.gather(events)?;
        let now = self.clock.now();
        self.relay.expire(now);
        self.relay.settle(now);
        self.obey_orders(now);
        self.hand_out_tasks(now);
        self.flush(now);
        // A write that failed has ended its connection.
        self.relay.settle(now);
        self.bury();
        self.retry_starved_listeners(now);
        self.service_manager.keep_alive(now.moment);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_idle = self.unfinished.is_empty()
            && !self.relay.outboxes().has_dirty()
            && !self.relay.has_tasks();
        let timeout = if is_idle {
            self.time_to_next_deadline()
        } else {
            Some(Duration::ZERO)
        };
        poll(&mut self.poll, events, timeout)
    }

    fn time_to_next_deadline(&self) -> Option<Duration> {
        let starved = self.listeners.iter().filter_map(Listener::retry_at).min();
        let deadlines = [
            self.relay.next_deadline(),
            starved,
            self.service_manager.next_deadline(),
            self.stop_by,
        ];
        let next = deadlines.into_iter().flatten().min()?;
        Some(next.since(self.clock.now().moment))
    }

    /// Reads what is ready before anything is written. It adds no latency to an idle server,
    /// where one look finds nothing and the write follows; a busy one looks at most
    /// `limits.gather` times.
    fn gather(&mut self, events: &mut Events) -> io::Result<()> {
        for _ in 0..self.relay.settings().limits.gather {
            // What would free memory is done only behind this.
            if !self.relay.outboxes().has_dirty() || self.relay.is_over_memory() {
                break;
            }
            poll(&mut self.poll, events, Some(Duration::ZERO))?;
            if events.is_empty() {
                break;
            }
            let now = self.clock.now();
            self.handle(events, now);
            self.relay.count_gathering();
        }
        Ok(())
    }

    fn handle(&mut self, events: &Events, now: Now) {
        for event in events {
            match Source::of(event.token()) {
                Source::Listener(index) => self.accept(index, now),
                Source::Signals => self.handle_signals(now),
                Source::Workers => self.take_finished(now),
                Source::Connection(token) => self.connection_event(token, event, now),
            }
        }
    }

    fn handle_signals(&mut self, now: Now) {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Stop => self.stop(now),
                // The log has told what became of it.
                Signal::Reload => drop(self.reload_settings()),
            }
        }
    }

    /// Does what control connections asked of the server as a whole.
    fn obey_orders(&mut self, now: Now) {
        while let Some(order) = self.relay.pop_order() {
            match order {
                Order::Stop => self.stop(now),
                Order::Reload(id) => {
                    let result = self.reload_settings();
                    self.relay
                        .reloaded(id, result.as_ref().copied().map_err(String::as_str));
                }
            }
        }
    }

    fn reload_settings(&mut self) -> Result<(), String> {
        self.service_manager.reloading();
        let result = (self.reload)(&mut self.relay);
        match &result {
            Ok(summary) => log::info!("reloaded: {summary}"),
            Err(error) => log::error!("not reloaded, the old settings stay: {error}"),
        }
        let read_per_turn = self.relay.settings().limits.read_per_turn;
        if self.buffer.len() != read_per_turn {
            self.buffer = vec![0; read_per_turn].into_boxed_slice();
        }
        self.service_manager.ready();
        result.map(|_| ())
    }

    /// Begins to stop; asked a second time, stops at once.
    fn stop(&mut self, now: Now) {
        if self.stop_by.is_some() {
            self.stop_by = Some(now.moment);
            return;
        }
        log::info!(
            "stopping: {} connections to close",
            self.relay.connections()
        );
        self.service_manager.stopping();
        for mut listener in self.listeners.drain(..) {
            listener.close(self.poll.registry());
        }
        self.relay.begin_drain(now);
        let limits = &self.relay.settings().limits;
        self.stop_by = Some(now.moment + limits.drain + limits.close_time + limits.linger_time);
    }

    fn is_done(&self) -> bool {
        self.stop_by.is_some_and(|stop_by| {
            self.relay.connections() == 0 || stop_by <= self.clock.now().moment
        })
    }

    fn bury(&mut self) {
        self.relay.bury(&mut self.buried);
        self.descriptors_freed |= !self.buried.is_empty();
        for id in self.buried.drain(..) {
            self.connections.remove(id);
        }
    }
}

/// Waits for events; a signal is no reason to fail.
fn poll(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result,
    }
}
