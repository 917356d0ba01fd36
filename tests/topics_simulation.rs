//! Worlds in which clients come to a topic that is kept, at any moment: while the store is slow, or
//! fails, or says that it has failed; while they do not read; while the clock is set back. Each must
//! get every message that it asked for once, in order, and then what is live. The store is the real
//! one, in memory; when it answers is the seed's business.
//!
//! `FANTAIL_SIMULATION_SEEDS=10000 cargo test --release --test topics_simulation` is a long sweep;
//! `FANTAIL_SIMULATION_SEED=12345` runs one world.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]
#![cfg(feature = "sqlite")]

#[path = "driver/mod.rs"]
mod driver;

use std::collections::VecDeque;
use std::env;
use std::time::Duration;

use driver::Driver;
use driver::decoder::{Decoder, Output};
use fantail::dialects::topics::Topics;
use fantail::dialects::topics::settings::{Keep, Settings as TopicsSettings};
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::{Dialect, DialectId};
use fantail::relay::task::topic::TopicTask;
use fantail::relay::task::{Assigned, Finished, Outcome, StoreFault, StoreTask, Task, Worker};
use fantail::relay::{Relay, Service, Settings};
use fantail::store::temporary::TemporaryStore;

const SEEDS: u64 = 300;
const STEPS: usize = 300;

/// The first id of a world, and more than the clock is ever set back.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// What a client got.
struct Client {
    id: ConnId,
    decoder: Decoder,
    with_ids: bool,
    /// The number that it must get next; none if it is not known which is the first.
    next: Option<usize>,
    /// All that it gets must be there, since it never asked a store that failed.
    is_complete: bool,
    last_id: u64,
    positions: usize,
    is_over: bool,
}

struct World {
    driver: Driver,
    store: TemporaryStore,
    tasks: VecDeque<Assigned>,
    clients: Vec<Client>,
    sender: ConnId,
    sent: usize,
    /// The ids of messages, as far as somebody was told.
    ids: Vec<Option<u64>>,
    fetches_fail: bool,
    closed_for_limit: u64,
}

