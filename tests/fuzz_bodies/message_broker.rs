//! Commands of clients of the message broker, with a store that answers late or fails: invariants
//! hold after each, clients get sound frames, and who is rejected gets nothing behind that.
//!
//! The first byte says how the broker is set up. Behind it, each line is something that happens: its
//! first byte says what, its second to which of four clients. The fourth has a wrong password.

use std::collections::BTreeSet;
use std::time::Duration;

use super::driver::Driver;
use super::driver::decoder::{Decoder, Output};
use super::driver::workers::{Done, ModelStore, Workers};
use fantail::dialects::message_broker::MessageBroker;
use fantail::dialects::message_broker::settings::{Order, Settings as BrokerSettings};
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::DialectId;
use fantail::relay::task::MessageId;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use serde_json::Value;

/// Lines of an input that are looked at.
const MOST_LINES: usize = 200;

/// The client whose password is wrong.
const REJECTED: usize = 3;

/// `qa:password` and `qa:wrong`.
const AUTHORIZATIONS: [&str; 2] = ["cWE6cGFzc3dvcmQ=", "cWE6d3Jvbmc="];

const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// Does what each line says.
pub(crate) fn run(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(*first);
    for line in rest.split(|byte| *byte == b'\n').take(MOST_LINES) {
        world.act(line);
        world.turn();
    }
    world.end();
}

/// A connection, and what it has read.
struct Client {
    id: ConnId,
    decoder: Decoder,
    frames: usize,
}

struct World {
    driver: Driver,
    workers: Workers,
    store: ModelStore,
    clients: [Option<Client>; 4],
    /// What the store ever kept.
    ids: BTreeSet<MessageId>,
}

impl World {
    fn new(setup: u8) -> Self {
        Self {
            driver: driver(setup),
            workers: Workers::default(),
            store: ModelStore::default(),
            clients: [const { None }; 4],
            ids: BTreeSet::new(),
        }
    }

    fn act(&mut self, line: &[u8]) {
        let [what, who, rest @ ..] = line else {
            return;
        };
        let number = usize::from(*who);
        match what {
            b's' => return self.perform(number % 8),
            b'f' => {
                self.store.fails = number % 2 == 1;
                return;
            }
            b'+' => return self.driver.pass(Duration::from_millis(number as u64 * 50)),
            _ => {}
        }
        let Some(id) = self.client(number % 4) else {
            return;
        };
        match what {
            b'-' => self.driver.lost(id),
            b'x' => self.receive(id, CLOSE.to_vec()),
            b'.' => self.driver.end_of_input(id),
            b'|' => self.make_room(id, number),
            b'^' => self.make_room(id, usize::MAX),
            b'p' => self.receive(id, frame(0x8a, rest)),
            b'B' => self.receive(id, frame(0x82, rest)),
            _ => self.receive(id, frame(0x81, rest)),
        }
    }

    /// A client, which connects if it has to; it is let in, or not, at once or with the next turn.
    fn client(&mut self, index: usize) -> Option<ConnId> {
        if let Some(client) = &self.clients[index] {
            return Some(client.id);
        }
        let address = PeerAddress::tcp(([127, 0, 0, 1], 1).into());
        let id = self.driver.accept(0, address).ok()?;
        let authorization = AUTHORIZATIONS[usize::from(index == REJECTED)];
        self.receive(id, handshake(authorization));
        self.clients[index] = Some(Client {
            id,
            decoder: Decoder::default(),
            frames: 0,
        });
        Some(id)
    }

    fn receive(&mut self, id: ConnId, mut bytes: Vec<u8>) {
        if self.driver.may_read(id) {
            self.driver.receive(id, &mut bytes);
        }
    }

    fn perform(&mut self, count: usize) {
        let Self {
            driver,
            workers,
            store,
            ..
        } = self;
        workers.perform(store, Some(driver), count);
    }

    fn make_room(&mut self, id: ConnId, room: usize) {
        if let Some(socket) = self.driver.socket(id) {
            socket.room = room;
        }
        self.driver.writable(id);
    }

