//! What happens in a world: a weighted grammar of actions.

use std::rc::Rc;
use std::time::Duration;

use super::rules::CHANNELS;
use super::wire::{Command, Sending, Sent};
use super::world::World;

/// An action and how often it is taken.
type Action = (u32, fn(&mut World));

/// The grammar.
const ACTIONS: &[Action] = &[
    (60, connect),
    (200, receive),
    (250, send),
    (30, ping_command),
    (15, other),
    (15, nonsense),
    (20, ping),
    (5, close),
    (6, lose),
    (4, end_input),
    (10, stall),
    (20, unstall),
    (700, deliver),
    (250, perform),
    (2, fail_store),
    (20, heal_store),
    (3, wait),
    (1, crash),
];

/// One step: some actions, and the turn that they are part of.
pub(crate) fn step(world: &mut World) {
    let time = Duration::from_micros(world.rng.u64(..20_000));
    world.driver.pass(time);
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

/// Some client that still sends.
fn sender(world: &mut World) -> Option<usize> {
    anybody(world).filter(|index| !world.clients[*index].silent)
}

fn connect(world: &mut World) {
    if world.clients.len() < world.most_clients {
        let (welcome, answers) = (world.rng.u8(..8) > 0, world.rng.u8(..8) > 0);
        world.connect(welcome, answers);
    }
}

fn command(world: &mut World, index: usize, payload: &str, command: Command) {
    // The old clients send binary frames.
    let first = if world.rng.bool() { 0x81 } else { 0x82 };
    world.push(index, first, payload.as_bytes(), Sent::Command(command));
}

fn receive(world: &mut World) {
    let Some(index) = sender(world) else { return };
    let channel = world.rng.usize(..world.channels);
    let name = CHANNELS[channel].0;
    let payload = format!(r#"{{"command":"receive-message","channel":{name},"data":[]}}"#);
    command(world, index, &payload, Command::Receive(channel));
}

/// Texts of JSON that tell every element from every other.
fn element(world: &mut World) -> Rc<str> {
    world.next_token += 1;
    let token = world.next_token;
    let text = match world.rng.u8(..4) {
        0 => token.to_string(),
        1 => format!("\"\\u00e9 {token}\""),
        2 => format!("{{\"n\": {token}.0 , \"o\":{{}} }}"),
        _ => format!("[ {token}, 12345678901234567890 ]"),
    };
    text.into()
}

fn send(world: &mut World) {
    let Some(index) = sender(world) else { return };
    let channel = world.rng.usize(..world.channels);
    let count = world.rng.usize(..4);
    let elements: Vec<Rc<str>> = (0..count).map(|_| element(world)).collect();
    let data = match world.rng.u8(..4) {
        0 => {
            let members = elements.iter().enumerate();
            let members: Vec<_> = members
                .map(|(index, text)| format!("\"k{index}\": {text}"))
                .collect();
            format!("{{{}}}", members.join(" , "))
        }
        _ => format!("[{}]", elements.join(" ,")),
    };
    let (most, written) = world
        .rng
        .choice([
            (None, ""),
            (None, r#", "number_of_receiver": "abc""#),
            (None, r#", "number_of_receiver": null"#),
            (Some(0), r#", "number_of_receiver": 0"#),
            (Some(1), r#", "number_of_receiver": 1"#),
            (Some(1), r#", "number_of_receiver": "1""#),
            (Some(2), r#", "number_of_receiver": 2"#),
        ])
        .expect("there are some");
    let confirm = (world.rng.u8(..3) == 0).then(|| {
        world.next_token += 1;
        world.next_token
    });
    let confirmation = confirm.map_or(String::new(), |token| format!(r#", "confirm": {token}"#));
    // The space behind the first colon tells a live message from a kept one. The number makes each
    // of them another, also those without elements.
    world.next_token += 1;
    let payload: Rc<str> = format!(
        r#"{{"command": "send-message", "channel": {}, "data": {data}{written}{confirmation}, "x": {}}}"#,
        CHANNELS[channel].0, world.next_token
    )
    .into();
    let sending = Sending {
        channel,
        payload: Rc::clone(&payload),
        elements,
        most,
        confirm,
    };
    command(world, index, &payload, Command::Send(Rc::new(sending)));
}

fn ping_command(world: &mut World) {
    if let Some(index) = sender(world) {
        command(world, index, r#"{"command":"ping"}"#, Command::Ping);
    }
}

fn other(world: &mut World) {
    if let Some(index) = sender(world) {
        command(world, index, r#"{"command":"nope"}"#, Command::Other);
    }
}

fn nonsense(world: &mut World) {
    let texts = ["", "nonsense", "[]", r#"{"command":5}"#];
    let text = world.rng.choice(texts).expect("there are some");
    if let Some(index) = sender(world) {
        command(world, index, text, Command::Nonsense);
    }
}

fn ping(world: &mut World) {
    if let Some(index) = sender(world) {
        let payload = world.rng.u16(..).to_string().into_bytes();
        world.push(index, 0x89, &payload.clone(), Sent::Ping(payload));
    }
}

fn close(world: &mut World) {
    if let Some(index) = sender(world) {
        world.push(index, 0x88, b"\x03\xe8", Sent::Close);
        world.clients[index].silent = true;
    }
}

fn lose(world: &mut World) {
    if let Some(index) = anybody(world) {
        let client = &mut world.clients[index];
        client.ending = true;
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
    let Some(index) = anybody(world) else { return };
    let room = match world.rng.bool() {
        true => 0,
        false => world.rng.usize(..300),
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

/// The relay reads what somebody has sent, or a part of it.
fn deliver(world: &mut World) {
    let Some(index) = anybody(world) else { return };
    let client = &world.clients[index];
    if client.gone && world.rng.u8(..4) == 0 {
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

fn perform(world: &mut World) {
    let count = world.rng.usize(1..6);
    world.perform(count);
}

fn fail_store(world: &mut World) {
    world.set_store_fails(true);
}

fn heal_store(world: &mut World) {
    world.store.fails = false;
}

fn wait(world: &mut World) {
    let time = Duration::from_millis(world.rng.u64(..8_000));
    world.turn();
    world.driver.pass(time);
}

fn crash(world: &mut World) {
    if world.rng.u8(..4) == 0 {
        world.crash();
    }
}
