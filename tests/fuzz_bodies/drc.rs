//! Messages of clients of DRC: invariants hold after each, every answer is JSON, and what passes
//! through is what was written.
//!
//! Each line is something that one of four clients does: its first byte says what, its second who.
//! What a line sends may name the last token that was granted: `$` stands for it.

use std::time::Duration;

use super::driver::Driver;
use super::driver::decoder::{Decoder, Output};
use fantail::dialects::drc::Drc;
use fantail::dialects::drc::settings::{Protocols, Settings as DrcSettings};
use fantail::limits::Limits;
use fantail::protocol::origin::Origin;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::DialectId;
use fantail::relay::random::RandomSource;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use serde_json::Value;
use serde_json::value::RawValue;

/// Addresses of the clients: an authority, one for the protocol `p`, and two that are none.
const ADDRESSES: [[u8; 4]; 4] = [
    [127, 0, 0, 1],
    [192, 0, 2, 1],
    [198, 51, 100, 1],
    [198, 51, 100, 2],
];

/// Lines of an input, and how many of them are looked at by themselves: more only take time.
const MOST_LINES: usize = 100;
const MOST_PROBES: usize = 4;

const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// Members of a message that do not come from its sender as they are.
const OWN: [&str; 5] = ["channel", "success", "from", "cmd", "to"];

/// Does what each line says.
pub(crate) fn run(data: &[u8]) {
    let mut world = World::new();
    let mut objects = Vec::new();
    for line in data.split(|byte| *byte == b'\n').take(MOST_LINES) {
        world.act(line);
        world.turn();
        objects.extend(line.get(2..).filter(|line| line.starts_with(b"{")));
    }
    world.end();
    probe(data);
    for object in objects.into_iter().take(MOST_PROBES) {
        probe(object);
    }
}

/// A connection, and what it has read.
struct Client {
    id: ConnId,
    decoder: Decoder,
}

struct World {
    driver: Driver,
    clients: [Option<Client>; 4],
    /// The last token that was granted.
    token: String,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            drc_channels_per_connection: 2,
            drc_channels: 4,
            drc_grants: 3,
            drc_extra: 64,
            drc_memory: 4_000,
            output: 4_000,
            output_soft: 2_000,
            failed_logins: 20,
            ..Limits::default()
        };
        Self {
            driver: driver(&limits),
            clients: [const { None }; 4],
            token: String::new(),
        }
    }

    fn act(&mut self, line: &[u8]) {
        let [what, who, rest @ ..] = line else {
            return;
        };
        let index = usize::from(*who) % ADDRESSES.len();
        let Some(id) = self.client(index) else {
            return;
        };
        match what {
            b'-' => self.driver.lost(id),
            b'x' => self.receive(id, &CLOSE),
            b'.' => self.driver.end_of_input(id),
            b'|' => self.make_room(id, usize::from(*who)),
            b'^' => self.make_room(id, usize::MAX),
            b'+' => self.driver.pass(Duration::from_secs((*who).into())),
            b'r' => self.reload(who & 4 == 0),
            b'B' => self.send(id, 0x82, rest),
            _ => self.send(id, 0x81, rest),
        }
    }

    /// A client, which connects if it has to.
    fn client(&mut self, index: usize) -> Option<ConnId> {
        if let Some(client) = &self.clients[index] {
            return Some(client.id);
        }
        let id = connect(&mut self.driver, ADDRESSES[index])?;
        let decoder = Decoder::default();
        self.clients[index] = Some(Client { id, decoder });
        Some(id)
    }

    fn receive(&mut self, id: ConnId, bytes: &[u8]) {
        if self.driver.may_read(id) {
            self.driver.receive(id, &mut bytes.to_vec());
        }
    }

    fn send(&mut self, id: ConnId, first: u8, line: &[u8]) {
        let parts: Vec<&[u8]> = line.split(|byte| *byte == b'$').collect();
        let payload = parts.join(self.token.as_bytes());
        self.receive(id, &frame(first, &payload));
    }

    fn make_room(&mut self, id: ConnId, room: usize) {
        if let Some(socket) = self.driver.socket(id) {
            socket.room = room;
        }
        self.driver.writable(id);
    }

    fn reload(&mut self, full: bool) {
        let mut settings = settings();
        if !full {
            settings.whitelist.clear();
        }
        dialect(&mut self.driver).reconfigure(settings);
    }

    fn turn(&mut self) {
        let buried = self.driver.finish_turn();
        if let Err(fault) = dialect(&mut self.driver).check_invariants() {
            panic!("{fault}");
        }
        for place in &mut self.clients {
            let Some(client) = place else { continue };
            let socket = self.driver.socket(client.id);
            let bytes = match socket {
                Some(socket) => std::mem::take(&mut socket.taken),
                None => Vec::new(),
            };
            client.decoder.feed(&bytes);
            for (_, text) in messages(&mut client.decoder) {
                let granted = text.split_once(r#""cmd":"GRANTED","token":""#);
                if let Some((token, _)) = granted.and_then(|(_, rest)| rest.split_once('"')) {
                    token.clone_into(&mut self.token);
                }
            }
            place.take_if(|client| buried.iter().any(|socket| socket.id == client.id));
        }
    }

    /// Everybody goes, and nothing is left.
    fn end(&mut self) {
        for client in self.clients.iter().flatten() {
            self.driver.lost(client.id);
        }
        self.turn();
        self.driver.pass(Duration::from_secs(31));
        self.turn();
        let relay = &self.driver.relay;
        assert_eq!(
            (relay.connections(), relay.memory(), relay.hub().len()),
            (0, 0, 0)
        );
        assert_eq!(relay.next_deadline(), None, "a grant is left");
    }
}

