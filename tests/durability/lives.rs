//! Many lives of a server with the same database, each ended at a random moment, with senders and
//! receivers who note what they see.

use crate::client::{Client, PATIENCE, Received, USERS};
use crate::faults::{EIO, ENOSPC};
use crate::history::{Counts, Event, History, Item, Number, Violation};
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

/// Who receives a channel, if anybody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receivers {
    /// One at a time, which does not know how to acknowledge.
    Plain,
    /// One at a time, which acknowledges.
    Acknowledging,
    /// Two that acknowledge and share the messages.
    Sharing,
    /// One of each kind, and each message is for both.
    Both,
}

/// The channels, by their numbers.
const CHANNELS: [Receivers; 5] = [
    Receivers::Plain,
    Receivers::Plain,
    Receivers::Acknowledging,
    Receivers::Sharing,
    Receivers::Both,
];

/// Senders of each channel. The first gives its messages no ids and forgets what was not
/// confirmed; the others do, and send it again in the next life.
const SENDERS: u32 = 2;
const WITHOUT_IDS: u32 = 0;
/// The longest that a server lives once it listens.
const LONGEST_LIFE: Duration = Duration::from_millis(60);
/// How long a receiver waits for more before it does something else.
const PAUSE: Duration = Duration::from_millis(5);

/// A message on its way.
#[derive(Debug)]
struct Sending {
    items: Vec<Item>,
    text: String,
}

/// A sender over all lives.
#[derive(Debug, Default)]
struct Sender {
    next: u32,
    /// What was sent and is not confirmed.
    open: VecDeque<Sending>,
}

/// What befalls a server in its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is killed.
    Kill,
    /// And what was not synchronised is lost with it.
    PowerLoss,
    /// And before that its disk fails for a while, now and then.
    Faults,
}

/// Faults of a disk, of which the server can be told to have one.
const FAULTS: [(&str, i32); 3] = [("write", ENOSPC), ("write", EIO), ("fsync", EIO)];

/// The lives of a server.
#[derive(Debug)]
pub struct Lives {
    trouble: Trouble,
    random: Rng,
    directory: tempfile::TempDir,
    power: Option<Power>,
    history: Mutex<History>,
    senders: [[Mutex<Sender>; SENDERS as usize]; CHANNELS.len()],
    next_connection: AtomicU32,
}

