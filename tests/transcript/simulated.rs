//! The relay core without a socket or a clock: time passes when the transcript says so, and bytes
//! come in pieces of any size.

use super::{Arrival, Transport};
use crate::support::SeededRandom;
use fantail::config::{Address, Config, Service as ServiceName, Sources};
use fantail::dialects::drc::Drc;
use fantail::dialects::dsock::Dsock;
use fantail::dialects::echo::Echo;
use fantail::dialects::message_broker::MessageBroker;
use fantail::dialects::topics::Topics;
use fantail::dialects::wson::Wson;
use fantail::passwords::Verifier;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::{Dialect, DialectId};
use fantail::relay::moment::{Moment, Now};
use fantail::relay::operator::Order;
use fantail::relay::peer::ListenerId;
use fantail::relay::task::{Assigned, Finished, TaskKind, Worker};
use fantail::relay::{Admission, Reading, Relay, Service, ServiceKind, Settings};
use std::io::IoSlice;
use std::path::Path;
use std::time::Duration;

/// 2026-11-20 21:35:04 UTC.
const BEGINNING: Duration = Duration::from_secs(1_795_210_504);

/// One turn of the loop takes this long.
const TURN: Duration = Duration::from_millis(1);

/// A larger piece is more than the server reads at once.
const LARGEST_PIECE: usize = 64 * 1024;

/// What the server listens on and serves where a transcript says nothing of it, as for the binary.
const LISTEN: &str = "tcp://127.0.0.1:0=topics";

/// A relay and its clients.
pub(crate) struct Simulated {
    relay: Relay,
    elapsed: Duration,
    clients: Vec<Client>,
    /// The listener of the control port.
    control: ListenerId,
    random: fastrand::Rng,
    verifier: Verifier,
    /// There if messages are kept.
    store: Option<Box<dyn Worker>>,
    /// Of the store.
    _directory: tempfile::TempDir,
}

struct Client {
    /// Nothing once the connection is buried.
    id: Option<ConnId>,
    received: Vec<u8>,
    /// The server has shut its side.
    ended: bool,
}

impl Simulated {
    /// A relay as the binary would build it with these variables in its environment. The same
    /// `seed` cuts the bytes into the same pieces.
    pub(crate) fn new(settings: &[(String, String)], seed: u64) -> Self {
        let listen = ("FANTAIL_LISTEN".to_owned(), LISTEN.to_owned());
        let environment = [&listen]
            .into_iter()
            .chain(settings)
            .map(|(name, value)| (name.into(), value.into()));
        let sources = Sources {
            environment: environment.collect(),
            ..Sources::default()
        };
        let config = Config::load(&sources)
            .expect("the settings are right")
            .config;
        let mut limits = config.limits.clone();
        limits.connections = 1_000;
        limits.memory = 256 * 1024 * 1024;
        let settings = Settings {
            limits,
            trusted_proxies: config.http.trusted_proxies.clone(),
            control_secret: config.control.secret.clone(),
        };
        let services = services(&config);
        let random = SeededRandom::new(seed);
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("fantail.db");
        let store = config.message_broker.keep_data.then(|| open_store(&path));
        let mut relay =
            Relay::new(settings, dialects(&config), services).with_random_source(Box::new(random));
        for index in 0..config.listen.len() {
            let address = format!("ws://127.0.0.1:{}", 7_328 + index);
            relay.name_listener(ListenerId::new(index as u16), &address);
        }
        Self {
            relay,
            elapsed: Duration::ZERO,
            clients: Vec::new(),
            control: ListenerId::new(config.listen.len() as u16),
            random: fastrand::Rng::with_seed(seed),
            verifier: Verifier::default(),
            store,
            _directory: directory,
        }
    }

    fn accept(&mut self, listener: ListenerId, address: PeerAddress) -> usize {
        let admission = self.relay.accept(listener, address, self.now());
        let (id, received) = match admission {
            Admission::Admitted(id) => (Some(id), Vec::new()),
            Admission::TurnedAway(answer) => (None, answer),
        };
        self.clients.push(Client {
            id,
            received,
            ended: id.is_none(),
        });
        self.turn();
        self.clients.len() - 1
    }

