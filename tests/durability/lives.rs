//! Many lives of a server with the same database, each ended at a random moment, with senders and
//! receivers who note what they see.

use crate::client::{Client, PATIENCE, Received, USERS};
use crate::history::{Event, History, Item, Number, Violation};
use crate::power::{Loss, Power};
use crate::support::{Server, fantail};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Channels, each with a receiver at a time.
const CHANNELS: u32 = 4;
/// Senders of each channel.
const SENDERS: u32 = 2;
/// The longest that a server lives once it listens.
const LONGEST_LIFE: Duration = Duration::from_millis(60);
/// How long a receiver waits for more before it does something else.
const PAUSE: Duration = Duration::from_millis(5);

/// The lives of a server.
#[derive(Debug)]
pub struct Lives {
    random: Rng,
    directory: tempfile::TempDir,
    power: Option<Power>,
    history: Mutex<History>,
    next_item: [[AtomicU32; SENDERS as usize]; CHANNELS as usize],
    next_connection: AtomicU32,
    begun: u32,
}

impl Lives {
    /// A database that is yet to be made. With `loses_power` the server is not merely killed.
    pub fn new(seed: u64, loses_power: bool) -> Self {
        let directory = tempfile::tempdir().expect("it can be made");
        let power = loses_power.then(|| Power::of(&database_in(directory.path())));
        Self {
            random: Rng::with_seed(seed),
            directory,
            power,
            history: Mutex::default(),
            next_item: Default::default(),
            next_connection: AtomicU32::new(0),
            begun: 0,
        }
    }

    fn database(&self) -> PathBuf {
        database_in(self.directory.path())
    }

    /// The record of the disk.
    pub fn power(&self) -> Option<&Power> {
        self.power.as_ref()
    }

    /// A server lives and is killed; what was not synchronised may be lost with it.
    pub fn live(&mut self) {
        self.begun += 1;
        if self.random.u8(..20) == 0 {
            self.die_at_the_start();
        } else {
            let time = LONGEST_LIFE.mul_f64(self.random.f64());
            self.live_for(time);
        }
        if let Some(power) = &self.power {
            let loss = self.random.choice(Loss::ALL).expect("there are some");
            power.lose(loss, &mut self.random);
        }
    }

