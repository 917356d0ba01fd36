//! Programs on the control port and clients of ws(s)on, simulated: commands at random, cut
//! anywhere and mixed with those of others, while everybody comes and goes.
//!
//! What must follow is in the model: each client is sent what it must be, in order, once, and
//! nothing else; a locked one nothing but the parts of its message, and behind the last part what
//! came meanwhile; each command is answered, and an acknowledgement is true; when the owner of a
//! lock goes, the client is told. After every turn the relay's own invariants hold.
//!
//! A failure names its seed; `FANTAIL_SIMULATION_SEED=12345` runs that one alone, and
//! `FANTAIL_SIMULATION_SEEDS` and `FANTAIL_SIMULATION_STEPS` make the sweep longer.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod driver;
mod support;

use driver::Driver;
use fantail::dialects::wson::Wson;
use fantail::dialects::wson::credentials::{Token, make};
use fantail::dialects::wson::settings::{OnMessage, Settings as WsonSettings};
use fantail::limits::Limits;
use fantail::protocol::origin::Origin;
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::DialectId;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use std::collections::{HashMap, VecDeque};
use std::env;
use std::thread;
use std::time::Duration;
use support::{Frame, Opcode};

/// Seeds, and the steps of each.
const SHORT: (u64, u64) = (200, 400);

/// The wall clock at the beginning, in seconds since 1970.
const BEGINNING: u64 = 1_800_000_000;

const TOKENS: [&str; 4] = [
    "alice---------------------------",
    "bob-----------------------------",
    "carol---------------------------",
    "dave----------------------------",
];
const NOBODY: &str = "nobody--------------------------";
const PROGRAMS: usize = 4;
const MASK: [u8; 4] = [7, 77, 177, 0];

