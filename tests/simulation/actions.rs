//! What happens in a world: a weighted grammar of actions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use fantail::protocol::ws_deflate::Window;
use fantail::relay::address::PeerAddress;

use super::places::{Place, TOPICS};
use super::settings::{LISTENERS, Serves, changed};
use super::wire::{self, Message, Sent, Token, UPGRADE};
use super::world::World;

/// An action and how often it is taken.
type Action = (u32, fn(&mut World));

/// The grammar.
const ACTIONS: &[Action] = &[
    (60, connect),
    (120, request),
    (300, message),
    (30, fragmented),
    (25, ping),
    (12, close),
    (8, garbage),
    (8, end_input),
    (8, lose),
    (20, stall),
    (30, unstall),
    (3, break_write),
    (4, kill),
    (500, deliver),
    (40, stale),
    (6, short_wait),
    (3, long_wait),
    (2, wall_jump),
    (2, reconfigure),
];

/// The most clients at a time.
const MOST_CLIENTS: usize = 24;

/// One step: some actions, and the turn that they are part of.
pub(crate) fn step(world: &mut World) {
    let time = Duration::from_micros(world.rng.u64(..20_000));
    world.driver.pass(time);
    world.resume(false);
    for _ in 0..world.rng.usize(1..8) {
        let total: u32 = ACTIONS.iter().map(|(weight, _)| weight).sum();
        let mut place = world.rng.u32(..total);
        for (weight, action) in ACTIONS {
            if place < *weight {
                action(world);
                break;
            }
            place -= weight;
        }
    }
    world.finish_turn();
}

/// Addresses: two of trusted proxies, the others not; two of them are in one /64.
pub(crate) fn address(number: u8) -> PeerAddress {
    let v6 = |host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host));
    let ip = match number {
        0 => return PeerAddress::Unix,
        1 => IpAddr::V4(Ipv4Addr::LOCALHOST),
        2 => v6(1),
        3 => v6(2),
        _ => IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
    };
    PeerAddress::Ip(ip, 4_000)
}

/// Some client that still sends.
fn sender(world: &mut World) -> Option<usize> {
    let index = anybody(world)?;
    let client = &world.clients[index];
    (!client.silent && !client.killed).then_some(index)
}

fn anybody(world: &mut World) -> Option<usize> {
    match world.clients.len() {
        0 => None,
        count => Some(world.rng.usize(..count)),
    }
}

/// Some client that has asked to become a WebSocket.
fn open_sender(world: &mut World) -> Option<usize> {
    sender(world).filter(|index| world.clients[*index].upgraded.is_some())
}

fn connect(world: &mut World) {
    if world.draining || world.clients.len() >= MOST_CLIENTS {
        return;
    }
    let listener = [0, 0, 1, 1, 1, LISTENERS - 1][world.rng.usize(..6)];
    let address = address(world.rng.u8(..7));
    world.connect(listener, address);
    if world.rng.u8(..4) > 0 {
        let last = world.clients.len() - 1;
        request_of(world, last);
    }
    // Late events for the one that had this index before, in the same batch.
    let index = world.clients.last().map(|client| client.id.index());
    let predecessor = world.dead.iter().rev().find(|id| Some(id.index()) == index);
    if let Some(predecessor) = predecessor.copied()
        && world.rng.u8(..3) == 0
    {
        world.stale(predecessor);
    }
}

fn request(world: &mut World) {
    if let Some(index) = sender(world) {
        request_of(world, index);
    }
}

fn request_of(world: &mut World, index: usize) {
    if world.clients[index].upgraded.is_some() {
        return;
    }
    let (bytes, what) = match world.rng.u8(..10) {
        0..=5 => upgrade(world, index),
        6 | 7 => post(world, index),
        _ => plain(world, index),
    };
    let client = &mut world.clients[index];
    match &what {
        Sent::Upgrade(place) => client.upgraded = Some(*place),
        Sent::Plain { last: true, .. } => client.silent = true,
        _ => {}
    }
    let end = client.pipe.push(&bytes);
    client.sent.push_back((end, what));
}

/// A topic, mostly one of those that this world prefers: few, so that they have clients.
fn topic(world: &mut World) -> usize {
    match world.rng.u8(..8) {
        0 => world.rng.usize(..TOPICS.len()),
        _ => world.preferred[world.rng.usize(..world.preferred.len())],
    }
}

fn spelling(world: &mut World, topic: usize) -> &'static str {
    let topic = &TOPICS[topic];
    match world.rng.u8(..4) {
        0 => topic.spellings[world.rng.usize(..topic.spellings.len())],
        _ => topic.path,
    }
}

/// Offers of compression, and the window that follows if they are accepted.
const OFFERS: [(&str, Option<Window>); 4] = [
    ("", None),
    (
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        Some(Window::LARGEST),
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n",
        Window::of_bits(10),
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n",
        None,
    ),
];

