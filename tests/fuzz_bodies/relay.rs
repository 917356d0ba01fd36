//! The relay under any operations in any order: its invariants hold after each turn, what it
//! sends can be decoded, and in the end nothing is left of anybody.
//!
//! The bytes are read as operations with their arguments; bytes that have run out are zeros.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::driver::Driver;
use super::driver::decoder::Decoder;
use fantail::dialects::echo::Echo;
use fantail::dialects::topics::Topics;
use fantail::dialects::topics::settings::{PrefixPolicy, Settings as TopicsSettings};
use fantail::limits::Limits;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::{Dialect, DialectId};
use fantail::relay::output_policy::OutputPolicy;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;

/// A token for `/a` with the secret `s` and no audience, good until the year 2100.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJhdWQiOiIvYSIsImV4cCI6NDEwMjQ0NDgwMH0.\
    sfLbOKSTl0_1H981dhwcufAby7pCPPFnH50G8XF0wkU";

const PATHS: [&str; 8] = [
    "/a", "/in/a", "/out/a", "/old", "/new", "/latest", "/echo", "/ws",
];

/// Operations out of bytes.
struct Operations<'a>(&'a [u8]);

impl<'a> Operations<'a> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

/// Runs the operations.
pub(crate) fn run(data: &[u8]) {
    let mut operations = Operations(data);
    let mut world = World::new(&mut operations);
    for _ in 0..500 {
        if operations.0.is_empty() {
            break;
        }
        world.operate(&mut operations);
    }
    world.end();
}

struct World {
    driver: Driver,
    clients: Vec<ConnId>,
    decoders: Vec<(ConnId, Decoder)>,
    draining: bool,
}

impl World {
    fn new(operations: &mut Operations<'_>) -> Self {
        let secret = if operations.byte().is_multiple_of(4) {
            "s"
        } else {
            ""
        };
        let topics = TopicsSettings {
            secret: Secret::new(secret),
            policies: [
                ("/old", OutputPolicy::DropOld),
                ("/new", OutputPolicy::DropNew),
                ("/latest", OutputPolicy::Latest),
            ]
            .map(|(prefix, policy)| PrefixPolicy {
                prefix: prefix.to_owned(),
                policy,
            })
            .to_vec(),
            ..TopicsSettings::default()
        };
        let dialects: Vec<Box<dyn Dialect>> = vec![Box::new(Topics::new(topics)), Box::new(Echo)];
        let services = [vec![0], vec![0, 1], vec![1]]
            .map(|dialects| Service::clients(dialects.into_iter().map(DialectId::new).collect()));
        let relay = Relay::new(settings(operations), dialects, services.to_vec());
        let rng = fastrand::Rng::with_seed(operations.byte().into());
        Self {
            driver: Driver::new(relay, Duration::from_secs(1_800_000_000), rng),
            clients: Vec::new(),
            decoders: Vec::new(),
            draining: false,
        }
    }

    fn operate(&mut self, operations: &mut Operations<'_>) {
        let operation = operations.byte() % 20;
        let id = match self.clients.len() {
            0 => None,
            count => Some(self.clients[operations.below(count)]),
        };
        match (operation, id) {
            (0..=2, _) | (_, None) => self.connect(operations),
            (3 | 4, Some(id)) => {
                let path = PATHS[operations.below(PATHS.len())];
                self.receive(id, upgrade(path).as_bytes());
            }
            (5 | 6, Some(id)) => self.receive(id, operations.bytes()),
            (7..=10, Some(id)) => {
                let frames = frame(operations);
                self.receive(id, &frames);
            }
            (11, Some(id)) => {
                if self.driver.may_read(id) {
                    self.driver.end_of_input(id);
                }
            }
            (12, Some(id)) => self.driver.lost(id),
            (13, Some(id)) => {
                let room = match operations.byte() {
                    255 => usize::MAX,
                    room => usize::from(room) * 8,
                };
                if let Some(socket) = self.driver.socket(id) {
                    socket.room = room;
                    socket.broken = room == 8;
                }
                self.driver.writable(id);
            }
            (14, _) => {
                let time = Duration::from_millis(1 << (operations.byte() % 24));
                self.driver.pass(time);
            }
            (15, Some(id)) => self.stale(id, operations),
            (16, _) if operations.byte().is_multiple_of(16) => {
                self.draining = true;
                self.driver.relay.begin_drain(self.driver.now);
            }
            (16, _) => {
                let settings = settings(operations);
                self.driver.relay.reconfigure(settings);
            }
            (17, _) => self.driver.now.wall = Duration::from_secs(1 << (operations.byte() % 34)),
            _ => self.turn(),
        }
    }

