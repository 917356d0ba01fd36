//! The protocol, as its description has it: who is in which channel, who knows of whom, which
//! grants are good, and what everybody must be sent. What a request does is in `commands`.
//!
//! Slow and plain on purpose: everything is looked for in lists, and each member keeps the set of
//! those whom it was told of.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use fantail::limits::Limits;

use super::answers;
use super::settings::Rules;

const MINUTE: Duration = Duration::from_secs(60);

/// A frame that a client must be sent.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The answer to its handshake.
    Handshake,
    /// This one.
    Frame(u8, Rc<str>),
    /// A pong.
    Pong(Vec<u8>),
    /// The answer to a grant, but for the token.
    Granted {
        opcode: u8,
        names: String,
        grant: usize,
    },
    /// That others are gone, in any order: nothing says who of those that go together goes first.
    /// Who goes with them may be told, or not.
    Left { gone: Vec<Rc<str>>, may_lack: bool },
}

/// A client that has shaken hands.
#[derive(Debug)]
pub(crate) struct Client {
    address: usize,
    /// Tokens that it guessed and that were wrong.
    wrong_tokens: usize,
    /// It has guessed too often.
    cut_off: bool,
}

/// What was guessed from an address.
#[derive(Debug, Default)]
struct Guesses {
    since: Duration,
    count: usize,
    refused_until: Duration,
}

/// A grant, of which there is one token, whatever becomes of it.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) channel: String,
    pub(crate) protocol: String,
    pub(crate) mode: i64,
    pub(crate) makes_authority: bool,
    pub(crate) extra: String,
    /// Until when it is good; nothing while it is used.
    pub(crate) ends: Option<Duration>,
    /// Its bearer has left: nobody gave it now.
    pub(crate) returned: bool,
    /// The token, once somebody has read it.
    pub(crate) token: Option<String>,
}

/// A client in a channel.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) client: u64,
    pub(crate) authority: bool,
    pub(crate) mode: i64,
    pub(crate) extra: String,
    pub(crate) grant: Option<usize>,
    /// Whom it was told of and not yet told that they are gone.
    pub(crate) knows: BTreeSet<u64>,
}

impl Member {
    fn info(&self) -> String {
        answers::info(self.authority, self.mode, &self.extra)
    }

    /// Whether it is told of what `other` does.
    pub(crate) fn is_told_of(&self, other: &Self) -> bool {
        other.authority || self.mode == 2
    }
}

/// A channel; its members in the order in which they joined.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<Member>,
}

impl Channel {
    pub(crate) fn place(&self, client: u64) -> Option<usize> {
        let mut members = self.members.iter();
        members.position(|member| member.client == client)
    }

    /// Whether a client is in it.
    pub(crate) fn has(&self, client: u64) -> bool {
        self.place(client).is_some()
    }
}

/// The model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    pub(crate) now: Duration,
    pub(crate) channels: BTreeMap<u64, Channel>,
    pub(crate) grants: Vec<Grant>,
    /// Whom to send what.
    pub(crate) due: Vec<(u64, Due)>,
    /// How often what happened.
    pub(crate) tally: BTreeMap<&'static str, u64>,
    /// The server says that there is no memory for what comes now. How much things take is its own
    /// affair, within bounds.
    pub(crate) no_memory: bool,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) last_channel: u64,
    guesses: BTreeMap<usize, Guesses>,
}