    fn obey_orders(&mut self) {
        while let Some(order) = self.relay.pop_order() {
            match order {
                Order::Reload(id) => self.relay.reloaded(id, Ok(())),
                Order::Stop => self.relay.begin_drain(self.now()),
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment::since_start(self.elapsed),
            wall: BEGINNING + self.elapsed,
        }
    }

    /// The phases of a turn behind the input.
    fn turn(&mut self) {
        self.elapsed += TURN;
        let now = self.now();
        self.relay.expire(now);
        self.relay.settle(now);
        self.obey_orders();
        self.do_tasks(now);
        self.relay.settle(now);
        self.flush(now);
        self.relay.settle(now);
        let mut buried = Vec::new();
        self.relay.bury(&mut buried);
        for client in &mut self.clients {
            if client.id.is_some_and(|id| buried.contains(&id)) {
                client.id = None;
                client.ended = true;
            }
        }
        self.relay.check_invariants().expect("they hold");
    }

    /// What threads do for the server.
    fn do_tasks(&mut self, now: Now) {
        while let Some(Assigned { ticket, task }) = self.relay.pop_task() {
            let worker: &mut dyn Worker = match (task.kind(), &mut self.store) {
                (TaskKind::Store, Some(store)) => store.as_mut(),
                _ => &mut self.verifier,
            };
            let outcome = worker.perform(vec![task]).remove(0);
            self.relay.task_finished(Finished { ticket, outcome }, now);
        }
    }

    fn flush(&mut self, now: Now) {
        let mut dirty = Vec::new();
        self.relay.outboxes().take_dirty(&mut dirty);
        for id in dirty {
            let client = self.clients.iter_mut().find(|client| client.id == Some(id));
            let Some(client) = client else { continue };
            let outboxes = self.relay.outboxes();
            loop {
                let mut slices = [IoSlice::new(&[]); 8];
                let count = outboxes.slices(id, &mut slices);
                if count == 0 {
                    break;
                }
                let before = client.received.len();
                for slice in &slices[..count] {
                    client.received.extend_from_slice(slice);
                }
                let written = client.received.len() - before;
                outboxes.written(id, written);
            }
            if outboxes.is_finished(id) {
                client.ended = true;
                self.relay.write_side_shut(id, now);
            }
        }
    }

    /// One read of the reactor, and the turns until all of it is taken.
    fn deliver(&mut self, id: ConnId, piece: &[u8]) {
        let mut piece = piece.to_vec();
        let mut reading = self.relay.receive(id, &mut piece, self.now());
        self.turn();
        while reading == Reading::Again || self.relay.pop_resumed() == Some(id) {
            reading = self.relay.resume(id, self.now());
            self.turn();
        }
    }
}

impl Transport for Simulated {
    fn connect(&mut self) -> usize {
        let port = 10_000 + self.clients.len() as u16;
        let address = PeerAddress::tcp(([127, 0, 0, 1], port).into());
        self.accept(ListenerId::new(0), address)
    }

    fn connect_to_control(&mut self) -> usize {
        self.accept(self.control, PeerAddress::Unix)
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let largest = match self.random.u8(0..4) {
                0 if bytes.len() < 10_000 => 10,
                1 => 1_000,
                _ => LARGEST_PIECE,
            };
            let length = self.random.usize(1..=largest).min(rest.len());
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            if let Some(id) = self.clients[client].id {
                self.deliver(id, piece);
            }
        }
    }

    fn receive(&mut self, client: usize) -> Arrival {
        self.turn();
        let client = &mut self.clients[client];
        if !client.received.is_empty() {
            return Arrival::Bytes(std::mem::take(&mut client.received));
        }
        match client.ended {
            true => Arrival::End,
            false => Arrival::Nothing,
        }
    }

    fn finish(&mut self, client: usize) {
        self.close(client);
    }

    fn close(&mut self, client: usize) {
        if let Some(id) = self.clients[client].id {
            let now = self.now();
            self.relay.end_of_input(id, now);
            self.turn();
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while self.elapsed < end {
            self.turn();
        }
    }

    fn epoch_seconds(&self) -> u64 {
        (BEGINNING + self.elapsed).as_secs()
    }
}

#[cfg(feature = "sqlite")]
fn open_store(path: &Path) -> Box<dyn Worker> {
    let store = fantail::store::sqlite::SqliteStore::open(path);
    Box::new(store.expect("it can be made"))
}

#[cfg(not(feature = "sqlite"))]
fn open_store(_path: &Path) -> Box<dyn Worker> {
    panic!("this build has no store: such transcripts are not played")
}

/// All dialects, in the order of [`ServiceName::ALL`].
fn dialects(config: &Config) -> Vec<Box<dyn Dialect>> {
    let dialect = |name: &ServiceName| -> Box<dyn Dialect> {
        match name {
            ServiceName::Topics => Box::new(Topics::new(config.topics.clone())),
            ServiceName::Drc => Box::new(Drc::new(config.drc.clone())),
            ServiceName::Dsock => Box::new(Dsock::new(config.dsock.clone())),
            ServiceName::MessageBroker => {
                Box::new(MessageBroker::new(config.message_broker.clone()))
            }
            ServiceName::Wson => Box::new(Wson::new(config.wson.clone())),
            ServiceName::Echo => Box::new(Echo),
        }
    };
    ServiceName::ALL.iter().map(dialect).collect()
}

/// What the listeners serve, the control port last.
fn services(config: &Config) -> Vec<Service> {
    let number = |name: &ServiceName| {
        let index = ServiceName::ALL.iter().position(|other| other == name);
        DialectId::new(index.expect("it is one of all") as u8)
    };
    let clients = config.listen.iter().map(|listen| Service {
        kind: ServiceKind::Dialects(listen.serve.iter().map(number).collect()),
        label: listen.domain.clone().unwrap_or_default(),
    });
    let on_tcp = |address: &Address| !matches!(address, Address::Unix(_));
    let control = Service {
        kind: ServiceKind::Control {
            secret_required: config.control.listen.iter().any(|l| on_tcp(&l.address)),
        },
        label: String::new(),
    };
    clients.chain([control]).collect()
}