/// Whether a message is taken for what it is, and, with a channel and a recipient added to it,
/// comes back as it was written.
fn probe(payload: &[u8]) {
    let limits = Limits {
        failed_logins: usize::MAX,
        ..Limits::default()
    };
    let mut driver = driver(&limits);
    let mut ask = |address, messages: &[&[u8]]| {
        let id = connect(&mut driver, address).expect("there is room");
        for message in messages {
            driver.receive(id, &mut frame(0x82, message));
        }
        driver.finish_turn();
        let mut decoder = Decoder::default();
        let socket = driver.socket(id).expect("it is connected");
        decoder.feed(&std::mem::take(&mut socket.taken));
        driver.lost(id);
        driver.finish_turn();
        self::messages(&mut decoder)
    };
    // A client that is nobody can change nothing with it.
    let answers = ask(ADDRESSES[3], &[payload]);
    let [(2, answer)] = answers.as_slice() else {
        panic!("not one answer in the opcode of the request: {answers:?}");
    };
    let fault = |code: &str| answer.ends_with(&format!(r#","errorcode":"{code}"}}"#));
    let text = std::str::from_utf8(payload).unwrap_or_default();
    let Ok(value) = serde_json::from_str::<&RawValue>(text) else {
        return assert!(fault("invalid_data"), "{answer}");
    };
    let sent = match value.get().as_bytes() {
        [b'{', ..] => members(text),
        [b'[', ..] => Vec::new(),
        _ => return assert!(fault("invalid_data"), "{answer}"),
    };
    if fault("invalid_data") {
        assert!(may_be_refused(text), "{answer}");
        return;
    }
    let cmd = sent.iter().rfind(|(name, _)| decode(name) == "cmd");
    let command = cmd.and_then(|(_, cmd)| serde_json::from_str::<String>(cmd).ok());
    let is_sound = |command: &&str| !["GRANTED", "JOINED", "LEFT"].contains(command);
    let command = command.as_deref().filter(is_sound);
    assert_eq!(command.is_none(), fault("missing_invalid_cmd"), "{answer}");
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let found = value.get("cmd").and_then(Value::as_str);
        assert_eq!(found.filter(is_sound), command);
    }
    let (Some(command), Some((_, cmd))) = (command, cmd) else {
        return;
    };
    if ["GRANT", "JOIN", "LEAVE", "SET_EXTRA"].contains(&command) {
        return;
    }
    let object = text.trim_end().strip_suffix('}').expect("an object");
    // The last one of several counts.
    let message = format!(r#"{object},"channel":"1","to":-1}}"#);
    let join = br#"{"cmd":"JOIN","channel":"c","protocol":"p"}"#;
    let answers = ask(ADDRESSES[0], &[join, message.as_bytes()]);
    let [_, (2, echo)] = answers.as_slice() else {
        panic!("not two answers: {answers:?}");
    };
    let passed = sent
        .iter()
        .filter(|(name, _)| !OWN.contains(&&*decode(name)));
    let mut expected = format!(r#"{{"channel":1,"success":true,"from":2,"cmd":{cmd}"#);
    for (name, value) in passed {
        expected.push_str(&format!(",{name}:{value}"));
    }
    assert_eq!(*echo, expected + "}");
}

/// Whether JSON may be refused: half of a surrogate pair, or deep nesting.
fn may_be_refused(text: &str) -> bool {
    let nested = text.matches(['[', '{']).count();
    let has_surrogate = text.to_ascii_lowercase().contains("\\ud");
    nested > 512 || has_surrogate && serde_json::from_str::<Value>(text).is_err()
}

/// The messages in what a client has read: their opcodes and texts, which are JSON.
fn messages(decoder: &mut Decoder) -> Vec<(u8, String)> {
    let mut messages = Vec::new();
    while let Some(output) = decoder.next(false).expect("what a server may send") {
        if let Output::Frame {
            opcode: opcode @ (1 | 2),
            payload,
        } = output
        {
            let text = String::from_utf8(payload).expect("JSON is UTF-8");
            let json: Result<&RawValue, _> = serde_json::from_str(&text);
            assert!(json.is_ok() && text.starts_with('{'), "{text}");
            messages.push((opcode, text));
        }
    }
    messages
}

/// The members of an object that is sound, as they were written.
fn members(object: &str) -> Vec<(&str, &str)> {
    let object = object.trim_matches([' ', '\t', '\n', '\r']);
    let inner = &object[1..object.len() - 1];
    let (mut members, mut depth, mut start, mut colon) = (Vec::new(), 0, 0, None);
    let (mut in_string, mut escaped) = (false, false);
    let whitespace = [' ', '\t', '\n', '\r'];
    let mut end_member = |range: std::ops::Range<usize>, colon: &mut Option<usize>| {
        if let Some(colon) = colon.take() {
            let (name, value) = (&inner[range.start..colon], &inner[colon + 1..range.end]);
            members.push((
                name.trim_matches(whitespace),
                value.trim_matches(whitespace),
            ));
        }
    };
    for (index, byte) in inner.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b':' if depth == 0 => colon = Some(index),
            b',' if depth == 0 => {
                end_member(start..index, &mut colon);
                start = index + 1;
            }
            _ => {}
        }
    }
    end_member(start..inner.len(), &mut colon);
    members
}

fn decode(name: &str) -> String {
    serde_json::from_str(name).expect("a string")
}

/// Bytes that anybody could guess.
#[derive(Debug)]
struct Counting(u8);

impl RandomSource for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
        true
    }
}

