//! What happens in a world: a weighted grammar of actions.

use std::time::Duration;

use super::asking::Asking;
use super::client::Ending;
use super::settings::Rules;
use super::wire::{self, Sent};
use super::world::World;
use fantail::dialects::drc::Drc;

/// An action and how often it is taken.
type Action = (u32, fn(&mut World));

/// The grammar.
const ACTIONS: &[Action] = &[
    (60, connect),
    (500, request),
    (20, ping),
    (5, close),
    (1, garbage),
    (3, lose),
    (3, end_input),
    (10, stall),
    (20, unstall),
    (1, break_write),
    (700, deliver),
    (4, wait),
    (4, wait_for_grant),
    (2, wall_jump),
    (2, reload),
];

/// One step: some actions, and the turn that they are part of.
pub(crate) fn step(world: &mut World) {
    let time = Duration::from_micros(world.rng.u64(..20_000));
    world.pass(time);
    for _ in 0..world.rng.usize(1..16) {
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
    world.turn();
}

fn anybody(world: &mut World) -> Option<usize> {
    world.rng.choice(0..world.clients.len())
}

/// Some client that still sends, behind its handshake.
fn sender(world: &mut World) -> Option<usize> {
    anybody(world).filter(|index| !world.clients[*index].silent)
}

fn connect(world: &mut World) {
    if world.clients.len() < world.most_clients {
        world.connect();
    }
}

fn request(world: &mut World) {
    let Some(index) = sender(world) else {
        return;
    };
    let mut asking = Asking {
        rng: &mut world.rng,
        model: &world.model,
        client: world.clients[index].number.unwrap_or(0),
        names: world.names,
    };
    let (mut payload, request) = asking.request();
    let mut opcode = 1;
    if world.rng.u8(..4) == 0 {
        opcode = 2;
        if request == super::request::Request::Undecodable && world.rng.bool() {
            payload = b"{\"cmd\":\"\xff\"}".to_vec();
        }
    }
    let parts = match world.rng.u8(..8) {
        0 => world.rng.usize(2..4),
        _ => 1,
    };
    let mut rest = &payload[..];
    for part in 0..parts {
        let last = part + 1 == parts;
        let length = match last {
            true => rest.len(),
            false => world.rng.usize(..=rest.len()),
        };
        let (fragment, behind) = rest.split_at(length);
        rest = behind;
        let first = if part == 0 { opcode } else { 0 };
        push_frame(
            world,
            index,
            if last { 0x80 | first } else { first },
            fragment,
        );
        if !last && world.rng.u8(..4) == 0 {
            ping_of(world, index);
        }
    }
    let sent = Sent::Request(opcode, Box::new(request));
    world.clients[index].pipe.complete(sent);
}

fn push_frame(world: &mut World, index: usize, first: u8, payload: &[u8]) {
    let key = world.rng.u32(..).to_be_bytes();
    let bytes = wire::frame(first, payload, key);
    world.clients[index].pipe.push(&bytes);
}

fn ping(world: &mut World) {
    if let Some(index) = sender(world) {
        ping_of(world, index);
    }
}

fn ping_of(world: &mut World, index: usize) {
    let payload = world.rng.u16(..).to_string().into_bytes();
    push_frame(world, index, 0x89, &payload);
    world.clients[index].pipe.complete(Sent::Ping(payload));
}

fn close(world: &mut World) {
    if let Some(index) = sender(world) {
        push_frame(world, index, 0x88, b"\x03\xe9bye");
        let client = &mut world.clients[index];
        client.pipe.complete(Sent::Close(1001));
        client.silent = true;
    }
}

fn garbage(world: &mut World) {
    if let Some(index) = sender(world) {
        let client = &mut world.clients[index];
        client.pipe.push(&[0x81, 0x01]);
        client.pipe.complete(Sent::Garbage);
        client.silent = true;
    }
}

fn lose(world: &mut World) {
    if let Some(index) = anybody(world) {
        let client = &mut world.clients[index];
        client.ending.get_or_insert(Ending::Lost);
        client.silent = true;
        world.driver.lost(client.id);
    }
}

fn end_input(world: &mut World) {
    if let Some(index) = sender(world) {
        world.clients[index].silent = true;
        world.clients[index].ends_input = true;
    }
}

fn stall(world: &mut World) {
    let Some(index) = anybody(world) else {
        return;
    };
    let room = match world.rng.bool() {
        true => 0,
        false => world.rng.usize(..3_000),
    };
    if let Some(socket) = world.driver.socket(world.clients[index].id) {
        socket.room = room;
    }
}

fn unstall(world: &mut World) {
    if let Some(index) = anybody(world) {
        let id = world.clients[index].id;
        if let Some(socket) = world.driver.socket(id) {
            socket.room = usize::MAX;
        }
        world.driver.writable(id);
    }
}

fn break_write(world: &mut World) {
    if let Some(index) = anybody(world) {
        let client = &mut world.clients[index];
        client.excuses.broken = true;
        if let Some(socket) = world.driver.socket(client.id) {
            socket.broken = true;
        }
    }
}

/// The relay reads what somebody has sent, or a part of it.
fn deliver(world: &mut World) {
    let Some(index) = anybody(world) else {
        return;
    };
    let client = &world.clients[index];
    if client.gone && world.rng.u8(..4) == 0 {
        // It has read why, if it reads.
        world.driver.lost(client.id);
        return;
    }
    let waiting = client.pipe.len();
    let count = match world.rng.u8(..4) {
        0 => world.rng.usize(..=waiting),
        _ => waiting,
    };
    if count > 0 || waiting == 0 {
        world.deliver(index, count);
    }
}

fn wait(world: &mut World) {
    let seconds = world.rng.u64(1..40);
    world.turn();
    world.pass(Duration::from_secs(seconds));
}

/// To the moment in which a grant ends, or just before.
fn wait_for_grant(world: &mut World) {
    let now = world.model.now;
    let ends: Vec<_> = world
        .model
        .outstanding()
        .filter_map(|(_, grant)| grant.ends)
        .collect();
    let before = Duration::from_nanos(world.rng.u64(..2));
    if let Some(ends) = world.rng.choice(ends) {
        world.turn();
        world.pass((ends - now).saturating_sub(before));
    }
}

/// The wall clock is set; no grant depends on it.
fn wall_jump(world: &mut World) {
    world.driver.now.wall = Duration::from_secs(world.rng.u64(..4_000_000_000));
}

/// The configuration changes under everybody's feet.
fn reload(world: &mut World) {
    let rules = Rules::new(&mut world.rng);
    if let Some(dialect) = world.driver.relay.dialect_mut::<Drc>() {
        dialect.reconfigure(rules.to_settings());
    }
    world.model.rules = rules;
}
