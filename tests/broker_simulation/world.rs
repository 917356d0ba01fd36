//! The world: a relay, its workers, its clients, the model and the seed. The store outlives the
//! relay, which may crash.

use std::rc::Rc;
use std::time::Duration;

use fantail::dialects::message_broker::MessageBroker;
use fantail::relay::address::PeerAddress;
use fantail::relay::dialect::DialectId;
use fantail::relay::task::MessageId;
use fantail::relay::{Relay, Service};

use super::client::{Client, DueLive, Session};
use super::driver::workers::{ModelStore, Workers};
use super::driver::{Driver, Socket};
use super::model::{Expected, Model};
use super::rules::{CHANNELS, Rules, relay_settings};
use super::wire::{self, Command, Sending, Sent};

/// When a world begins, on the wall clock.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// Bytes that may wait for a client: what a part of what is kept may take in narrow worlds, and what is
/// plenty.
const OUTPUT: [usize; 2] = [40_000, 10_000_000];

/// Between two looks at a world that comes to rest, and how long nothing happens in one that has.
const PAUSE: Duration = Duration::from_millis(100);
const REST: Duration = Duration::from_secs(8);

/// A world.
pub(crate) struct World {
    pub(crate) driver: Driver,
    pub(crate) workers: Workers,
    pub(crate) store: ModelStore,
    pub(crate) rng: fastrand::Rng,
    pub(crate) clients: Vec<Client>,
    pub(crate) model: Model,
    pub(crate) most_clients: usize,
    pub(crate) channels: usize,
    /// The next element or confirmation.
    pub(crate) next_token: u64,
    last_number: u64,
    output: usize,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rules = Rules::new(&mut rng);
        let output = OUTPUT[usize::from(rng.u8(..4) > 0)];
        Self {
            driver: driver(&rules, output, BEGIN, rng.fork()),
            workers: Workers::default(),
            store: ModelStore::default(),
            clients: Vec::new(),
            model: Model::new(rules),
            most_clients: rng.usize(2..=10),
            channels: rng.usize(1..=CHANNELS.len()),
            next_token: 0,
            last_number: 0,
            output,
            rng,
        }
    }

    /// A client connects.
    pub(crate) fn connect(&mut self, welcome: bool, answers: bool) -> usize {
        let address = PeerAddress::tcp(([192, 0, 2, 1], 4_000).into());
        let id = self.driver.accept(0, address).expect("there is room");
        let mut client = Client::new(id, welcome, answers);
        client.pipe.push(&wire::handshake(welcome), Sent::Handshake);
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// A client acknowledges.
    pub(crate) fn acknowledge(&mut self, index: usize, ids: Vec<MessageId>) {
        let payload = format!(r#"{{"command":"ack","ids":{ids:?}}}"#);
        let sent = Sent::Command(Command::Acknowledge(ids));
        self.push(index, 0x81, payload.as_bytes(), sent);
    }

    /// A client sends something.
    pub(crate) fn push(&mut self, index: usize, first: u8, payload: &[u8], sent: Sent) {
        let key = self.rng.u32(..).to_be_bytes();
        self.clients[index]
            .pipe
            .push(&wire::frame(first, payload, key), sent);
    }

    /// The relay gets `count` bytes of a client, or the end of its input.
    pub(crate) fn deliver(&mut self, index: usize, count: usize) {
        let client = &mut self.clients[index];
        if !self.driver.may_read(client.id) {
            return;
        }
        if client.pipe.len() == 0 {
            if client.ends_input {
                client.ending = true;
                self.driver.end_of_input(client.id);
            }
            return;
        }
        let mut bytes = client.pipe.take(count);
        self.driver.receive(self.clients[index].id, &mut bytes);
        self.happen(index);
    }

    /// What a client has sent and the relay has heard.
    fn happen(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            if client.gone {
                return;
            }
            // Nothing behind the handshake is heard before the client is let in.
            let heard = client.number.is_some() || client.pipe.next_is_handshake();
            let Some(sent) = heard.then(|| client.pipe.pop_complete()).flatten() else {
                return;
            };
            if client.ending {
                continue;
            }
            match sent {
                Sent::Handshake => {}
                Sent::Ping(payload) => client.pongs_due.push_back(payload),
                Sent::Close => (client.ending, client.closes) = (true, true),
                Sent::Pong => {
                    self.look_at(index);
                    self.clients[index].has_shown(&mut self.model);
                }
                Sent::Command(Command::Nonsense) => {}
                Sent::Command(command) => self.obey(index, command),
            }
        }
    }

    fn obey(&mut self, index: usize, command: Command) {
        self.look_at(index);
        let client = &mut self.clients[index];
        client.has_shown(&mut self.model);
        match command {
            Command::Receive(channel, acknowledges) => self.receive(index, channel, acknowledges),
            Command::Acknowledge(ids) => match client.receives {
                Some((_, true)) => self.clients[index].acknowledged(&ids, &mut self.model),
                // To others it is a command as any other.
                _ => self.stop_receiving(index),
            },
            Command::Ping => {
                client.pings_due += 1;
                self.stop_receiving(index);
            }
            Command::Other | Command::Nonsense => self.stop_receiving(index),
            Command::Send(sending) => {
                self.stop_receiving(index);
                self.send(index, &sending);
            }
        }
    }

    fn receive(&mut self, index: usize, channel: usize, acknowledges: bool) {
        let client = &self.clients[index];
        if client.receives == Some((channel, acknowledges)) {
            return;
        }
        let number = client.number.expect("it was let in");
        self.stop_receiving(index);
        let others = self.model.add_receiver(channel, number, acknowledges);
        let mut in_order = !self.store.fails && !self.has_other_names(channel);
        for other in &mut self.clients {
            if other.number.is_some_and(|number| others.contains(&number)) {
                in_order = false;
                for session in &mut other.sessions {
                    session.in_order = false;
                }
            }
        }
        let client = &mut self.clients[index];
        client.receives = Some((channel, acknowledges));
        client.sessions.push_back(Session::new(channel, in_order));
    }

    /// Where a channel has several names, what is kept is kept for each of them by itself. So what
    /// is kept while a receiver of another name reads is not for that one, and of the order and of
    /// what is live nothing is said.
    fn has_other_names(&self, channel: usize) -> bool {
        let is_other = |row: &&(&str, &str, usize)| row.2 == CHANNELS[channel].2;
        self.model.rules.has_store()
            && CHANNELS[..self.channels].iter().filter(is_other).count() > 1
    }

    /// From now on, nothing is due to the client any more; of what is on its way some may come.
    fn stop_receiving(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let outbox = self.driver.relay.outboxes().get(client.id);
        if outbox.is_some_and(|outbox| outbox.waiting() == 0) {
            client.sessions.clear();
        }
        client.session += 1;
        client.held.clear();
        if let (Some((channel, _)), Some(number)) = (client.receives.take(), client.number) {
            self.model.remove_receiver(channel, number);
        }
    }

    fn send(&mut self, index: usize, sending: &Rc<Sending>) {
        let key = CHANNELS[sending.channel].2;
        let of_channel = |session: &Session| CHANNELS[session.channel].2 == key;
        let sessions = self.clients.iter().flat_map(|client| &client.sessions);
        let in_order = sessions.filter(|s| of_channel(s)).all(|s| s.in_order);
        let other_names = self.has_other_names(sending.channel);
        let through = self.model.take(sending, in_order, other_names);
        if self.store.fails {
            self.model.excuse_store();
        }
        if let Some(token) = sending.confirm {
            let expected = Expected {
                receivers: 0,
                healthy: 0,
                elements: sending.elements.clone(),
                may_fail: self.store.fails,
            };
            self.clients[index].confirmations.insert(token, expected);
        }
        if !through {
            self.route(sending);
        }
    }

    /// A message goes to those who are there now.
    fn route(&mut self, sending: &Sending) {
        let chosen = self.model.route(sending);
        let excused = self.store.fails || self.has_other_names(sending.channel);
        let mut healthy = 0;
        for client in &mut self.clients {
            if client.number.is_some_and(|n| chosen.contains(&n)) {
                healthy += usize::from(client.is_well() && self.output != OUTPUT[0]);
                let due = DueLive {
                    session: client.session,
                    payload: sending.payload.clone(),
                    elements: sending.elements.clone(),
                    excused,
                };
                // Without a store there is no number to acknowledge.
                let is_alone = client.receives == Some((sending.channel, true));
                if is_alone && !due.elements.is_empty() && !self.store.fails {
                    client.due_alone.push(due);
                } else {
                    client.due.push_back(due);
                }
            }
        }
        let all = self.clients.iter_mut();
        let mut confirmations = all.flat_map(|client| client.confirmations.iter_mut());
        let expected = confirmations.find(|(token, _)| Some(**token) == sending.confirm);
        if let Some((_, expected)) = expected {
            expected.receivers = chosen.len();
            expected.healthy = healthy;
        }
    }

    /// The store does not work from now on, or works again.
    pub(crate) fn set_store_fails(&mut self, fails: bool) {
        self.store.fails = fails;
        if fails {
            self.model.count("the store failed");
            self.excuse_store();
        }
    }

    fn excuse_store(&mut self) {
        self.model.excuse_store();
        for client in &mut self.clients {
            client.excuse_store();
        }
    }

    /// The store does something. What has waited for it goes to those who are there then; what it
    /// could not keep, too, unless the sender is told so.
    pub(crate) fn perform(&mut self, count: usize) {
        self.workers.take(&mut self.driver);
        for _ in 0..count.min(self.workers.for_store()) {
            let sending = self.workers.next_kept();
            let sending = sending.and_then(|texts| self.model.kept(texts));
            self.workers
                .perform(&mut self.store, Some(&mut self.driver), 1);
            self.model.see_store(&mut self.store);
            if let Some(sending) = sending
                && (!self.store.fails || sending.confirm.is_none())
            {
                self.route(&sending);
            }
        }
    }

    /// The turn ends: who is to go has gone, and everybody has read what came.
    pub(crate) fn turn(&mut self) {
        self.workers.take(&mut self.driver);
        self.workers.verify(&mut self.driver);
        let buried = self.driver.finish_turn();
        self.workers.take(&mut self.driver);
        self.see_deaths();
        for index in 0..self.clients.len() {
            self.look_at(index);
            self.read_last(index, &buried);
            self.see_admission(index);
        }
        for id in self.driver.unfinished() {
            self.driver.resume(id);
            let index = self.clients.iter().position(|client| client.id == id);
            if let Some(index) = index {
                self.happen(index);
            }
        }
        let driver = &mut self.driver;
        self.clients
            .retain(|client| driver.socket(client.id).is_some());
    }

    fn see_admission(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let peer = self.driver.relay.peer(client.id);
        if client.number.is_none() && peer.is_some_and(|peer| peer.stage.name() == "open") {
            assert!(client.welcome, "let in with a wrong password");
            self.last_number += 1;
            client.number = Some(self.last_number);
        }
    }

    fn see_deaths(&mut self) {
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            let peer = self.driver.relay.peer(client.id);
            let lives = |name: &str| ["http", "verdict", "open"].contains(&name);
            if client.gone || peer.is_some_and(|peer| lives(peer.stage.name())) {
                continue;
            }
            let excused = client.ending || !client.welcome || self.output == OUTPUT[0];
            assert!(excused, "for nothing: {client:?}");
            client.gone = true;
            client.silent = true;
            if client.receives.is_some() {
                self.model.count("died while receiving");
            }
            self.look_at(index);
            self.stop_receiving(index);
        }
    }

    /// A client reads what the kernel took for it.
    fn look_at(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if let Some(socket) = self.driver.socket(client.id) {
            let taken = std::mem::take(&mut socket.taken);
            client.read(&taken, &mut self.model, &self.store);
        }
        for ping in std::mem::take(&mut client.pings) {
            if self.clients[index].answers && !self.clients[index].silent {
                self.push(index, 0x8a, &ping, Sent::Pong);
            }
        }
    }

    fn read_last(&mut self, index: usize, buried: &[Socket]) {
        let client = &mut self.clients[index];
        if let Some(socket) = buried.iter().find(|socket| socket.id == client.id) {
            client.read(&socket.taken, &mut self.model, &self.store);
        }
    }

    /// The server dies where it stands: the store may have done some of what it was told, of which
    /// nobody knows. Then there is a new one.
    pub(crate) fn crash(&mut self) {
        self.model.count("the server crashed");
        for index in 0..self.clients.len() {
            self.look_at(index);
        }
        self.workers.take(&mut self.driver);
        let some = self.rng.usize(..=self.workers.for_store());
        self.workers.perform(&mut self.store, None, some);
        self.model.see_store(&mut self.store);
        self.excuse_store();
        if !self.model.rules.keep_data {
            self.model.forget_store();
            self.store.kept.clear();
        }
        self.workers = Workers::default();
        self.clients.clear();
        self.model.forget_receivers();
        let wall = self.driver.now.wall;
        let rng = self.rng.fork();
        self.driver = driver(&self.model.rules, self.output, wall, rng);
    }

    /// All goes well until nothing moves any more, and everybody has what is due. Then receivers come
    /// for what is left, and get it.
    pub(crate) fn end(&mut self) {
        self.set_store_fails(false);
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            let id = client.id;
            if client.is_deaf() {
                client.ending = true;
                self.driver.lost(id);
                continue;
            }
            if let Some(socket) = self.driver.socket(id) {
                socket.room = usize::MAX;
            }
            self.driver.writable(id);
        }
        self.settle();
        self.model.check_kept();
        // One that reads what was kept and does not say that it has arrived holds up all others.
        let mutes = self.clients.iter().filter(|c| c.silent || !c.answers);
        let held_up: Vec<_> = mutes.filter_map(|client| client.receives).collect();
        for client in self.clients.iter().filter(|client| client.is_well()) {
            let missing = |due: &&DueLive| {
                let is_due = due.session == client.session && !due.excused;
                // Who does not answer pings waits behind what was kept.
                is_due && client.answers && !client.silent && !self.model.keeps(&due.elements)
            };
            let missing = client.due.iter().find(missing);
            assert!(missing.is_none(), "{missing:?} not to {:?}", client.number);
            let lacks = |due: &&DueLive| {
                let is_due = due.session == client.session && !due.excused;
                let had_all = due.elements.iter().all(|text| client.had.contains(text));
                let is_held_up = held_up
                    .iter()
                    .any(|held| Some(held.0) == client.receives.map(|r| r.0));
                is_due && !is_held_up && !had_all
            };
            let missing = client.due_alone.iter().find(lacks);
            assert!(missing.is_none(), "{missing:?} not to {:?}", client.number);
            let waits = client.confirmations.keys().next();
            assert!(waits.is_none(), "not confirmed: {waits:?}");
            assert_eq!((client.pings_due, client.pongs_due.len()), (0, 0));
        }
        for client in &mut self.clients {
            client.ending = true;
            self.driver.lost(client.id);
        }
        self.settle();
        for (channel, (name, ..)) in CHANNELS.iter().enumerate() {
            let index = self.connect(true, true);
            let payload = format!(r#"{{"command":"receive-message","channel":{name}}}"#);
            let sent = Sent::Command(Command::Receive(channel, false));
            self.push(index, 0x81, payload.as_bytes(), sent);
        }
        self.settle();
        assert_eq!(self.store.kept.len(), 0, "left: {:?}", self.store.kept);
        self.model.check_arrived();
        for client in &mut self.clients {
            client.ending = true;
            self.driver.lost(client.id);
        }
        self.settle();
        let relay = &self.driver.relay;
        assert_eq!((relay.connections(), relay.memory()), (0, 0));
    }

    /// Lets everything happen that is under way.
    fn settle(&mut self) {
        // What is kept comes in parts, with pauses between frames; what failed is tried again after
        // some seconds.
        let mut quiet = Duration::ZERO;
        for _ in 0..20_000 {
            let before = self.model.tally.values().sum::<u64>();
            let mut moved = !self.workers.are_idle();
            for index in 0..self.clients.len() {
                let client = &mut self.clients[index];
                if client.is_deaf() && !client.ending {
                    client.ending = true;
                    self.driver.lost(client.id);
                }
                let client = &self.clients[index];
                let acknowledges = matches!(client.receives, Some((_, true)));
                if acknowledges && !client.silent && !client.held.is_empty() {
                    let ids = client.held.keys().copied().collect();
                    self.acknowledge(index, ids);
                }
                let count = self.clients[index].pipe.len();
                if count > 0 {
                    self.deliver(index, count);
                    moved = true;
                }
            }
            self.perform(usize::MAX);
            self.turn();
            self.driver.pass(PAUSE);
            moved |= before != self.model.tally.values().sum::<u64>();
            quiet = if moved { Duration::ZERO } else { quiet + PAUSE };
            if quiet > REST {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

fn driver(rules: &Rules, output: usize, wall: Duration, rng: fastrand::Rng) -> Driver {
    let broker = MessageBroker::new(rules.to_settings());
    let services = vec![Service::clients(vec![DialectId::new(0)])];
    let settings = relay_settings(output, rules.ack_timeout);
    let relay = Relay::new(settings, vec![Box::new(broker)], services);
    Driver::new(relay, wall, rng)
}