impl Lives {
    /// A database that is yet to be made.
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        let directory = tempfile::tempdir().expect("it can be made");
        let power = (trouble != Trouble::Kill).then(|| Power::of(&database_in(directory.path())));
        let has_order = |(_, kind): &(u32, Receivers)| match kind {
            Receivers::Plain | Receivers::Acknowledging => trouble != Trouble::Faults,
            Receivers::Sharing | Receivers::Both => false,
        };
        let in_order = (0..).zip(CHANNELS).filter(has_order);
        Self {
            trouble,
            random: Rng::with_seed(seed),
            directory,
            power,
            history: Mutex::new(History::new(in_order.map(|(channel, _)| channel).collect())),
            senders: Default::default(),
            next_connection: AtomicU32::new(0),
        }
    }

    fn database(&self) -> PathBuf {
        database_in(self.directory.path())
    }

    /// The record of the disk.
    pub fn power(&self) -> Option<&Power> {
        self.power.as_ref()
    }

    /// A server lives and is killed, now and then stopped; what was not synchronised may be lost
    /// with it.
    pub fn live(&mut self) {
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
            let this = &*self;
            for (channel, kind) in (0..).zip(CHANNELS) {
                for sender in 0..SENDERS {
                    let own = random.fork();
                    if random.u8(..3) > 0 {
                        scope.spawn(move || this.send(address, (channel, sender), own));
                    }
                }
                let acknowledging: &[bool] = match kind {
                    Receivers::Plain => &[false],
                    Receivers::Acknowledging => &[true],
                    Receivers::Sharing => &[true, true],
                    Receivers::Both => &[false, true],
                };
                for acknowledges in acknowledging {
                    let own = random.fork();
                    if random.u8(..3) > 0 {
                        scope.spawn(move || this.receive(address, channel, *acknowledges, own));
                    }
                }
            }
            this.pass(time, &mut random);
            if random.u8(..20) == 0 {
                server.signal("TERM");
            } else {
                server.kill();
            }
        });
        assert!(server.exit_within(PATIENCE).is_some(), "it goes on");
    }

    /// Time goes by; the disk may fail for a third of it.
    fn pass(&self, time: Duration, random: &mut Rng) {
        let part = time / 3;
        let fault = match &self.power {
            Some(power) if self.trouble == Trouble::Faults && random.bool() => {
                random.choice(FAULTS).map(|fault| (power.disk(), fault))
            }
            _ => None,
        };
        thread::sleep(part);
        if let Some((disk, fault)) = fault {
            disk.set_faults(&[fault]).expect("it can be written");
        }
        thread::sleep(part);
        if let Some((disk, _)) = fault {
            disk.set_faults(&[]).expect("it can be written");
        }
        thread::sleep(part);
    }

    fn note(&self, event: &Event) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.note(event);
    }

    /// A sender, until its server is gone: it has up to so many messages under way that are not
    /// confirmed.
    fn send(&self, address: SocketAddr, (channel, sender): (u32, u32), mut random: Rng) {
        let Some(mut client) = Client::connect(address) else {
            return;
        };
        let state = &self.senders[channel as usize][sender as usize];
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if sender == WITHOUT_IDS {
            state.open.clear();
        }
        let mut goes_on = state.open.iter().all(|again| client.send(&again.text));
        let most = *random.choice(&[1, 1, 4, 16]).expect("there are some");
        loop {
            while goes_on && state.open.len() < most {
                let sending = state.sending((channel, sender), &mut random);
                for item in &sending.items {
                    self.note(&Event::Sent(*item));
                }
                goes_on = client.send(&sending.text);
                state.open.push_back(sending);
            }
            match client.receive(PATIENCE) {
                Received::Text(text) => {
                    let sent = state.open.pop_front();
                    let sent = sent.unwrap_or_else(|| panic!("nothing was sent: {text}"));
                    self.note_answer(&text, &sent.items);
                }
                Received::End => return,
                other => panic!("instead of a confirmation: {other:?}"),
            }
            if random.u8(..8) == 0 {
                thread::sleep(PAUSE.mul_f64(random.f64()));
            }
        }
    }

    fn note_answer(&self, text: &str, items: &[Item]) {
        let answer: Value = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(answer["confirm"], json!(items[0].to_string()), "{text}");
        if self.trouble == Trouble::Faults && answer["response_code"] == "01" {
            for item in items {
                self.note(&Event::Refused(*item));
            }
            return;
        }
        assert_eq!(answer["response_code"], "00", "nothing is in its way");
        let numbers = answer["ids"].as_array().expect("it has ids");
        assert_eq!(numbers.len(), items.len(), "{text}");
        for (item, number) in items.iter().zip(numbers) {
            let number = number.as_i64().expect("ids are numbers");
            self.note(&Event::Confirmed(*item, Some(number)));
        }
    }

    /// A receiver, one after the other, until the server is gone.
    fn receive(&self, address: SocketAddr, channel: u32, acknowledges: bool, mut random: Rng) {
        while let Some(mut client) = Client::connect(address) {
            let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
            if !client.send(&receive_message(channel, acknowledges)) {
                return;
            }
            let mut open = Vec::new();
            // Who leaves too early leaves what it did not read for the next.
            let mut left = random.u32(1..100);
            while left > 0 {
                left -= 1;
                match client.receive(PAUSE) {
                    Received::Text(text) if acknowledges => {
                        open.extend(self.note_delivery(connection, channel, &text, true));
                    }
                    Received::Text(text) => {
                        self.note_delivery(connection, channel, &text, false);
                    }
                    Received::Ping(payload) if random.u8(..10) > 0 => {
                        client.pong(payload);
                    }
                    Received::Ping(_) | Received::Nothing => {}
                    Received::End => return,
                }
                match random.u8(..20) {
                    0 => open.clear(),
                    // A command says that what was written before has arrived, so that it must
                    // be read.
                    1 if !acknowledges => {
                        client.send(&receive_message(channel, false));
                        left = u32::MAX;
                    }
                    2..10 if !open.is_empty() => {
                        let ids = json!({"command": "ack", "ids": open});
                        client.send(&ids.to_string());
                        open.clear();
                    }
                    _ => {}
                }
            }
        }
    }

    /// The numbers of what has arrived, if it has some.
    fn note_delivery(
        &self,
        connection: u32,
        channel: u32,
        text: &str,
        acknowledges: bool,
    ) -> Option<Number> {
        let message: Value = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(message["channel"], json!(channel.to_string()), "{text}");
        // Others get the message as it was sent, with its sender's id.
        let number = acknowledges.then(|| message["id"].as_i64().expect("it has an id"));
        for element in message["data"].as_array().expect("it has data") {
            self.note(&Event::Delivered {
                connection,
                channel,
                text: element.as_str().unwrap_or_default().to_owned(),
                number,
            });
        }
        number
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
        let mut kept = vec![Vec::new(); CHANNELS.len()];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line: Value = serde_json::from_str(line).expect("it is JSON");
            let text = line["data"].as_str().expect("items are texts").to_owned();
            let channel = line["channel"].as_str().and_then(|name| name.parse().ok());
            let channel: u32 = channel.expect("channels are numbers");
            kept[channel as usize].push(text.clone());
            self.note(&Event::Kept {
                channel,
                text,
                number: line["id"].as_i64().expect("each has a number"),
            });
        }
        for (channel, kept) in (0..).zip(kept) {
            assert_eq!(drain(server.address(), channel, kept.len()), kept);
        }
    }

    /// What has happened in all lives, and must not have, with the story of the first. Consumes
    /// what is kept.
    pub fn violations(&mut self) -> (Vec<Violation>, String) {
        self.note_kept();
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let violations = history.violations();
        let first = violations.first().and_then(Violation::item);
        // The story ends here in any case.
        let story = history.story(first.unwrap_or(Item {
            channel: 0,
            sender: 0,
            number: 0,
        }));
        (violations, story)
    }

    /// How much has happened.
    pub fn counts(&self) -> Counts {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.counts()
    }
}