/// What a program says.
#[derive(Debug, Clone)]
enum Command {
    Broadcast(Message),
    Send {
        token: &'static str,
        message: Message,
        confirm: bool,
    },
    Lock(&'static str),
    Fragment {
        position: Position,
        message: Message,
    },
    Ping,
    Kick(&'static str),
    Events(bool),
    Quit,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    First,
    Middle,
    Last,
}

#[derive(Debug, Clone)]
struct Message {
    binary: bool,
    payload: Vec<u8>,
}

impl Message {
    fn opcode(&self) -> Opcode {
        if self.binary {
            Opcode::BINARY
        } else {
            Opcode::TEXT
        }
    }

    fn frame(&self) -> Frame {
        Frame::new(self.opcode(), self.payload.clone())
    }

    fn is_sound(&self) -> bool {
        self.binary || str::from_utf8(&self.payload).is_ok()
    }
}

impl Command {
    fn encode(&self) -> Vec<u8> {
        let frame = |lower: char, message: Option<&Message>, token: &str| {
            let binary = message.is_some_and(|message| message.binary);
            let letter = if binary {
                lower.to_ascii_uppercase()
            } else {
                lower
            };
            let payload = message.map_or(&[][..], |message| &message.payload);
            let mut bytes = format!("{}{letter}{token}", token.len() + payload.len()).into_bytes();
            bytes.extend_from_slice(payload);
            bytes
        };
        match self {
            Self::Broadcast(message) => frame('b', Some(message), ""),
            Self::Send {
                token,
                message,
                confirm,
            } => frame(if *confirm { 'c' } else { 'd' }, Some(message), token),
            Self::Lock(token) => frame('l', None, token),
            Self::Fragment { position, message } => {
                let letter = match position {
                    Position::First => 'f',
                    Position::Middle => 'i',
                    Position::Last => 's',
                };
                frame(letter, Some(message), "")
            }
            Self::Ping => frame('p', None, ""),
            Self::Kick(token) => frame('k', None, token),
            Self::Events(true) => frame('u', None, "text,binary"),
            Self::Events(false) => frame('u', None, ""),
            Self::Quit => frame('q', None, ""),
            Self::Unknown => frame('x', None, ""),
        }
    }
}

/// A client, and what it must be sent.
struct Client {
    id: ConnId,
    received: Vec<u8>,
    expected: VecDeque<Frame>,
    /// What waits behind the message of whoever has locked it.
    waiting: Vec<Frame>,
    owner: Option<usize>,
}

/// A lock, as its owner sees it.
struct Lock {
    token: &'static str,
    /// The message under way, and the text of it so far.
    message: Option<(bool, Vec<u8>)>,
}

/// What a program must be sent.
#[derive(Debug)]
enum Answer {
    /// A frame.
    Exactly(Vec<u8>),
    /// An event: its letter, and the message that it ends with.
    Event(u8, Vec<u8>),
}

/// A program.
struct Program {
    id: ConnId,
    /// Bytes that it has written and the server has not read.
    unread: VecDeque<u8>,
    /// Commands of which not all was read, and how many bytes each lacks.
    commands: VecDeque<(usize, Command)>,
    received: Vec<u8>,
    expected: VecDeque<Answer>,
    lock: Option<Lock>,
    events: bool,
    over: bool,
}

/// Everything.
struct World {
    driver: Driver,
    clients: HashMap<&'static str, Client>,
    programs: Vec<Option<Program>>,
    /// What is done at the end of the turn: clients that are closed, and why.
    closing: Vec<(&'static str, u16, &'static str)>,
    /// How often what happened: a simulation in which nothing does finds nothing.
    tally: HashMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let wson = WsonSettings {
            secret: Secret::new("s"),
            origins: vec![Origin::Any],
            on_message: OnMessage::Echo,
            ..WsonSettings::default()
        };
        let limits = Limits {
            connections: 100,
            memory: 256 * 1024 * 1024,
            control_frames: 1_000_000,
            control_frames_burst: 1_000_000,
            ..Limits::default()
        };
        let settings = Settings {
            limits,
            trusted_proxies: Vec::new(),
            control_secret: Secret::default(),
        };
        let services = vec![
            Service::clients(vec![DialectId::new(0)]),
            Service::control(false),
        ];
        let relay = Relay::new(settings, vec![Box::new(Wson::new(wson))], services);
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            driver: Driver::new(relay, Duration::from_secs(BEGINNING), rng),
            clients: HashMap::new(),
            programs: (0..PROGRAMS).map(|_| None).collect(),
            closing: Vec::new(),
            tally: HashMap::new(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.driver.rng.usize(..end)
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn token(&mut self) -> &'static str {
        match self.below(9) {
            0 => NOBODY,
            index => TOKENS[index % 4],
        }
    }

    fn message(&mut self) -> Message {
        let binary = self.below(3) == 0;
        let payload = match self.below(6) {
            0 => Vec::new(),
            1 => vec![0xff],
            2 => vec![0xc3],
            3 => vec![0xa4],
            4 => vec![b'z'; self.below(300)],
            _ => format!("{}b1p", self.below(1_000_000)).into_bytes(),
        };
        Message { binary, payload }
    }

    fn command(&mut self) -> Command {
        match self.below(100) {
            0..12 => {
                let mut message = self.message();
                // Otherwise it would be the program's end too often.
                message.binary |= !message.is_sound() && self.below(10) > 0;
                Command::Broadcast(message)
            }
            12..35 => {
                let confirm = self.below(3) > 0;
                let mut message = self.message();
                message.binary |= !confirm && !message.is_sound() && self.below(10) > 0;
                let token = self.token();
                Command::Send {
                    token,
                    message,
                    confirm,
                }
            }
            35..50 => Command::Lock(self.token()),
            50..85 => Command::Fragment {
                position: [Position::First, Position::Middle, Position::Last][self.below(3)],
                message: self.message(),
            },
            85..91 => Command::Ping,
            91..93 => Command::Kick(self.token()),
            93..97 => Command::Events(self.below(3) > 0),
            97 => Command::Quit,
            98 => Command::Unknown,
            _ => Command::Ping,
        }
    }

    fn step(&mut self) {
        let index = self.below(PROGRAMS);
        let token = TOKENS[self.below(TOKENS.len())];
        match self.below(100) {
            0..15 if !self.clients.contains_key(token) => self.connect_client(token),
            0..10 => self.client_speaks(token),
            10..12 => self.client_goes(token),
            _ if self.programs[index].is_none() => self.connect_program(index),
            12..15 => self.program_goes(index),
            15.. if self.below(3) > 0 => self.read(index),
            _ => self.write(index),
        }
        self.end_turn();
    }

    fn connect_client(&mut self, token: &'static str) {
        let settings = WsonSettings {
            secret: Secret::new("s"),
            ..WsonSettings::default()
        };
        let time = self.driver.now.wall.as_secs();
        let token_value = Token::new(token.as_bytes()).expect("it has 32 characters");
        let cookies = make(&settings, token_value, None, time).expect("there is a secret");
        let mut request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Cookie: {cookies}\r\n\r\n"
        )
        .into_bytes();
        let address = PeerAddress::tcp(([127, 0, 0, 1], 1).into());
        let id = self.driver.accept(0, address).expect("there is room");
        self.driver.receive(id, &mut request);
        let client = Client {
            id,
            received: Vec::new(),
            expected: VecDeque::new(),
            waiting: Vec::new(),
            owner: None,
        };
        self.clients.insert(token, client);
        self.driver.finish_turn();
        let head = self.take(id);
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", head.escape_ascii());
        assert!(head.ends_with(b"\r\n\r\n"), "{}", head.escape_ascii());
    }

    fn client_speaks(&mut self, token: &'static str) {
        let message = self.message();
        if !message.is_sound() {
            return;
        }
        let ping = self.below(3) == 0;
        let frame = match ping {
            true => Frame::ping(b"?"),
            false => message.frame(),
        };
        let client = &self.clients[token];
        self.driver.receive(client.id, &mut frame.masked(MASK));
        if ping {
            // Not behind the message of whoever has locked it.
            let pong = Frame::new(Opcode::PONG, *b"?");
            self.client(token).expected.push_back(pong);
            return;
        }
        self.deliver(token, message.frame());
        let letter = if message.binary { b'Y' } else { b'U' };
        for program in self.programs.iter_mut().flatten() {
            if program.events {
                let event = Answer::Event(letter, message.payload.clone());
                program.expected.push_back(event);
            }
        }
    }

    fn client_goes(&mut self, token: &'static str) {
        let Some(client) = self.clients.remove(token) else {
            return;
        };
        if let Some(owner) = client.owner {
            self.count("clients gone while locked");
            self.program(owner).lock = None;
        }
        self.driver.lost(client.id);
    }

    fn connect_program(&mut self, index: usize) {
        let id = self
            .driver
            .accept(1, PeerAddress::Unix)
            .expect("there is room");
        self.programs[index] = Some(Program {
            id,
            unread: VecDeque::new(),
            commands: VecDeque::new(),
            received: Vec::new(),
            expected: VecDeque::new(),
            lock: None,
            events: false,
            over: false,
        });
    }

    /// A program ends, in the midst of a frame or not, with a word or without.
    fn program_goes(&mut self, index: usize) {
        let lost = self.below(2) == 0;
        let Some(program) = &mut self.programs[index] else {
            return;
        };
        let id = program.id;
        if lost {
            self.driver.lost(id);
            self.end_program(index, false);
        } else {
            let partial = self.is_inside_frame(index);
            self.driver.end_of_input(id);
            if partial {
                self.answer(index, b"0E");
            }
            self.end_program(index, true);
        }
    }

    fn write(&mut self, index: usize) {
        for _ in 0..=self.below(4) {
            let command = self.command();
            let program = self.program(index);
            program.unread.extend(command.encode());
            program
                .commands
                .push_back((command.encode().len(), command));
        }
    }

    fn read(&mut self, index: usize) {
        let length = self.program(index).unread.len();
        if length == 0 {
            return;
        }
        let count = 1 + self.below(length.min(120));
        let program = self.program(index);
        let mut bytes: Vec<u8> = program.unread.drain(..count).collect();
        let id = program.id;
        self.driver.receive(id, &mut bytes);
        let mut left = count;
        while left > 0 && self.programs[index].as_ref().is_some_and(|p| !p.over) {
            let program = self.program(index);
            let (missing, _) = program.commands.front_mut().expect("bytes are of commands");
            let part = left.min(*missing);
            *missing -= part;
            left -= part;
            if *missing == 0 {
                let (_, command) = program.commands.pop_front().expect("it is there");
                self.execute(index, command);
            }
        }
    }

    /// What a command must do.
    fn execute(&mut self, index: usize, command: Command) {
        match command {
            Command::Broadcast(message) if !message.is_sound() => self.fault(index),
            Command::Broadcast(message) => {
                for token in TOKENS {
                    self.deliver(token, message.frame());
                }
            }
            Command::Send {
                message,
                confirm: false,
                ..
            } if !message.is_sound() => self.fault(index),
            Command::Send {
                token,
                message,
                confirm,
            } => {
                let there = self.clients.contains_key(token) && message.is_sound();
                if there && !(confirm && message.payload.is_empty()) {
                    self.deliver(token, message.frame());
                }
                if confirm {
                    self.acknowledge_token(index, token, there);
                }
            }
            Command::Lock(token) => {
                let locked = self.lock(index, token);
                self.acknowledge_token(index, token, locked);
            }
            Command::Fragment { position, message } => {
                let sent = self.fragment(index, position, &message);
                self.acknowledge(index, sent);
            }
            Command::Ping => self.answer(index, b"0P"),
            Command::Kick(token) => {
                let there = self.clients.contains_key(token);
                if there {
                    self.closing
                        .push((token, 1008, "disconnected by the operator"));
                }
                self.acknowledge(index, there);
            }
            Command::Events(events) => {
                self.program(index).events = events;
                self.acknowledge(index, true);
            }
            Command::Quit => self.end_program(index, true),
            Command::Unknown => self.fault(index),
        }
    }

    fn lock(&mut self, index: usize, token: &'static str) -> bool {
        let busy = matches!(
            &self.program(index).lock,
            Some(Lock {
                message: Some(_),
                ..
            })
        );
        match self.clients.get(token) {
            Some(client) if !busy && client.owner.is_none_or(|owner| owner == index) => {}
            _ => return false,
        }
        self.unlock(index);
        self.client(token).owner = Some(index);
        self.program(index).lock = Some(Lock {
            token,
            message: None,
        });
        self.count("locks");
        true
    }

    /// Takes the lock away, and sends what waited.
    fn unlock(&mut self, index: usize) {
        if let Some(lock) = self.program(index).lock.take() {
            let client = self.client(lock.token);
            client.owner = None;
            let waiting = std::mem::take(&mut client.waiting);
            let count = waiting.len();
            client.expected.extend(waiting);
            if count > 0 {
                self.count("queues sent behind a lock");
            }
        }
    }

    fn fragment(&mut self, index: usize, position: Position, message: &Message) -> bool {
        let Some(lock) = &mut self.program(index).lock else {
            return false;
        };
        let first = position == Position::First;
        let (binary, mut text) = match &lock.message {
            None if first => (message.binary, Vec::new()),
            Some((binary, text)) if !first => (*binary, text.clone()),
            _ => return false,
        };
        text.extend_from_slice(&message.payload);
        let last = position == Position::Last;
        let sound = match str::from_utf8(&text) {
            Ok(_) => true,
            // The rest of a character may come with the next part.
            Err(error) => error.error_len().is_none() && !last,
        };
        if !binary && !sound {
            return false;
        }
        let token = lock.token;
        lock.message = Some((binary, text));
        let opcode = match (first, binary) {
            (false, _) => Opcode::CONTINUATION,
            (true, true) => Opcode::BINARY,
            (true, false) => Opcode::TEXT,
        };
        let frame = Frame::new(opcode, message.payload.clone());
        let frame = if last { frame } else { frame.unfinished() };
        self.client(token).expected.push_back(frame);
        if last {
            self.count("fragmented messages");
            self.unlock(index);
        }
        true
    }

    fn deliver(&mut self, token: &'static str, frame: Frame) {
        if let Some(client) = self.clients.get_mut(token) {
            match client.owner {
                Some(_) => client.waiting.push(frame),
                None => client.expected.push_back(frame),
            }
        }
    }

    fn acknowledge(&mut self, index: usize, done: bool) {
        self.answer(index, if done { b"0a" } else { b"0n" });
    }

    fn acknowledge_token(&mut self, index: usize, token: &str, done: bool) {
        let letter = if done { 'A' } else { 'N' };
        self.answer(index, format!("32{letter}{token}").as_bytes());
    }

    fn answer(&mut self, index: usize, frame: &[u8]) {
        let answer = Answer::Exactly(frame.to_vec());
        self.program(index).expected.push_back(answer);
    }

    fn fault(&mut self, index: usize) {
        self.count("faults");
        self.answer(index, b"0E");
        self.end_program(index, true);
    }

    /// A program is over; if it was not lost, it gets what it is owed.
    fn end_program(&mut self, index: usize, answered: bool) {
        let program = self.program(index);
        program.over = true;
        program.events = false;
        if !answered {
            program.expected.clear();
        }
        if let Some(lock) = program.lock.take() {
            self.count("owners gone");
            self.client(lock.token).owner = None;
            self.client(lock.token).waiting.clear();
            self.closing.push((lock.token, 1011, "framesource lost"));
        }
    }

    /// The turn ends: who is to be closed is, and everybody has what they must have.
    fn end_turn(&mut self) {
        let buried: Vec<_> = self.driver.finish_turn();
        for (token, code, reason) in std::mem::take(&mut self.closing) {
            let Some(mut client) = self.clients.remove(token) else {
                // It was closed for another reason before.
                continue;
            };
            if let Some(owner) = client.owner {
                self.program(owner).lock = None;
            }
            client.expected.push_back(Frame::close(code, reason));
            let socket = self.driver.socket(client.id).expect("it is not yet gone");
            client.received.append(&mut socket.taken);
            check_client(token, &mut client);
            assert!(
                client.received.is_empty(),
                "{token}: more than a close frame"
            );
            self.driver.lost(client.id);
            self.count("clients closed");
        }
        for (token, client) in &mut self.clients {
            let socket = self.driver.socket(client.id).expect("it lives");
            client.received.append(&mut socket.taken);
            check_client(token, client);
        }
        for place in &mut self.programs {
            let Some(program) = place else { continue };
            if let Some(socket) = self.driver.socket(program.id) {
                program.received.append(&mut socket.taken);
            }
            let last = buried.iter().find(|socket| socket.id == program.id);
            program
                .received
                .extend(last.iter().flat_map(|socket| &socket.taken));
            check_program(program);
            if program.over {
                assert!(program.received.is_empty(), "more than an answer");
                if let Some(socket) = self.driver.socket(program.id) {
                    assert!(socket.shut, "{}: not closed", program.id);
                    let id = program.id;
                    self.driver.lost(id);
                }
                *place = None;
            }
        }
        self.driver.pass(Duration::from_millis(1));
    }

    fn is_inside_frame(&mut self, index: usize) -> bool {
        let program = self.program(index);
        program
            .commands
            .front()
            .is_some_and(|(missing, command)| *missing < command.encode().len())
    }

    fn take(&mut self, id: ConnId) -> Vec<u8> {
        let socket = self.driver.socket(id).expect("it lives");
        std::mem::take(&mut socket.taken)
    }

    fn client(&mut self, token: &str) -> &mut Client {
        self.clients.get_mut(token).expect("it is connected")
    }

    fn program(&mut self, index: usize) -> &mut Program {
        self.programs[index].as_mut().expect("it is connected")
    }

    /// Everybody goes, and nothing is left of them.
    fn end(&mut self) {
        for index in 0..PROGRAMS {
            if self.programs[index].is_some() {
                self.program_goes(index);
                self.end_turn();
            }
        }
        for token in TOKENS {
            self.client_goes(token);
        }
        self.end_turn();
        self.driver.finish_turn();
        assert_eq!(self.driver.relay.connections(), 0);
        assert_eq!(self.driver.relay.memory(), 0, "bytes are left");
        assert!(self.driver.relay.hub().is_empty(), "a channel is left");
    }
}

/// Compares what came with what had to come.
fn check_client(token: &str, client: &mut Client) {
    while let Some(frame) = Frame::take(&mut client.received) {
        let expected = client.expected.pop_front();
        assert_eq!(Some(frame), expected, "{token}");
    }
    assert!(client.received.is_empty(), "{token}: a part of a frame");
    assert!(
        client.expected.is_empty(),
        "{token} lacks {:?}",
        client.expected
    );
}

fn check_program(program: &mut Program) {
    while !program.received.is_empty() {
        let received = &program.received;
        let at = received.iter().position(u8::is_ascii_alphabetic);
        let at = at.expect("a letter");
        let length: usize = str::from_utf8(&received[..at])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .expect("a length");
        let frame: Vec<u8> = program.received.drain(..at + 1 + length).collect();
        match program.expected.pop_front() {
            Some(Answer::Event(letter, message)) => {
                let end = [b"\n", message.as_slice()].concat();
                assert_eq!(frame[at], letter, "{}", frame.escape_ascii());
                assert!(frame.ends_with(&end), "{}", frame.escape_ascii());
            }
            Some(Answer::Exactly(expected)) => assert_eq!(
                frame.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            ),
            None => panic!("unexpected: {}", frame.escape_ascii()),
        }
    }
    assert!(program.expected.is_empty(), "lacks {:?}", program.expected);
}

/// Names the seed if its world does not come to its end.
struct Seed(u64, u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            println!(
                "FANTAIL_SIMULATION_SEED={} FANTAIL_SIMULATION_STEPS={}",
                self.0, self.1
            );
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

#[test]
fn programs_and_browsers_keep_to_the_model() {
    let steps = variable("FANTAIL_SIMULATION_STEPS").unwrap_or(SHORT.1);
    let seeds = match variable("FANTAIL_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("FANTAIL_SIMULATION_SEEDS").unwrap_or(SHORT.0),
    };
    let all = seeds.end - seeds.start > 1;
    let mut tally = HashMap::new();
    for seed in seeds {
        let _seed = Seed(seed, steps);
        let mut world = World::new(seed);
        for _ in 0..steps {
            world.step();
        }
        world.end();
        for (what, count) in world.tally {
            *tally.entry(what).or_insert(0) += count;
        }
    }
    println!("{tally:?}");
    for what in [
        "locks",
        "fragmented messages",
        "queues sent behind a lock",
        "owners gone",
        "clients gone while locked",
        "clients closed",
        "faults",
    ] {
        assert!(!all || tally.contains_key(what), "never: {what}");
    }
}