    fn connect(&mut self, operations: &mut Operations<'_>) {
        if self.draining {
            return;
        }
        let listener = operations.below(3) as u16;
        let address = match operations.byte() % 4 {
            0 => PeerAddress::Unix,
            1 => PeerAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
            host => PeerAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), 1),
        };
        if let Ok(id) = self.driver.accept(listener, address) {
            self.clients.push(id);
            self.decoders.push((id, Decoder::default()));
        }
    }

    fn receive(&mut self, id: ConnId, bytes: &[u8]) {
        if self.driver.socket(id).is_some() && self.driver.may_read(id) {
            self.driver.receive(id, &mut bytes.to_vec());
        }
    }

    /// Events for connections that are dead, or never were.
    fn stale(&mut self, id: ConnId, operations: &mut Operations<'_>) {
        let id = ConnId::from_parts(id.index() as u32, id.generation().wrapping_sub(1));
        let (relay, now) = (&mut self.driver.relay, self.driver.now);
        match operations.byte() % 5 {
            0 => drop(relay.receive(id, &mut operations.bytes().to_vec(), now)),
            1 => relay.end_of_input(id, now),
            2 => relay.lost(id, "stale"),
            3 => drop(relay.resume(id, now)),
            _ => relay.write_side_shut(id, now),
        }
    }

    fn turn(&mut self) {
        for id in self.driver.unfinished() {
            self.driver.resume(id);
        }
        let buried = self.driver.finish_turn();
        let mut taken: Vec<(ConnId, Vec<u8>)> = Vec::new();
        for (id, _) in &self.decoders {
            if let Some(socket) = self.driver.socket(*id) {
                taken.push((*id, std::mem::take(&mut socket.taken)));
            }
        }
        taken.extend(buried.into_iter().map(|socket| (socket.id, socket.taken)));
        for (id, bytes) in taken {
            let decoder = self.decoders.iter_mut().find(|(other, _)| *other == id);
            if let Some((_, decoder)) = decoder {
                decoder.feed(&bytes);
                // A HEAD request is the fuzzer's to find; its answer would not be understood.
                while let Ok(Some(_)) = decoder.next(false) {}
            }
        }
        let driver = &mut self.driver;
        self.clients.retain(|id| driver.socket(*id).is_some());
        self.decoders.retain(|(id, _)| driver.socket(*id).is_some());
    }

    fn end(&mut self) {
        self.turn();
        for id in self.clients.clone() {
            if self.driver.may_read(id) {
                self.driver.end_of_input(id);
            }
        }
        for _ in 0..10_000 {
            self.turn();
            let connections = self.driver.relay.connections();
            match self.driver.relay.next_deadline() {
                Some(next) => {
                    let wait = next.since(self.driver.now.moment);
                    self.driver.pass(wait.max(Duration::from_millis(1)));
                }
                None => assert_eq!(connections, 0, "nothing will end them"),
            }
            if connections == 0 {
                break;
            }
        }
        let relay = &self.driver.relay;
        assert_eq!(
            (relay.connections(), relay.memory(), relay.hub().len()),
            (0, 0, 0)
        );
    }
}

fn settings(operations: &mut Operations<'_>) -> Settings {
    let small = |byte: u8| usize::from(byte) + 1;
    Settings {
        limits: Limits {
            head: 256 + small(operations.byte()),
            http_body: 16 * small(operations.byte()),
            message: 4 * small(operations.byte()),
            topics_message: 16 * small(operations.byte()),
            fragments: 1 + operations.below(8),
            output: 64 * small(operations.byte()),
            output_soft: 16 * small(operations.byte()),
            memory: 512 * small(operations.byte()),
            connections: 1 + operations.below(32),
            connections_per_address: 1 + operations.below(8),
            frames_per_turn: 1 + operations.below(16),
            messages: operations.below(4) * 5,
            ..Limits::default()
        },
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")],
        control_secret: Default::default(),
    }
}

fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A frame whose header is right but for what the bytes make wrong.
fn frame(operations: &mut Operations<'_>) -> Vec<u8> {
    let first = match operations.byte() % 10 {
        0 | 1 => 0x81,
        2 | 3 => 0x82,
        4 => 0x01,
        5 => 0x80,
        6 => 0x00,
        7 => 0x89,
        8 => 0x8a,
        _ => 0x88,
    };
    let repeat = operations.below(4);
    let payload = match operations.byte() {
        255 => TOKEN.as_bytes().to_vec(),
        _ => operations.bytes().repeat(repeat + 1),
    };
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0xfe);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&payload);
    frame
}
