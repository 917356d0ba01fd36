//! The world: a relay, its clients, the clocks and the seed.

use std::collections::HashMap;
use std::time::Duration;

use fantail::dialects::topics::statistics::PAGE;
use fantail::limits::Limit;
use fantail::protocol::ws_deflate::Deflater;
use fantail::relay::Reading;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::counters::Counters;

use flate2::{Compress, Compression};

use super::client::{Access, Client, Pending, Phase};
use super::driver::decoder::Output;
use super::driver::{Driver, Socket};
use super::model::Count;
use super::places::{GROUPS, Place};
use super::settings::{self, Serves};
use super::wire::{self, ACCEPT, Sent};

/// When the world begins, on the wall clock.
pub(crate) const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// A world.
pub(crate) struct World {
    pub(crate) driver: Driver,
    pub(crate) rng: fastrand::Rng,
    pub(crate) clients: Vec<Client>,
    pub(crate) with_tokens: bool,
    /// Topics compress.
    pub(crate) compression: bool,
    /// Says how long messages are that the relay compresses.
    pub(crate) deflater: Deflater,
    /// What clients compress with.
    pub(crate) compress: Compress,
    pub(crate) tokens: HashMap<(usize, u64), String>,
    /// Topics that most clients go to.
    pub(crate) preferred: Vec<usize>,
    pub(crate) draining: bool,
    /// Names of connections that are dead, some of them of those that have successors.
    pub(crate) dead: Vec<ConnId>,
    /// Messages sent so far, so that each has a payload of its own.
    pub(crate) messages: u64,
    /// Frames that the model put into outboxes of topics' clients.
    pub(crate) published: u64,
    /// Clients cut for the memory limit before this turn.
    pub(crate) memory_cuts: u64,
    /// The highest output limit that ever was in force.
    pub(crate) highest_output: usize,
    /// Something was received since the last turn, after which the memory limit is looked at.
    pub(crate) received: bool,
    counters: Counters,
    generations: Vec<u32>,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let with_tokens = rng.u8(..3) == 0;
        let compression = rng.bool();
        let relay = settings::relay(&mut rng, with_tokens, compression);
        let preferred = (0..rng.usize(1..=2))
            .flat_map(|_| GROUPS[rng.usize(..GROUPS.len())])
            .copied()
            .collect();
        let deflater = Deflater::new(relay.settings().limits.compression);
        Self {
            highest_output: relay.settings().limits.output,
            counters: relay.counters().clone(),
            driver: Driver::new(relay, BEGIN, rng.fork()),
            rng,
            clients: Vec::new(),
            with_tokens,
            compression,
            deflater,
            compress: Compress::new(Compression::fast(), false),
            preferred,
            tokens: HashMap::new(),
            draining: false,
            dead: Vec::new(),
            messages: 0,
            published: 0,
            memory_cuts: 0,
            received: false,
            generations: Vec::new(),
        }
    }

    /// A client connects.
    pub(crate) fn connect(&mut self, listener: u16, address: PeerAddress) {
        let now = self.driver.now.moment;
        let id = match self.driver.accept(listener, address) {
            Ok(id) => id,
            Err(answer) => {
                let refused = [&b"HTTP/1.1 429 "[..], b"HTTP/1.1 503 "];
                assert!(refused.iter().any(|begin| answer.starts_with(begin)));
                return;
            }
        };
        if self.generations.len() <= id.index() {
            self.generations.resize(id.index() + 1, 0);
        }
        let generation = &mut self.generations[id.index()];
        assert_eq!(*generation, id.generation(), "{id}: generation");
        *generation += 1;
        let trusted = address.ip().is_none_or(|ip| ip.is_loopback());
        let mut client = Client::new(id, Serves::of(listener), trusted, now);
        client.polite = self.rng.u8(..8) > 0;
        let peer = self.driver.relay.peer(id).expect("just accepted");
        if peer.surplus {
            client.expect(&[429, 503], false, None);
            client.excuses.last_answer = true;
            client.phase = Phase::Over;
            client.refusing = true;
        }
        self.clients.push(client);
    }

    /// The relay gets `count` bytes of a client, if the reactor would read.
    pub(crate) fn deliver(&mut self, index: usize, count: usize) {
        let client = &mut self.clients[index];
        let id = client.id;
        let count = count.min(client.pipe.len());
        if !self.driver.may_read(id) {
            return;
        }
        if count == 0 {
            if client.ends_input && !client.excuses.end_of_input && client.pipe.len() == 0 {
                client.excuses.end_of_input = true;
                client.phase = Phase::Over;
                client.refusing = true;
                self.driver.end_of_input(id);
            }
            return;
        }
        let before = Count::of(&mut self.driver.relay);
        client.delivered += count as u64;
        self.received = true;
        let reading = self.driver.receive(id, client.pipe.take(count));
        self.explain(index, before, reading);
    }

    /// A connection breaks.
    pub(crate) fn lose(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.excuses.reset = true;
        client.phase = Phase::Over;
        client.refusing = true;
        self.driver.lost(client.id);
    }

    /// Goes on with connections that were stopped; some only later.
    pub(crate) fn resume(&mut self, all: bool) {
        for id in self.driver.unfinished() {
            if !all && self.rng.u8(..4) == 0 {
                continue;
            }
            let before = Count::of(&mut self.driver.relay);
            let reading = self.driver.resume(id);
            if let Some(index) = self.position(id) {
                self.received = true;
                self.explain(index, before, reading);
            }
        }
    }

    /// The place of a client that lives.
    pub(crate) fn position(&self, id: ConnId) -> Option<usize> {
        self.clients.iter().position(|client| client.id == id)
    }

    /// The rest of a turn, and all that is to be checked after one.
    pub(crate) fn finish_turn(&mut self) {
        let output = self.driver.relay.settings().limits.output;
        for client in &mut self.clients {
            // Not even a ping has room where the limit was lowered.
            client.excuses.unread_answers |= client.waiting + 127 > 2 * output;
        }
        let buried = self.driver.finish_turn();
        for index in 0..self.clients.len() {
            let id = self.clients[index].id;
            if let Some(socket) = self.driver.socket(id) {
                let taken = std::mem::take(&mut socket.taken);
                let (shut, broken) = (socket.shut, socket.broken);
                self.clients[index].excuses.reset |= broken;
                self.read(index, &taken);
                self.see_shut(index, shut);
            }
        }
        for socket in buried {
            self.bury(&socket);
        }
        for index in 0..self.clients.len() {
            self.observe(index);
        }
        self.check_memory();
        self.check_counters();
        let cuts = self.driver.relay.counters().limit(Limit::Memory);
        self.memory_cuts = cuts;
    }

    fn bury(&mut self, socket: &Socket) {
        let id = socket.id;
        let index = self
            .position(id)
            .unwrap_or_else(|| panic!("{id}: no client"));
        self.read(index, &socket.taken);
        self.see_shut(index, socket.shut);
        self.clients[index].excuses.reset |= socket.broken;
        let client = &self.clients[index];
        let excused = client.phase == Phase::Over && client.shut || self.may_have_ended(client);
        assert!(excused, "{id}: died for nothing: {client:?}");
        self.clients.swap_remove(index);
        if self.dead.len() == 64 {
            let place = self.rng.usize(..64);
            self.dead.swap_remove(place);
        }
        self.dead.push(id);
    }

    /// What the relay has made of a client in this turn.
    fn observe(&mut self, index: usize) {
        let client = &self.clients[index];
        let id = client.id;
        let peer = self.driver.relay.peer(id);
        let stage = peer.map_or("buried", |peer| peer.stage.name());
        let expected = match client.phase {
            Phase::Http => "http",
            Phase::Open(_) => "open",
            Phase::Over => stage,
        };
        if stage != expected {
            let passed: Vec<_> = self
                .counters
                .limits()
                .zip(self.driver.relay.counters().limits())
                .filter(|(before, now)| before != now)
                .map(|(_, (limit, _))| limit.reason())
                .collect();
            assert!(
                self.may_have_ended(client),
                "{id} is {stage} for nothing; limits passed: {passed:?}; {client:?}"
            );
        }
        let outboxes = self.driver.relay.outboxes();
        let open = outboxes.is_open(id);
        let waiting = outboxes
            .get(id)
            .map_or(0, fantail::relay::outbox::Outbox::waiting);
        let soft = outboxes.soft_since(id);
        let highest = 2 * self.highest_output + self.longest_frame() + 256;
        assert!(waiting <= highest, "{id}: {waiting} bytes wait");
        let client = &mut self.clients[index];
        if stage != expected {
            client.phase = Phase::Over;
        }
        let never = fantail::relay::moment::Tick::NEVER;
        client.excuses.soft &= soft != never || client.phase == Phase::Over;
        client.refusing = !open;
        client.waiting = waiting;
        let cut = client.excuses.overflow || client.excuses.unread_answers;
        if waiting == 0 && client.phase != Phase::Over && !cut {
            assert!(
                client.pending.is_empty() && client.pongs.is_empty() && client.answers.is_empty(),
                "{id}: lacks something: {client:?}"
            );
        }
    }

    /// That of the longest message, or the statistics page.
    fn longest_frame(&self) -> usize {
        let page = PAGE.len() + 1_000;
        page.max(self.driver.relay.settings().limits.message + 14)
    }

    fn check_memory(&mut self) {
        let limit = self.driver.relay.settings().limits.memory;
        if !std::mem::take(&mut self.received) {
            return;
        }
        // Those that are cut keep a close frame, and the rest of a frame that was begun, of which
        // the other form is kept, too.
        let frame = self.longest_frame();
        let kept: usize = self
            .clients
            .iter()
            .map(|client| 256 + if client.refusing { 2 * frame } else { 0 })
            .sum();
        let memory = self.driver.relay.memory();
        assert!(
            memory <= limit + kept,
            "{memory} bytes of memory, {limit} allowed"
        );
    }

    fn check_counters(&mut self) {
        let now = self.driver.relay.counters();
        let before = &self.counters;
        let plain = |counters: &Counters| {
            [
                counters.accepted,
                counters.requests,
                counters.handshakes,
                counters.messages_received,
                counters.bytes_received,
                counters.messages_delivered,
                counters.bytes_delivered,
                counters.peer_faults,
                counters.failed_logins,
            ]
        };
        let grown = plain(before)
            .iter()
            .zip(plain(now))
            .all(|(before, now)| *before <= now);
        let limits = before
            .limits()
            .zip(now.limits())
            .all(|((_, before), (_, now))| before <= now);
        assert!(grown && limits, "a counter shrank: {before:?} {now:?}");
        assert_eq!(now.messages_delivered, self.published, "messages delivered");
        self.counters.clone_from(now);
    }

    /// The kernel took bytes for a client: they are what was due, in order.
    fn read(&mut self, index: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.clients[index].decoder.feed(bytes);
        loop {
            let client = &mut self.clients[index];
            let id = client.id;
            let head_only = client.answers.front().is_some_and(|due| due.head_only);
            match client.decoder.next(head_only) {
                Ok(None) => break,
                Ok(Some(output)) => {
                    assert!(!client.closed, "{id}: {output:?} behind a close frame");
                    self.read_one(index, output);
                }
                Err(fault) => panic!("{id}: {fault}"),
            }
        }
    }

    fn read_one(&mut self, index: usize, output: Output) {
        match output {
            Output::Answer { status: 100, .. } => {}
            Output::Answer { status, head, body } => self.read_answer(index, status, &head, &body),
            Output::Frame { opcode: 8, payload } => self.read_close(index, &payload),
            Output::Frame { opcode: 9, payload } => {
                let client = &mut self.clients[index];
                if client.polite && !client.silent {
                    self.send_control(index, 0x8a, &payload, Sent::Pong);
                }
            }
            Output::Frame {
                opcode: 10,
                payload,
            } => {
                let client = &mut self.clients[index];
                assert_eq!(
                    client.pongs.pop_front(),
                    Some(payload),
                    "{}: pong",
                    client.id
                );
            }
            Output::Frame { opcode, payload } => self.read_message(index, opcode, &payload),
        }
    }

    fn read_answer(&mut self, index: usize, status: u16, head: &str, body: &[u8]) {
        let client = &mut self.clients[index];
        let id = client.id;
        let Some(due) = client.answers.pop_front() else {
            let refused = [400, 405, 413, 414, 429, 431, 501, 505].contains(&status);
            assert!(client.excuses.garbage && refused, "{id}: {head}");
            return;
        };
        assert!(due.statuses.contains(&status), "{id}: {head}, not {due:?}");
        assert!(status != 429 || !client.trusted, "{id}: {head}");
        if let (200, Some(expected)) = (status, due.body) {
            assert_eq!(String::from_utf8_lossy(body), expected, "{id}");
        }
        if status == 101 {
            assert!(head.contains(ACCEPT), "{id}: {head}");
            let agreed = client.decoder.is_deflate();
            assert_eq!(agreed, client.window.is_some(), "{id}: {head}");
        }
    }

    fn read_message(&mut self, index: usize, opcode: u8, payload: &[u8]) {
        let client = &mut self.clients[index];
        let id = client.id;
        if client.reports {
            assert!(
                opcode == 1 && payload.starts_with(b"{\"topic\":"),
                "{id}: report"
            );
            return;
        }
        let text = || String::from_utf8_lossy(payload);
        match client.pending.pop_front() {
            Some(Pending::Message(message)) => assert!(
                message.opcode == opcode && message.payload == payload,
                "{id}: {opcode} {:.200}, not {} {:.200}",
                text(),
                message.opcode,
                String::from_utf8_lossy(&message.payload)
            ),
            Some(Pending::Granted(expected)) => {
                assert_eq!((opcode, text().as_ref()), (1, &*expected));
            }
            Some(Pending::Denied) => {
                assert!(text().contains("\"authorised\":false"), "{id}: {}", text());
            }
            None => panic!("{id}: {opcode} {:.200} is not for it", text()),
        }
    }

    fn read_close(&mut self, index: usize, payload: &[u8]) {
        let client = &mut self.clients[index];
        client.closed = true;
        let id = client.id;
        let code = payload
            .first_chunk::<2>()
            .map(|code| u16::from_be_bytes(*code));
        let reason = std::str::from_utf8(payload.get(2..).unwrap_or_default())
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        let excuses = &client.excuses;
        let (expected, excused, all_sent) = match reason {
            "" => match excuses.close {
                Some(sent) => (sent, true, true),
                None => panic!("{id}: closed without a reason"),
            },
            "output limit" => {
                let excused = excuses.overflow || excuses.unread_answers;
                (Some(1008), excused, false)
            }
            "soft output time limit" => (Some(1008), excuses.soft, false),
            "memory limit" => (Some(1008), true, false),
            "token expired" | "not authorised" => (Some(1008), true, true),
            "control frames limit" => (Some(1008), excuses.control_frames, true),
            "authentication time limit" => (Some(1008), client.access == Access::Unproven, true),
            "message time limit" => (Some(1008), true, true),
            "pong time limit" | "topic pong time limit" => (Some(1001), true, true),
            _ if reason.starts_with("server stops; retry in ") => (Some(1001), self.draining, true),
            _ => (code, excuses.garbage, true),
        };
        assert_eq!(code, expected, "{id}: {reason}");
        assert!(excused, "{id}: {code:?} {reason}: {client:?}");
        if all_sent {
            assert!(client.pending.is_empty(), "{id}: {reason}: {client:?}");
            let may_lack = client.excuses.control_frames;
            assert!(may_lack || client.pongs.is_empty(), "{id}: {client:?}");
        }
        if client.polite && !client.silent {
            self.send_control(index, 0x88, payload, Sent::Close(code));
            self.clients[index].silent = true;
        }
    }

    fn see_shut(&mut self, index: usize, shut: bool) {
        let client = &mut self.clients[index];
        if !shut || client.shut {
            return;
        }
        client.shut = true;
        let id = client.id;
        let excuses = &client.excuses;
        assert!(
            client.decoder.begun().is_none(),
            "{id}: cut off within a frame"
        );
        let may_lack =
            client.closed || excuses.overflow || excuses.unread_answers || excuses.garbage;
        if client.decoder.is_websocket() {
            assert!(may_lack, "{id}: shut without a close frame: {client:?}");
        } else {
            assert!(client.answers.is_empty() || may_lack, "{id}: {client:?}");
        }
    }

    /// Queues a control frame.
    pub(crate) fn send_control(&mut self, index: usize, first: u8, payload: &[u8], what: Sent) {
        let key = self.rng.u32(..).to_be_bytes();
        let mut bytes = Vec::new();
        wire::frame(&mut bytes, first, payload, key);
        let client = &mut self.clients[index];
        let end = client.pipe.push(&bytes);
        client.sent.push_back((end, what));
    }

    /// Everybody ends, and the relay must be left as if there had never been anybody.
    pub(crate) fn end(&mut self) {
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            let id = client.id;
            if !client.killed {
                client.silent = true;
                client.ends_input = true;
                if let Some(socket) = self.driver.socket(id) {
                    socket.room = usize::MAX;
                }
                self.driver.writable(id);
            }
        }
        for _ in 0..20_000 {
            self.resume(true);
            for index in 0..self.clients.len() {
                if !self.clients[index].killed {
                    self.deliver(index, usize::MAX);
                    self.deliver(index, 0);
                }
            }
            self.finish_turn();
            if self.clients.is_empty() {
                break;
            }
            let next = self.driver.relay.next_deadline();
            let next = next.expect("connections without a deadline");
            let wait = next.since(self.driver.now.moment);
            self.driver.pass(wait.max(Duration::from_millis(1)));
        }
        self.check_nothing_left();
    }

    fn check_nothing_left(&mut self) {
        // Wakes of those that are gone.
        self.driver.pass(Duration::from_secs(48 * 3600));
        self.resume(true);
        self.finish_turn();
        let relay = &self.driver.relay;
        assert_eq!(
            (relay.connections(), relay.memory(), relay.hub().len()),
            (0, 0, 0),
            "connections, memory, channels"
        );
        if !self.draining {
            assert_eq!(relay.next_deadline(), None, "a timer is left");
        }
        let limit = relay.settings().limits.connections_per_address;
        let room = relay.settings().limits.connections;
        let address = super::actions::address(3);
        for _ in 0..limit.min(room) {
            let id = self.driver.accept(0, address).expect("nobody is connected");
            let peer = self.driver.relay.peer(id).expect("just accepted");
            assert!(
                !peer.surplus,
                "a connection of the address is still counted"
            );
        }
    }

    /// Events for connections that are dead change nothing; the model would show it.
    pub(crate) fn stale(&mut self, id: ConnId) {
        let (relay, now) = (&mut self.driver.relay, self.driver.now);
        match self.rng.u8(..8) {
            0 | 1 => {
                let mut bytes = Vec::new();
                wire::frame(&mut bytes, 0x82, b"of a dead client", [1, 2, 3, 4]);
                assert_eq!(relay.receive(id, &mut bytes, now), Reading::Over);
            }
            2 => {
                let mut bytes = b"GET /dead HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
                assert_eq!(relay.receive(id, &mut bytes, now), Reading::Over);
            }
            3 => assert_eq!(relay.receive(id, &mut [b'G'], now), Reading::Over),
            4 => relay.end_of_input(id, now),
            5 => relay.lost(id, "reset by the client"),
            6 => assert_eq!(relay.resume(id, now), Reading::Over),
            _ => {
                relay.write_side_shut(id, now);
                relay.outboxes().unblock(id);
                relay.outboxes().block(id);
                assert_eq!(relay.outboxes().written(id, 1), 0);
            }
        }
    }

    /// The token for a topic that ends at `expires`.
    pub(crate) fn token(&mut self, topic: usize, expires: u64) -> String {
        self.tokens
            .entry((topic, expires))
            .or_insert_with(|| settings::token(super::places::TOPICS[topic].path, expires))
            .clone()
    }

    /// The topic of a client's WebSocket.
    pub(crate) fn topic_of(&self, index: usize) -> Option<usize> {
        match self.clients[index].upgraded {
            Some(Place::Topic(topic)) => Some(topic),
            _ => None,
        }
    }
}