fn relay(rng: &mut fastrand::Rng) -> Relay {
    let topics = TopicsSettings {
        keep: Keep::For(Duration::from_secs(3600)),
        ..TopicsSettings::default()
    };
    let output = [20_000, 100_000, 1_000_000][rng.usize(..3)];
    let limits = Limits {
        output,
        output_soft: rng.usize(1_000..=output),
        memory: 100_000_000,
        connections: 1000,
        connections_per_address: 1000,
        handshakes_per_address: 1_000_000,
        handshakes_per_address_burst: 1_000_000,
        topics_ping_after: Duration::from_secs(86_400),
        output_soft_time: Duration::from_secs(86_400),
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: Vec::new(),
        control_secret: Default::default(),
    };
    let dialects: Vec<Box<dyn Dialect>> = vec![Box::new(Topics::new(topics).with_store(0))];
    let services = vec![Service::clients(vec![DialectId::new(0)])];
    Relay::new(settings, dialects, services)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x82];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let relay = relay(&mut rng);
        let fetches_fail = rng.u8(..3) == 0;
        let mut driver = Driver::new(relay, BEGIN, rng);
        let sender = connect(&mut driver, "/t");
        Self {
            driver,
            store: TemporaryStore::default(),
            tasks: VecDeque::new(),
            clients: Vec::new(),
            sender,
            sent: 0,
            ids: Vec::new(),
            fetches_fail,
            closed_for_limit: 0,
        }
    }

    fn step(&mut self) {
        let time = Duration::from_micros(self.driver.rng.u64(..20_000));
        self.driver.pass(time);
        for _ in 0..self.driver.rng.usize(..6) {
            match self.driver.rng.u8(..100) {
                0..50 => self.send(),
                50..65 => self.join(),
                65..80 => self.read_more(),
                80..97 => self.answer(),
                97 => self.lose(),
                _ => {
                    let back = Duration::from_millis(self.driver.rng.u64(..60_000));
                    self.driver.now.wall = self.driver.now.wall.saturating_sub(back);
                }
            }
        }
        self.finish_turn();
    }

    /// A message: its number, and some more bytes.
    fn send(&mut self) {
        let most = [10, 300, 20_000][self.driver.rng.usize(..3)];
        let padding = self.driver.rng.usize(..most);
        let text = format!("{} {}", self.sent, "x".repeat(padding));
        self.sent += 1;
        self.ids.push(None);
        let mut bytes = frame(text.as_bytes());
        self.driver.receive(self.sender, &mut bytes);
        self.resume();
    }

    fn resume(&mut self) {
        for id in self.driver.unfinished() {
            self.driver.resume(id);
        }
    }

    fn join(&mut self) {
        if self.clients.len() >= 20 {
            return;
        }
        let rng = &mut self.driver.rng;
        let with_ids = rng.bool();
        let number = rng.usize(..self.sent.max(1));
        let (query, next) = match (rng.u8(..4), self.ids.get(number).copied().flatten()) {
            (0, _) => (String::new(), self.sent),
            (1, _) => {
                let last = rng.usize(..50);
                (format!("last={last}"), self.sent - last.min(self.sent))
            }
            (2, Some(id)) => (format!("since={id}"), number + 1),
            _ => ("since=0".to_owned(), 0),
        };
        let ids = if with_ids { "&ids=1" } else { "" };
        let id = connect(&mut self.driver, &format!("/t?{query}{ids}"));
        if self.driver.rng.u8(..4) == 0
            && let Some(socket) = self.driver.socket(id)
        {
            socket.room = 1000;
        }
        let is_complete = !self.fetches_fail;
        self.clients.push(Client {
            id,
            decoder: Decoder::default(),
            with_ids,
            next: is_complete.then_some(next),
            is_complete,
            last_id: 0,
            positions: 0,
            is_over: false,
        });
    }

    /// A client that did not read does, for a while.
    fn read_more(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let index = self.driver.rng.usize(..self.clients.len());
        let room = self.driver.rng.usize(..200_000);
        let id = self.clients[index].id;
        if let Some(socket) = self.driver.socket(id)
            && socket.room < usize::MAX / 2
        {
            socket.room += room;
            if socket.would_block {
                self.driver.writable(id);
            }
        }
    }

    fn lose(&mut self) {
        if !self.clients.is_empty() {
            let index = self.driver.rng.usize(..self.clients.len());
            let client = &mut self.clients[index];
            client.is_over = true;
            self.driver.lost(client.id);
        }
    }

    /// The store does some of what it was asked to do, or fails: before it has done it, or after.
    fn answer(&mut self) {
        let count = self.tasks.len().min(self.driver.rng.usize(1..10));
        let fails = self.driver.rng.u8(..5);
        self.perform(count, fails);
    }

    fn perform(&mut self, count: usize, fails: u8) {
        let batch: Vec<_> = self.tasks.drain(..count).collect();
        let is_fetch =
            |task: &Task| matches!(task, Task::Store(StoreTask::Topic(TopicTask::Fetch(_))));
        let may_fail = self.fetches_fail || !batch.iter().any(|assigned| is_fetch(&assigned.task));
        let fault = Outcome::Store(Err(StoreFault::Failed("as the seed has it".to_owned())));
        let (tickets, tasks): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|assigned| (assigned.ticket, assigned.task))
            .unzip();
        let outcomes = match (may_fail, fails) {
            (true, 0) => vec![fault; tasks.len()],
            (true, 1) => {
                self.store.perform(tasks);
                vec![fault; tickets.len()]
            }
            _ => self.store.perform(tasks),
        };
        for (ticket, outcome) in tickets.into_iter().zip(outcomes) {
            let finished = Finished { ticket, outcome };
            self.driver.relay.task_finished(finished, self.driver.now);
        }
    }

    fn finish_turn(&mut self) {
        let closed = self.driver.finish_turn();
        while let Some(task) = self.driver.relay.pop_task() {
            self.tasks.push_back(task);
        }
        let mut taken: Vec<(ConnId, Vec<u8>)> = closed
            .into_iter()
            .map(|socket| (socket.id, socket.taken))
            .collect();
        for client in &self.clients {
            if let Some(socket) = self.driver.socket(client.id) {
                taken.push((client.id, std::mem::take(&mut socket.taken)));
            }
        }
        for (id, bytes) in taken {
            self.hear(id, &bytes);
        }
        let driver = &mut self.driver;
        self.clients
            .retain(|client| driver.socket(client.id).is_some());
    }

    fn hear(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(client) = self.clients.iter_mut().find(|client| client.id == id) else {
            return;
        };
        client.decoder.feed(bytes);
        while let Some(output) = client.decoder.next(false).expect("the server speaks well") {
            match output {
                Output::Answer { status, .. } => assert_eq!(status, 101),
                Output::Frame { opcode: 8, payload } => {
                    assert!(payload.ends_with(b"output limit"), "{id}: {payload:?}");
                    client.is_over = true;
                    self.closed_for_limit += 1;
                }
                Output::Frame { opcode: 1, payload } => {
                    let position: u64 = text(&payload).parse().expect("a position");
                    assert!(client.with_ids && position > client.last_id);
                    client.last_id = position;
                    client.positions += 1;
                    assert_eq!(client.positions, 1, "{id}: two positions");
                }
                Output::Frame { payload, .. } => client.hear(&payload, &mut self.ids),
            }
        }
    }

    /// Everything that waits is done, and everybody has read all.
    fn end(&mut self) {
        for _ in 0..400 {
            for index in 0..self.clients.len() {
                let id = self.clients[index].id;
                if let Some(socket) = self.driver.socket(id) {
                    socket.room = usize::MAX;
                    if socket.would_block {
                        self.driver.writable(id);
                    }
                }
            }
            self.perform(self.tasks.len(), 9);
            self.driver.pass(Duration::from_millis(600));
            self.resume();
            self.finish_turn();
        }
        for client in &self.clients {
            let next = client.next;
            let has_all = next.is_none_or(|next| next == self.sent);
            assert!(
                client.is_over || has_all,
                "{}: {next:?} of {}",
                client.id,
                self.sent
            );
            let positions = usize::from(client.with_ids);
            assert!(client.is_over || client.positions == positions);
        }
    }
}