fn upgrade(world: &mut World, index: usize) -> (Vec<u8>, Sent) {
    let topic = topic(world);
    let path = spelling(world, topic);
    let serves = world.clients[index].serves;
    let trusted = world.clients[index].trusted;
    let (path, place) = match (serves, world.rng.u8(..16)) {
        (Serves::Echo, _) => (path, Place::Echo),
        (Serves::TopicsAndEcho, 0..=3) => ("/echo", Place::Echo),
        (_, 4) if trusted => ("/ws", Place::Feed),
        _ => (path, Place::Topic(topic)),
    };
    let (offer, window) = OFFERS[world.rng.usize(..OFFERS.len())];
    if world.compression || place == Place::Echo {
        world.clients[index].window = window;
    }
    let lines = format!("{UPGRADE}{offer}");
    let bytes = wire::request(&format!("GET {path}"), &lines, b"");
    (bytes, Sent::Upgrade(place))
}

fn plain(world: &mut World, index: usize) -> (Vec<u8>, Sent) {
    let client = &world.clients[index];
    let echo = client.serves == Serves::Echo;
    let statistics: &[u16] = if client.trusted { &[200] } else { &[403, 429] };
    let refused: &[u16] = if echo {
        &[400, 405, 426, 429]
    } else {
        &[400, 429]
    };
    let (line, statuses, head_only) = match world.rng.u8(..5) {
        0 if !echo => ("OPTIONS /a", &[204, 429][..], false),
        1 if !echo => ("GET /stats", statistics, false),
        2 if !echo => ("DELETE /a", &[405, 429][..], false),
        3 => ("HEAD /a", refused, true),
        _ => ("GET /a", refused, false),
    };
    let last = world.rng.u8(..6) == 0;
    let lines = if last { "Connection: close\r\n" } else { "" };
    let what = Sent::Plain {
        statuses,
        head_only,
        last,
    };
    (wire::request(line, lines, b""), what)
}