impl Model {
    /// A server without clients.
    pub(crate) fn new(rules: Rules, limits: Limits) -> Self {
        Self {
            rules,
            limits,
            now: Duration::ZERO,
            channels: BTreeMap::new(),
            grants: Vec::new(),
            due: Vec::new(),
            tally: BTreeMap::new(),
            no_memory: false,
            clients: BTreeMap::new(),
            last_channel: 0,
            guesses: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// A client has shaken hands.
    pub(crate) fn connect(&mut self, client: u64, address: usize) {
        self.clients.insert(
            client,
            Client {
                address,
                wrong_tokens: 0,
                cut_off: false,
            },
        );
    }

    /// Whether a client has guessed too often: nothing that it says counts any more.
    pub(crate) fn is_cut_off(&self, client: u64) -> bool {
        self.clients[&client].cut_off
    }

    /// Grants that are good.
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = (usize, &Grant)> {
        let now = self.now;
        let is_good = move |grant: &Grant| grant.ends.is_some_and(|ends| now < ends);
        (0..)
            .zip(&self.grants)
            .filter(move |(_, grant)| is_good(grant))
    }

    pub(crate) fn send(&mut self, client: u64, opcode: u8, text: impl Into<Rc<str>>) {
        self.due.push((client, Due::Frame(opcode, text.into())));
    }

    pub(crate) fn number_of(&self, name: &str, protocol: &str) -> Option<u64> {
        let mut channels = self.channels.iter();
        let found =
            channels.find(|(_, channel)| channel.name == name && channel.protocol == protocol);
        found.map(|(number, _)| *number)
    }

    /// Puts a member in, or in the place of what it was, and tells everybody.
    pub(crate) fn enter(&mut self, number: u64, member: Member, opcode: u8) {
        let client = member.client;
        let channel = self.channels.get_mut(&number).expect("it was made");
        let mut counted = Vec::new();
        let mut was = None;
        let place = channel.place(client);
        let place = match place {
            Some(place) => {
                counted.push("joined again");
                if channel.members[place].authority && !member.authority {
                    counted.push("stopped being an authority");
                }
                let before = std::mem::replace(&mut channel.members[place], member);
                if before.grant.is_some() {
                    counted.push("joined again and got a grant back");
                }
                was = Some(before);
                place
            }
            None => {
                channel.members.push(member);
                channel.members.len() - 1
            }
        };
        let joined = &channel.members[place];
        let info = format!(r#","info":{}"#, joined.info());
        let mut listed = BTreeSet::new();
        let mut entries = Vec::new();
        let mut told = Vec::new();
        for other in &channel.members {
            let is_itself = other.client == client;
            if is_itself || joined.is_told_of(other) {
                listed.insert(other.client);
                entries.push(format!(r#""{}":{}"#, other.client, other.info()));
            }
            if !is_itself && other.is_told_of(joined) {
                told.push(other.client);
            }
        }
        listed.remove(&client);
        let names = answers::names(&channel.name, &channel.protocol);
        let clients = format!(r#"{info}{names},"clients":{{{}}}"#, entries.join(","));
        for other in &mut channel.members {
            if told.contains(&other.client) {
                other.knows.insert(client);
            }
        }
        channel.members[place].knows = listed;
        let text: Rc<str> = answers::told(number, "JOINED", client, &info).into();
        for other in told {
            self.send(other, opcode, Rc::clone(&text));
        }
        self.send(
            client,
            opcode,
            answers::told(number, "JOINED", client, &clients),
        );
        for what in counted {
            self.count(what);
        }
        if let Some(was) = was {
            self.give_back(was);
        }
    }

    /// Clients whose connections ended in one turn.
    pub(crate) fn die(&mut self, dead: &BTreeSet<u64>) {
        let mut left: BTreeMap<u64, Vec<Rc<str>>> = BTreeMap::new();
        for (number, channel) in &self.channels {
            for gone in channel.members.iter().filter(|m| dead.contains(&m.client)) {
                let text: Rc<str> = answers::told(*number, "LEFT", gone.client, "").into();
                for other in &channel.members {
                    if other.knows.contains(&gone.client) {
                        left.entry(other.client).or_default().push(Rc::clone(&text));
                    }
                }
            }
        }
        for (client, gone) in left {
            let may_lack = dead.contains(&client);
            self.due.push((client, Due::Left { gone, may_lack }));
        }
        for client in dead {
            self.clients.remove(client);
            let mut numbers: Vec<u64> = self.channels.keys().copied().collect();
            numbers.retain(|number| self.channels[number].has(*client));
            for number in numbers {
                self.count("died in a channel");
                self.remove(number, *client);
            }
        }
    }

    /// Takes a member out; who knew of it. Its grant is good again.
    pub(crate) fn remove(&mut self, number: u64, client: u64) -> Vec<u64> {
        let channel = self.channels.get_mut(&number).expect("a channel");
        let place = channel.place(client);
        let gone = channel.members.remove(place.expect("a member"));
        let mut told = Vec::new();
        let mut no_sender_told = false;
        for other in &mut channel.members {
            if other.knows.remove(&client) {
                told.push(other.client);
                no_sender_told |= !other.is_told_of(&gone);
            }
        }
        if channel.members.is_empty() {
            self.channels.remove(&number);
        }
        if no_sender_told {
            self.count("was told of one who is no authority any more");
        }
        self.give_back(gone);
        told
    }

    /// Of one who is no member any more, or another than it was.
    fn give_back(&mut self, gone: Member) {
        if let Some(grant) = gone.grant {
            self.count("a grant was given back");
            let ends = Some(self.now + self.limits.drc_grant_time);
            let grant = &mut self.grants[grant];
            (grant.extra, grant.ends, grant.returned) = (gone.extra, ends, true);
        }
    }

    pub(crate) fn trusts_address(&self, client: u64, protocol: &str) -> bool {
        let address = self.clients[&client].address;
        self.rules.trust_address(address, protocol)
    }

    pub(crate) fn wrong_token(&mut self, client: u64, token: Option<&String>) {
        let Some(client) = self.clients.get_mut(&client) else {
            return;
        };
        if token.is_none_or(|token| is_like_a_grants(token)) {
            return;
        }
        client.wrong_tokens += 1;
        // The second address is the first one, written otherwise.
        let address = if client.address == 1 {
            0
        } else {
            client.address
        };
        let guesses = self.guesses.entry(address).or_default();
        let most = self.limits.failed_logins;
        if self.now > guesses.since + MINUTE {
            (guesses.since, guesses.count) = (self.now, 0);
        }
        guesses.count += 1;
        if guesses.count >= most {
            (guesses.refused_until, guesses.count) = (self.now + MINUTE, 0);
        }
        client.cut_off |= client.wrong_tokens >= most || guesses.refused_until > self.now;
    }
}

/// Nobody guesses a token of this form: at least 64 hexadecimal digits, and a number.
fn is_like_a_grants(token: &str) -> bool {
    let Some((secret, number)) = token.rsplit_once('-') else {
        return false;
    };
    let are = |text: &str, radix| text.chars().all(|c| c.is_digit(radix));
    secret.len() >= 64 && are(secret, 16) && !number.is_empty() && are(number, 10)
}