impl Client {
    fn hear(&mut self, payload: &[u8], ids: &mut [Option<u64>]) {
        let mut text = text(payload);
        let mut id = None;
        if self.with_ids {
            let (digits, rest) = text.split_once('\n').expect("an id");
            let digits: u64 = digits.parse().expect("an id is a number");
            assert!(digits > self.last_id, "{}: {digits}", self.id);
            self.last_id = digits;
            id = Some(digits);
            text = rest;
        }
        let (number, _) = text.split_once(' ').expect("a number and more");
        let number: usize = number.parse().expect("a number");
        let next = self.next.unwrap_or(number);
        if self.is_complete {
            assert_eq!(number, next, "{}", self.id);
        } else {
            assert!(number >= next, "{}: {number} behind {next}", self.id);
        }
        self.next = Some(number + 1);
        if let Some(id) = id {
            let known = ids[number].get_or_insert(id);
            assert_eq!(*known, id, "all know a message by the same id");
        }
    }
}

fn text(payload: &[u8]) -> &str {
    str::from_utf8(payload).expect("only texts were sent")
}

fn connect(driver: &mut Driver, path: &str) -> ConnId {
    let address = PeerAddress::Unix;
    let id = driver.accept(0, address).expect("there is room");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    driver.receive(id, &mut request.into_bytes());
    id
}

/// Names the seed if the world of it does not come to its end.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FANTAIL_SIMULATION_SEED={}", self.0);
        }
    }
}

#[test]
fn whoever_comes_gets_each_message_once_and_in_order() {
    let variable = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match variable("FANTAIL_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("FANTAIL_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let is_sweep = seeds.end - seeds.start > 1;
    let (mut sent, mut closed) = (0, 0);
    for seed in seeds {
        let _seed = Seed(seed);
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.end();
        sent += world.sent;
        closed += world.closed_for_limit;
    }
    println!("{sent} messages, {closed} clients closed for the limit");
    assert!(!is_sweep || closed > 0, "nobody was ever too slow");
}