    fn settings<'a>(&'a self, database: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut settings = vec![
            ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker"),
            ("FANTAIL_MESSAGE_BROKER_USERS", USERS),
            ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true"),
            ("FANTAIL_MESSAGE_BROKER_LIMIT", "7"),
            ("FANTAIL_STORE_PATH", database),
            ("FANTAIL_LOG_LEVEL", "warn"),
        ];
        settings.extend(self.power.iter().flat_map(Power::environment));
        settings
    }

    /// A server that is killed before it can say that it listens.
    fn die_at_the_start(&mut self) {
        let database = self.database();
        let mut child = fantail(self.directory.path())
            .envs(self.settings(database.to_str().expect("it is UTF-8")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        thread::sleep(Duration::from_micros(self.random.u64(..15_000)));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    fn live_for(&mut self, time: Duration) {
        let mut random = self.random.fork();
        let database = self.database();
        let mut server = Server::start(&self.settings(database.to_str().expect("it is UTF-8")));
        let address = server.address();
        thread::scope(|scope| {
            for channel in 0..CHANNELS {
                let mut own = random.fork();
                let this = &*self;
                if own.bool() {
                    scope.spawn(move || this.receive(address, channel, own));
                } else {
                    for sender in 0..SENDERS {
                        let own = own.fork();
                        scope.spawn(move || this.send(address, channel, sender, own));
                    }
                }
            }
            thread::sleep(time);
            server.kill();
        });
    }

    fn note(&self, event: Event) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.note(event);
    }

    /// A sender, until its server is gone: it has up to so many messages under way that are not
    /// confirmed.
    fn send(&self, address: SocketAddr, channel: u32, sender: u32, mut random: Rng) {
        let Some(mut client) = Client::connect(address) else {
            return;
        };
        let most = *random.choice(&[1, 1, 4, 16]).expect("there are some");
        let mut waiting = VecDeque::new();
        let mut goes_on = true;
        loop {
            while goes_on && waiting.len() < most {
                let items = self.items(channel, sender, random.u32(1..=3));
                goes_on = client.send(&message(channel, &items, &mut random));
                waiting.push_back(items);
            }
            match client.receive(PATIENCE) {
                Received::Text(text) => self.note_answer(&text, waiting.pop_front()),
                Received::End => return,
                other => panic!("instead of a confirmation: {other:?}"),
            }
            if random.u8(..8) == 0 {
                thread::sleep(PAUSE.mul_f64(random.f64()));
            }
        }
    }

    /// Items that are about to be sent.
    fn items(&self, channel: u32, sender: u32, count: u32) -> Vec<Item> {
        let next = &self.next_item[channel as usize][sender as usize];
        let first = next.fetch_add(count, Ordering::Relaxed);
        let items: Vec<_> = (first..first + count)
            .map(|number| Item {
                channel,
                sender,
                number,
            })
            .collect();
        for item in &items {
            self.note(Event::Sent(*item));
        }
        items
    }

    fn note_answer(&self, text: &str, items: Option<Vec<Item>>) {
        let answer: Value = serde_json::from_str(text).expect("it is JSON");
        let items = items.unwrap_or_else(|| panic!("nothing was sent: {text}"));
        assert_eq!(answer["confirm"], json!(items[0].to_string()), "{text}");
        if answer["response_code"] != "00" {
            panic!("nothing keeps it from being taken: {text}");
        }
        let numbers: Vec<Number> = answer["ids"]
            .as_array()
            .map(|ids| ids.iter().filter_map(Value::as_i64).collect())
            .unwrap_or_default();
        assert!(numbers.is_empty() || numbers.len() == items.len(), "{text}");
        for (index, item) in items.into_iter().enumerate() {
            self.note(Event::Confirmed(item, numbers.get(index).copied()));
        }
    }

    /// A receiver, one after the other, until the server is gone. None knows of acknowledgements.
    fn receive(&self, address: SocketAddr, channel: u32, mut random: Rng) {
        while let Some(mut client) = Client::connect(address) {
            let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
            if !client.send(&receive_message(channel)) {
                return;
            }
            // Who leaves too early leaves what it did not read for the next.
            for _ in 0..random.u32(1..100) {
                match client.receive(PAUSE) {
                    Received::Text(text) => self.note_delivery(connection, channel, &text),
                    Received::Ping(payload) if random.u8(..10) > 0 => {
                        client.pong(payload);
                    }
                    Received::Ping(_) | Received::Nothing => {}
                    Received::End => return,
                }
            }
        }
    }

    fn note_delivery(&self, connection: u32, channel: u32, text: &str) {
        let message: Value = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(message["channel"], json!(channel.to_string()), "{text}");
        for element in message["data"].as_array().expect("it has data") {
            self.note(Event::Delivered {
                connection,
                channel,
                text: element.as_str().unwrap_or_default().to_owned(),
                number: None,
            });
        }
    }

    /// What is still kept, as `fantail store export` tells it and as receivers get it; both must be
    /// the same.
    fn note_kept(&mut self) {
        let database = self.database();
        let server = Server::start(&self.settings(database.to_str().expect("it is UTF-8")));
        let output = fantail(self.directory.path())
            .args(["store", "export"])
            .env("FANTAIL_STORE_PATH", &database)
            .envs(self.power.iter().flat_map(Power::environment))
            .output()
            .expect("it can be started");
        assert!(output.status.success(), "{output:?}");
        let mut kept = vec![Vec::new(); CHANNELS as usize];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line: Value = serde_json::from_str(line).expect("it is JSON");
            let text = line["data"].as_str().expect("items are texts").to_owned();
            let channel = line["channel"].as_str().and_then(|name| name.parse().ok());
            let channel: u32 = channel.expect("channels are numbers");
            kept[channel as usize].push(text.clone());
            self.note(Event::Kept {
                channel,
                text,
                number: line["id"].as_i64().expect("each has a number"),
            });
        }
        for (channel, kept) in (0..).zip(kept) {
            assert_eq!(drain(server.address(), channel, kept.len()), kept);
        }
    }

    /// What has happened in all lives, and must not have. Consumes what is kept.
    pub fn violations(&mut self) -> Vec<Violation> {
        self.note_kept();
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.violations(&Vec::from_iter(0..CHANNELS))
    }

    /// What has happened, in a line.
    pub fn summary(&self) -> String {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |is_one: fn(&Event) -> bool| history.count(is_one);
        format!(
            "{} lives: {} sent, {} confirmed, {} delivered, {} kept",
            self.begun,
            count(|event| matches!(event, Event::Sent(_))),
            count(|event| matches!(event, Event::Confirmed(..))),
            count(|event| matches!(event, Event::Delivered { .. })),
            count(|event| matches!(event, Event::Kept { .. })),
        )
    }

    /// Panics unless enough has happened for the history to mean something.
    pub fn must_have_been_busy(&self) {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = self.begun as usize;
        let confirmed = history.count(|event| matches!(event, Event::Confirmed(..)));
        let delivered = history.count(|event| matches!(event, Event::Delivered { .. }));
        assert!(
            confirmed > lives && delivered > lives,
            "too little has happened"
        );
    }
}

fn database_in(directory: &Path) -> PathBuf {
    // As SQLite names it to the system: without links.
    fs::canonicalize(directory)
        .expect("it is there")
        .join("x.db")
}

fn message(channel: u32, items: &[Item], random: &mut Rng) -> String {
    let texts: Vec<_> = items
        .iter()
        .map(|item| {
            let padding = *random.choice(&[0, 10, 100, 3000]).expect("there are some");
            item.text(padding)
        })
        .collect();
    json!({
        "command": "send-message",
        "channel": channel.to_string(),
        "data": texts,
        "confirm": items[0].to_string(),
    })
    .to_string()
}

fn receive_message(channel: u32) -> String {
    format!(r#"{{"command":"receive-message","channel":"{channel}"}}"#)
}

/// What a receiver gets of a channel, which is to be so many messages and no more.
pub fn drain(address: SocketAddr, channel: u32, count: usize) -> Vec<String> {
    let mut client = Client::connect(address).expect("the server lives");
    assert!(client.send(&receive_message(channel)));
    let mut texts = Vec::new();
    loop {
        let limit = if texts.len() < count { PATIENCE } else { PAUSE };
        match client.receive(limit) {
            Received::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("it is JSON");
                let data = message["data"].as_array().expect("it has data");
                let data = data.iter().filter_map(Value::as_str);
                texts.extend(data.map(str::to_owned));
            }
            Received::Ping(payload) => {
                assert!(client.pong(payload));
            }
            Received::Nothing => return texts,
            Received::End => panic!("the server is gone"),
        }
    }
}
