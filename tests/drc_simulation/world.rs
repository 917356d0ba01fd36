//! The world: a relay, its clients, the model, the clocks and the seed.

use std::collections::BTreeSet;
use std::time::Duration;

use fantail::dialects::drc::Drc;
use fantail::limits::Limit;
use fantail::relay::dialect::DialectId;
use fantail::relay::random::RandomSource;
use fantail::relay::{Relay, Service};

use super::client::{Client, Ending};
use super::driver::{Driver, Socket};
use super::model::{Due, Model};
use super::settings::{ADDRESSES, PROXY, Rules, peer_address, relay_settings};
use super::wire::{self, Sent};

/// When a world begins, on the wall clock.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// Random bytes with a seed.
#[derive(Debug)]
struct Seeded(fastrand::Rng);

impl RandomSource for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.0.fill(bytes);
        true
    }
}

/// A world.
pub(crate) struct World {
    pub(crate) driver: Driver,
    pub(crate) rng: fastrand::Rng,
    pub(crate) clients: Vec<Client>,
    pub(crate) model: Model,
    pub(crate) most_clients: usize,
    /// How many names of channels and protocols are preferred.
    pub(crate) names: (usize, usize),
    /// The dialect's memory is narrow: what it says of it is looked at after each request. Or answers
    /// are long: nothing is heard of a client before it has taken the last one.
    one_by_one: bool,
    last_number: u64,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rules = Rules::new(&mut rng);
        let settings = relay_settings(&mut rng);
        let limits = settings.limits.clone();
        let dialect = Drc::new(rules.to_settings());
        let services = vec![Service::clients(vec![DialectId::new(0)])];
        let relay = Relay::new(settings, vec![Box::new(dialect)], services)
            .with_random_source(Box::new(Seeded(rng.fork())));
        Self {
            driver: Driver::new(relay, BEGIN, rng.fork()),
            clients: Vec::new(),
            most_clients: rng.usize(3..=30),
            names: (rng.usize(1..4), rng.usize(1..4)),
            one_by_one: limits.drc_memory < 1_000_000 || limits.output < 1_000_000,
            model: Model::new(rules, limits),
            last_number: 0,
            rng,
        }
    }

    /// A client connects and shakes hands: by itself, through a proxy, or by way of somebody who
    /// only says that he is one.
    pub(crate) fn connect(&mut self) {
        let address = self.rng.usize(..ADDRESSES.len());
        let text = ADDRESSES[address].0;
        let (peer, lines) = match self.rng.u8(..4) {
            0 => (PROXY, format!("X-Forwarded-For: 127.0.0.1, {text}\r\n")),
            1 => (text, "X-Forwarded-For: 127.0.0.1\r\n".to_owned()),
            _ => (text, String::new()),
        };
        let id = self.driver.accept(0, peer_address(peer));
        let id = id.expect("there is room");
        let mut client = Client::new(id, address);
        client.excuses.memory = self.model.limits.memory < 1_000_000;
        client.pipe.push(&wire::handshake(&lines));
        client.pipe.complete(Sent::Handshake);
        self.clients.push(client);
    }

    /// The relay gets `count` bytes of a client, or the end of its input.
    pub(crate) fn deliver(&mut self, index: usize, count: usize) {
        let client = &mut self.clients[index];
        // What comes behind a long answer is kept until that is sent; here it comes later.
        let keeps_waiting = self.driver.relay.outboxes().has_long_answer(client.id);
        if keeps_waiting || !self.driver.may_read(client.id) {
            return;
        }
        if client.pipe.len() == 0 {
            if client.ends_input {
                client.ending.get_or_insert(Ending::Lost);
                self.driver.end_of_input(client.id);
            }
            return;
        }
        let longest = match self.one_by_one {
            true => client.pipe.first(),
            false => client.pipe.len(),
        };
        let mut bytes = client.pipe.take(count.min(longest));
        let refused = self.memory_refusals();
        self.driver.receive(self.clients[index].id, &mut bytes);
        self.model.no_memory = self.memory_refusals() > refused;
        while let Some(sent) = self.clients[index].pipe.pop_complete() {
            self.happen(index, sent);
        }
        assert!(!self.model.no_memory, "memory was not asked for");
        self.see_cuts();
    }

    fn memory_refusals(&self) -> u64 {
        let mut limits = self.driver.relay.counters().limits();
        let found = limits.find(|(limit, _)| *limit == Limit::DrcMemory);
        found.expect("a limit").1
    }

    /// What a client has sent arrives.
    fn happen(&mut self, index: usize, sent: Sent) {
        let client = &mut self.clients[index];
        if client.gone || client.ending.is_some() {
            return;
        }
        match (sent, client.number) {
            (Sent::Handshake, _) => self.shake_hands(index),
            (Sent::Request(opcode, request), Some(number)) => {
                self.model.request(number, opcode, &request);
                self.hand_out();
            }
            (Sent::Ping(payload), _) => client.owe(Due::Pong(payload)),
            (Sent::Close(code), _) => client.ending = Some(Ending::Close(code)),
            (Sent::Garbage, _) => client.ending = Some(Ending::Garbage),
            (Sent::Request(..), None) => panic!("a request before the handshake"),
        }
    }

    fn shake_hands(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let handshakes = self.driver.relay.counters().handshakes;
        if handshakes == self.last_number {
            let narrow = self.model.limits.failed_logins < 1_000_000;
            assert!(narrow, "a handshake was refused");
            (client.refused, client.gone) = (true, true);
            return;
        }
        self.last_number += 1;
        client.number = Some(self.last_number);
        client.owe(Due::Handshake);
        self.model.connect(self.last_number, client.address);
    }

    /// Everybody is owed what the model says.
    fn hand_out(&mut self) {
        for (number, due) in self.model.due.drain(..) {
            let mut clients = self.clients.iter_mut();
            let client = clients.find(|client| client.number == Some(number));
            client.expect("a client").owe(due);
        }
    }

    /// Those whose outboxes are full get nothing more.
    fn see_cuts(&mut self) {
        let output = self.model.limits.output;
        for client in &mut self.clients {
            let living = client.number.is_some() && !client.gone && client.ending.is_none();
            if living && !client.cut && !self.driver.relay.outboxes().is_open(client.id) {
                assert!(client.waiting() > output, "{client:?}");
                client.cut = true;
            }
        }
    }

    /// Time passes; the end of a grant is a turn of its own.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.driver.pass(time);
        let good = self.model.outstanding().count();
        self.model.now += time;
        if self.model.outstanding().count() < good {
            self.model.count("a grant ended unused");
            self.turn();
        }
    }

    /// The turn ends: who is to go has gone, and everybody has what is due.
    pub(crate) fn turn(&mut self) {
        for id in self.driver.unfinished() {
            // Whose requests come one by one has none that waits.
            self.driver.resume(id);
        }
        let buried = self.driver.finish_turn();
        self.see_deaths();
        let dialect: &mut Drc = self.driver.relay.dialect_mut().expect("it is there");
        if let Err(fault) = dialect.check_invariants() {
            panic!("{fault}");
        }
        for index in 0..self.clients.len() {
            self.look_at(index, &buried);
        }
        let driver = &mut self.driver;
        self.clients
            .retain(|client| driver.socket(client.id).is_some());
    }

    fn see_deaths(&mut self) {
        let limits = &self.model.limits;
        let output = limits.output;
        let mut dead = Vec::new();
        for (index, client) in self.clients.iter_mut().enumerate() {
            let Some(number) = client.number.filter(|_| !client.gone) else {
                continue;
            };
            let peer = self.driver.relay.peer(client.id);
            client.excuses.wrong_tokens = self.model.is_cut_off(number);
            if peer.is_none_or(|peer| peer.stage.name() != "open") {
                dead.push(index);
            } else {
                assert!(client.ending.is_none(), "still there: {client:?}");
                assert!(!client.excuses.wrong_tokens, "may guess on: {client:?}");
            }
        }
        let numbers: BTreeSet<u64> = dead
            .iter()
            .filter_map(|index| self.clients[*index].number)
            .collect();
        self.model.die(&numbers);
        self.hand_out();
        for index in dead {
            let client = &mut self.clients[index];
            client.gone = true;
            client.silent = true;
            client.excuses.output = client.waiting() > output;
            let excused = client.ending.is_some() || client.excuses.wrong_tokens;
            assert!(excused || client.may_lack(), "for nothing: {client:?}");
            if client.ending.is_none() && !client.excuses.wrong_tokens {
                self.model.count("closed for being slow");
            }
        }
    }

    /// A client reads what the kernel took for it.
    fn look_at(&mut self, index: usize, buried: &[Socket]) {
        let client = &mut self.clients[index];
        let id = client.id;
        if let Some(socket) = self.driver.socket(id) {
            let taken = std::mem::take(&mut socket.taken);
            client.read(&taken, &mut self.model.grants);
        }
        if let Some(socket) = buried.iter().find(|socket| socket.id == id) {
            client.read(&socket.taken, &mut self.model.grants);
        }
        let outboxes = self.driver.relay.outboxes();
        let never = fantail::relay::moment::Tick::NEVER;
        client.excuses.soft =
            outboxes.soft_since(id) != never || client.gone && client.excuses.soft;
        let waiting = outboxes
            .get(id)
            .map_or(0, fantail::relay::outbox::Outbox::waiting);
        if waiting == 0 && !client.gone && !client.cut {
            assert!(client.has_all(), "lacks something: {client:?}");
        }
    }

    /// Everybody goes, and nothing is left of them.
    pub(crate) fn end(&mut self) {
        for client in &mut self.clients {
            client.ending.get_or_insert(Ending::Lost);
            self.driver.lost(client.id);
        }
        self.turn();
        self.turn();
        assert!(self.model.channels.is_empty(), "a channel is left");
        self.pass(self.model.limits.drc_grant_time);
        self.turn();
        assert_eq!(self.model.outstanding().count(), 0);
        let relay = &self.driver.relay;
        assert_eq!(
            (relay.connections(), relay.memory(), relay.hub().len()),
            (0, 0, 0),
            "connections, memory, channels"
        );
        assert_eq!(relay.next_deadline(), None, "a timer is left");
    }
}