fn post(world: &mut World, index: usize) -> (Vec<u8>, Sent) {
    if world.clients[index].serves == Serves::Echo {
        return plain(world, index);
    }
    let topic = topic(world);
    let most = world.driver.relay.settings().limits.http_body;
    let message = new_message(world, most);
    let mut lines = String::new();
    let token = (world.rng.u8(..8) > 0).then(|| {
        let (text, token) = new_token(world, topic);
        lines.push_str(&format!("Authorization: Bearer {text}\r\n"));
        token
    });
    if message.opcode == 2 {
        lines.push_str("Content-Type: application/octet-stream\r\n");
    }
    let body = if world.rng.bool() {
        lines.push_str(&format!("Content-Length: {}\r\n", message.payload.len()));
        message.payload.clone()
    } else {
        lines.push_str("Transfer-Encoding: chunked\r\n");
        let mut body = Vec::new();
        for chunk in message.payload.chunks(world.rng.usize(1..2_000)) {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        body
    };
    if world.rng.u8(..8) == 0 {
        lines.push_str("Expect: 100-continue\r\n");
    }
    let path = spelling(world, topic);
    let what = Sent::Post {
        topic,
        message: Rc::new(message),
        token,
    };
    (wire::request(&format!("POST {path}"), &lines, &body), what)
}

/// A message unlike all others, with at most so many bytes.
fn new_message(world: &mut World, most: usize) -> Message {
    world.messages += 1;
    let length = match world.rng.u8(..32) {
        0 => 0,
        1..=20 => world.rng.usize(..120),
        21..=28 => world.rng.usize(..2_000),
        29 | 30 => world.rng.usize(..8_000),
        _ => most,
    }
    .min(most);
    let mut payload = format!("{:08} é ", world.messages).into_bytes();
    if length < payload.len() {
        payload.clear();
    }
    payload.resize(length, b'x');
    Message::new(world.rng.u8(1..=2), payload, &mut world.deflater)
}

/// A token for a topic, mostly a good one.
fn new_token(world: &mut World, topic: usize) -> (String, Token) {
    let begin = super::world::BEGIN.as_secs();
    match world.rng.u8(..12) {
        0 => ("no token".to_owned(), Token::Invalid),
        1 => (
            world.token((topic + 1) % TOPICS.len(), begin * 2),
            Token::Invalid,
        ),
        2 => (world.token(topic, begin - 1), Token::Valid(begin - 1)),
        3 | 4 => {
            let expires = begin + 20 * world.rng.u64(1..10);
            (world.token(topic, expires), Token::Valid(expires))
        }
        _ => (world.token(topic, begin * 2), Token::Valid(begin * 2)),
    }
}

/// A message or, from a client that has to prove itself, mostly a token.
fn payload(world: &mut World, index: usize) -> (Message, Option<Token>) {
    let proves =
        world.with_tokens && (world.clients[index].complete == 0 || world.rng.u8(..4) == 0);
    match world.topic_of(index) {
        Some(topic) if proves => {
            let (text, token) = new_token(world, topic);
            let message = Message::new(1, text.into_bytes(), &mut world.deflater);
            (message, Some(token))
        }
        _ => {
            let most = world.driver.relay.settings().limits.message;
            (new_message(world, most), None)
        }
    }
}

fn message(world: &mut World) {
    let Some(index) = open_sender(world) else {
        return;
    };
    for _ in 0..if world.rng.u8(..16) == 0 { 40 } else { 1 } {
        let (message, token) = payload(world, index);
        let key = world.rng.u32(..).to_be_bytes();
        let mut bytes = Vec::new();
        let (first, sent, inflated) = encoded(world, index, &message);
        wire::frame(&mut bytes, 0x80 | first, &sent, key);
        let client = &mut world.clients[index];
        let end = client.pipe.push(&bytes);
        client
            .sent
            .push_back((end, Sent::Message(Rc::new(message), token, inflated)));
    }
}

/// The first byte and the payload of a message, perhaps compressed, and the bytes to be inflated.
fn encoded(world: &mut World, index: usize, message: &Message) -> (u8, Vec<u8>, usize) {
    if world.clients[index].window.is_none() || world.rng.bool() {
        return (message.opcode, message.payload.clone(), 0);
    }
    let deflated = wire::deflate(&mut world.compress, &message.payload);
    (0x40 | message.opcode, deflated, message.payload.len())
}

/// A message in fragments, perhaps empty ones, with pings between them.
fn fragmented(world: &mut World) {
    let Some(index) = open_sender(world) else {
        return;
    };
    let (message, token) = payload(world, index);
    let parts = world.rng.usize(2..=4);
    let (begin, sent, inflated) = encoded(world, index, &message);
    let mut rest = &sent[..];
    for part in 0..parts {
        let last = part + 1 == parts;
        let length = if last {
            rest.len()
        } else {
            world.rng.usize(..=rest.len())
        };
        let (fragment, behind) = rest.split_at(length);
        rest = behind;
        let opcode = if part == 0 { begin } else { 0 };
        let first = if last { 0x80 | opcode } else { opcode };
        let mut bytes = Vec::new();
        wire::frame(&mut bytes, first, fragment, world.rng.u32(..).to_be_bytes());
        world.clients[index].pipe.push(&bytes);
        if !last && world.rng.u8(..4) == 0 {
            let payload = [b'p', part as u8];
            world.send_control(index, 0x89, &payload, Sent::Ping(payload.to_vec(), true));
        }
    }
    let client = &mut world.clients[index];
    let end = client.pipe.push(b"");
    client
        .sent
        .push_back((end, Sent::Message(Rc::new(message), token, inflated)));
}

fn ping(world: &mut World) {
    let Some(index) = open_sender(world) else {
        return;
    };
    world.messages += 1;
    let mut payload = world.messages.to_string().into_bytes();
    if world.rng.bool() {
        payload.resize(125, b'p');
    }
    for _ in 0..if world.rng.u8(..16) == 0 { 30 } else { 1 } {
        if world.rng.u8(..4) > 0 {
            world.send_control(index, 0x89, &payload, Sent::Ping(payload.clone(), false));
        } else {
            world.send_control(index, 0x8a, b"", Sent::Pong);
        }
    }
}

fn close(world: &mut World) {
    let Some(index) = open_sender(world) else {
        return;
    };
    let (code, payload): (_, &[u8]) = match world.rng.u8(..3) {
        0 => (None, b""),
        1 => (Some(1000), b"\x03\xe8bye"),
        _ => (Some(4999), b"\x13\x87"),
    };
    world.send_control(index, 0x88, payload, Sent::Close(code));
    world.clients[index].silent = true;
}

/// Something that no client may send, as the last thing of this client.
fn garbage(world: &mut World) {
    let Some(index) = sender(world) else {
        return;
    };
    let limits = world.driver.relay.settings().limits.clone();
    let mut bytes = Vec::new();
    if world.clients[index].upgraded.is_some() {
        let fragments = [
            &[0x01, 0x80, 0, 0, 0, 0],
            &[0, 0x80, 0, 0, 0, 0].repeat(limits.fragments)[..],
        ];
        match world.rng.u8(..10) {
            0 => bytes.extend_from_slice(&[0x81, 0x01, b'x']),
            1 if world.clients[index].window.is_some() => {
                wire::frame(&mut bytes, 0xc2, b"no DEFLATE", [7; 4]);
            }
            1 => bytes.extend_from_slice(&[0xc1, 0x80, 0, 0, 0, 0]),
            2 => bytes.extend_from_slice(&[0x83, 0x80, 0, 0, 0, 0]),
            3 => bytes.extend_from_slice(&[0x80, 0x80, 0, 0, 0, 0]),
            4 => bytes.extend_from_slice(&[0x81, 0xfe, 0, 1, 0, 0, 0, 0, 0]),
            5 => wire::frame(&mut bytes, 0x81, b"\xff\xfe", [7; 4]),
            6 => wire::frame(&mut bytes, 0x88, &[3], [7; 4]),
            7 => wire::frame(&mut bytes, 0x82, &vec![0; limits.message + 1], [7; 4]),
            8 => bytes.extend_from_slice(&fragments.concat()),
            _ => bytes.extend((0..40).map(|_| world.rng.u8(..)).map(|byte| byte | 0x70)),
        }
    } else {
        match world.rng.u8(..5) {
            0 => bytes.extend_from_slice(b"GET / HTTP/1.1\nHost: h\n\n\r\n\r\n"),
            1 => bytes.extend_from_slice(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
            2 => {
                bytes.extend_from_slice(b"GET / HTTP/1.1\r\nHost: h\r\nX: ");
                bytes.resize(limits.head + 100, b'x');
                bytes.extend_from_slice(b"\r\n\r\n");
            }
            3 => bytes.extend_from_slice(
                format!(
                    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
                    limits.http_body + 1
                )
                .as_bytes(),
            ),
            _ => bytes.extend_from_slice(b"GET / HTTP/9.9\r\nHost: h\r\n\r\n"),
        }
    }
    let client = &mut world.clients[index];
    let end = client.pipe.push(b"");
    client.sent.push_back((end, Sent::Garbage));
    client.pipe.push(&bytes);
    client.silent = true;
}

fn end_input(world: &mut World) {
    if let Some(index) = sender(world) {
        world.clients[index].silent = true;
        world.clients[index].ends_input = true;
    }
}

fn lose(world: &mut World) {
    if let Some(index) = anybody(world) {
        world.lose(index);
    }
}

fn stall(world: &mut World) {
    let Some(index) = anybody(world) else {
        return;
    };
    let room = if world.rng.bool() {
        0
    } else {
        world.rng.usize(..5_000)
    };
    if let Some(socket) = world.driver.socket(world.clients[index].id) {
        socket.room = room;
    }
}

fn unstall(world: &mut World) {
    let Some(index) = anybody(world) else {
        return;
    };
    let room = if world.rng.bool() {
        usize::MAX
    } else {
        world.rng.usize(1..5_000)
    };
    let client = &world.clients[index];
    if client.killed {
        return;
    }
    let id = client.id;
    if let Some(socket) = world.driver.socket(id) {
        socket.room = room;
    }
    world.driver.writable(id);
}

fn break_write(world: &mut World) {
    if let Some(index) = anybody(world)
        && let Some(socket) = world.driver.socket(world.clients[index].id)
    {
        socket.broken = true;
    }
}

fn kill(world: &mut World) {
    if let Some(index) = anybody(world) {
        let client = &mut world.clients[index];
        client.killed = true;
        client.silent = true;
        client.pipe.clear();
        let id = client.id;
        if let Some(socket) = world.driver.socket(id) {
            socket.room = 0;
        }
    }
}

/// The relay gets bytes of a client, cut anywhere.
fn deliver(world: &mut World) {
    let Some(index) = anybody(world) else {
        return;
    };
    let count = match world.rng.u8(..8) {
        0 => 1,
        1 | 2 => world.rng.usize(1..2_000),
        _ => 65_536,
    };
    world.deliver(index, count);
}

fn stale(world: &mut World) {
    match world.dead.len() {
        0 => {}
        count => {
            let id = world.dead[world.rng.usize(..count)];
            world.stale(id);
        }
    }
}

fn short_wait(world: &mut World) {
    let time = Duration::from_millis(world.rng.u64(..3_000));
    world.driver.pass(time);
}

fn long_wait(world: &mut World) {
    let time = Duration::from_millis(world.rng.u64(..90_000));
    world.driver.pass(time);
}

fn wall_jump(world: &mut World) {
    let begin = super::world::BEGIN.as_secs();
    world.driver.now.wall = Duration::from_secs(begin - 300 + world.rng.u64(..600));
}

fn reconfigure(world: &mut World) {
    let limits = world.driver.relay.settings().limits.clone();
    let settings = changed(&mut world.rng, &limits);
    world.highest_output = world.highest_output.max(settings.limits.output);
    world.driver.relay.reconfigure(settings);
    // A lower memory limit is looked at when something is received.
    world.received = false;
    if world.rng.u8(..40) == 0 && !world.draining {
        world.draining = true;
        world.driver.relay.begin_drain(world.driver.now);
    }
}