impl Sender {
    /// A message of some items.
    fn sending(&mut self, (channel, sender): (u32, u32), random: &mut Rng) -> Sending {
        let count = random.u32(1..=3);
        let items = (self.next..self.next + count).map(|number| Item {
            channel,
            sender,
            number,
        });
        let items: Vec<_> = items.collect();
        self.next += count;
        let name = items[0].to_string();
        let padding = [0, 10, 100, 3000];
        let mut message = json!({
            "command": "send-message",
            "channel": channel.to_string(),
            "data": items
                .iter()
                .map(|item| item.text(padding[random.usize(..padding.len())]))
                .collect::<Vec<_>>(),
            "confirm": name,
        });
        if sender != WITHOUT_IDS {
            message["id"] = json!(name);
        }
        if CHANNELS[channel as usize] == Receivers::Sharing {
            message["number_of_receiver"] = json!(1);
        }
        Sending {
            items,
            text: message.to_string(),
        }
    }
}

fn database_in(directory: &Path) -> PathBuf {
    // As SQLite names it to the system: without links.
    fs::canonicalize(directory)
        .expect("it is there")
        .join("x.db")
}

fn receive_message(channel: u32, acknowledges: bool) -> String {
    let message = json!({
        "command": "receive-message",
        "channel": channel.to_string(),
        "ack": acknowledges,
    });
    message.to_string()
}

/// What a receiver gets of a channel, which is to be so many messages and no more.
pub fn drain(address: SocketAddr, channel: u32, count: usize) -> Vec<String> {
    let mut client = Client::connect(address).expect("the server lives");
    assert!(client.send(&receive_message(channel, false)));
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