    fn turn(&mut self) {
        self.workers.take(&mut self.driver);
        self.workers.verify(&mut self.driver);
        for id in self.driver.unfinished() {
            self.driver.resume(id);
        }
        let buried = self.driver.finish_turn();
        self.workers.take(&mut self.driver);
        for done in self.store.done.drain(..) {
            match done {
                Done::Kept(ids) => self.ids.extend(ids),
                Done::Deleted(gone) => {
                    for (id, _) in gone {
                        assert!(self.ids.remove(&id), "{id} was deleted twice");
                    }
                }
            }
        }
        for (index, place) in self.clients.iter_mut().enumerate() {
            let Some(client) = place else { continue };
            let of_buried = buried.iter().find(|socket| socket.id == client.id);
            let bytes = match (self.driver.socket(client.id), of_buried) {
                (Some(socket), _) => std::mem::take(&mut socket.taken),
                (None, Some(socket)) => socket.taken.clone(),
                (None, None) => Vec::new(),
            };
            client.read(&bytes, index == REJECTED);
            place.take_if(|_| of_buried.is_some());
        }
    }

    /// Everybody goes, and nothing is left.
    fn end(&mut self) {
        for client in self.clients.iter().flatten() {
            self.driver.lost(client.id);
        }
        self.turn();
        while !self.workers.are_idle() {
            self.perform(usize::MAX);
            self.turn();
        }
        self.driver.pass(Duration::from_secs(3_600));
        self.turn();
        self.perform(usize::MAX);
        self.turn();
        let relay = &self.driver.relay;
        assert_eq!((relay.connections(), relay.memory()), (0, 0));
    }
}

impl Client {
    fn read(&mut self, bytes: &[u8], rejected: bool) {
        self.decoder.feed(bytes);
        while let Some(output) = self
            .decoder
            .next(false)
            .unwrap_or_else(|fault| panic!("{fault}"))
        {
            let Output::Frame { opcode, payload } = output else {
                continue;
            };
            self.frames += 1;
            match opcode {
                1 => check_text(&payload, self.frames == 1, rejected),
                9 => assert!(!payload.is_empty() && !rejected, "a ping"),
                // Only who has sent a close frame gets one.
                8 | 10 => assert!(!rejected),
                _ => panic!("a frame with opcode {opcode}"),
            }
        }
        assert!(!rejected || self.frames <= 1, "told more than that");
    }
}

/// What the server says is JSON; what it passes on is a command of a client, and so is JSON, too.
fn check_text(payload: &[u8], first: bool, rejected: bool) {
    let text = std::str::from_utf8(payload).expect("it is UTF-8");
    assert!(!text.is_empty());
    // What a client sent may have numbers that no one can hold.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return assert!(!first && text.contains("send-message"), "{text}");
    };
    let command = value["command"].as_str().unwrap_or_default();
    match command {
        "connect" => {
            let code = if first && rejected { "01" } else { "00" };
            let expected = value["response_code"] == code;
            assert!(expected || !first, "{text}");
        }
        "send-message" | "confirm" => assert!(!first && !rejected, "{text}"),
        _ => panic!("{text}"),
    }
}

fn driver(setup: u8) -> Driver {
    let choose = |bit: u8| setup & (1 << bit) != 0;
    let limits = Limits {
        memory: 1_000_000,
        connections: 100,
        output: 4_000,
        output_soft: 2_000,
        failed_logins: usize::MAX,
        store_tasks: if choose(0) { 3 } else { 1_000 },
        store_queue: 2_000,
        store_messages: 20,
        store_channel_messages: 10,
        confirmation: 64,
        channel_name: 64,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: Vec::new(),
        control_secret: Secret::default(),
    };
    let broker = MessageBroker::new(BrokerSettings {
        number_of_receiver: usize::from(choose(1)),
        keep_data: !choose(2),
        delay_send: Duration::from_millis(if choose(3) { 100 } else { 0 }),
        limit: if choose(4) { 3 } else { 1 },
        order: if choose(5) {
            Order::RoundRobin
        } else {
            Order::LongestConnected
        },
        ..BrokerSettings::default()
    });
    let services = vec![Service::clients(vec![DialectId::new(0)])];
    let relay = Relay::new(settings, vec![Box::new(broker)], services);
    let rng = fastrand::Rng::with_seed(0);
    Driver::new(relay, Duration::from_secs(1_800_000_000), rng)
}

fn handshake(authorization: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Basic {authorization}\r\n\r\n"
    )
    .into_bytes()
}

/// A frame masked with zeros; of a control frame, as much as it may have.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let longest = if first & 8 == 8 { 125 } else { 0xffff };
    let payload = payload.get(..longest).unwrap_or(payload);
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0xfe);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