fn settings() -> DrcSettings {
    let only_p = Protocols::Only(["p".into()].into());
    DrcSettings {
        whitelist: vec![
            ("127.0.0.1/32".parse().expect("a network"), Protocols::All),
            ("192.0.2.0/24".parse().expect("a network"), only_p),
        ],
        tokens: vec![(Secret::new("secret"), Protocols::All)],
        origins: vec![Origin::Any],
    }
}

fn driver(limits: &Limits) -> Driver {
    let relay_settings = Settings {
        limits: Limits {
            memory: 1_000_000,
            connections: 100,
            ..limits.clone()
        },
        trusted_proxies: Vec::new(),
        control_secret: Secret::default(),
    };
    let services = vec![Service::clients(vec![DialectId::new(0)])];
    let dialect = Box::new(Drc::new(settings()));
    let relay = Relay::new(relay_settings, vec![dialect], services);
    let relay = relay.with_random_source(Box::new(Counting(0)));
    let rng = fastrand::Rng::with_seed(0);
    Driver::new(relay, Duration::from_secs(1_800_000_000), rng)
}

fn dialect(driver: &mut Driver) -> &mut Drc {
    driver.relay.dialect_mut().expect("it is there")
}

/// A connection that has shaken hands.
fn connect(driver: &mut Driver, address: [u8; 4]) -> Option<ConnId> {
    let id = driver.accept(0, PeerAddress::tcp((address, 1).into()));
    let id = id.ok()?;
    let mut head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Origin: http://localhost\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    driver.receive(id, &mut head);
    Some(id)
}

/// A frame masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
