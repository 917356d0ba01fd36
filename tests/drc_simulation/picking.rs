//! What requests are about: names, tokens, extra information, channels and clients.

use super::asking::Asking;
use super::model::Channel;
use super::request::{Names, Number};
use super::settings::{PROTOCOLS, TOKENS};
use super::spelling::{self, Members};

/// Names of channels that are names.
const CHANNELS: [&str; 6] = ["a", "b", "c", "a/\u{e9}\"\\\n\u{1f600}", "p", "ap"];

/// Extra information, as it is written.
const EXTRAS: [&str; 8] = [
    "{}",
    "[]",
    "{\"a\":1}",
    "{ \"n\" : 1.0, \"u\":\"\\u00e9\u{e9}\\/\" }",
    "[1, 2,{\"x\":[]}]",
    "{\"a\":1e400}",
    "{\"to\":-1,\"to\":2}",
    "[ ]",
];

/// What is no extra information.
const NO_EXTRAS: [&str; 5] = ["\"{}\"", "5", "null", "false", "true"];

impl Asking<'_> {
    /// The names of a channel: mostly good ones, and those of a grant if there is one.
    pub(crate) fn names(&mut self) -> (Names, Members) {
        let mut members = Members::new();
        let grants: Vec<_> = self.model.outstanding().map(|(_, grant)| grant).collect();
        let of_grant = self.rng.choice(grants).filter(|_| self.rng.bool());
        let (channel, protocol) = match of_grant {
            Some(grant) => (grant.channel.clone(), grant.protocol.clone()),
            None => {
                let (channels, protocols) = match self.one_in(16) {
                    true => (CHANNELS.len(), PROTOCOLS.len()),
                    false => self.names,
                };
                let channel = CHANNELS[self.rng.usize(..channels)];
                let protocol = PROTOCOLS[self.rng.usize(..protocols)];
                (channel.to_owned(), protocol.to_owned())
            }
        };
        let names = Names {
            channel: self.name(&mut members, "channel", channel, 256),
            protocol: self.name(&mut members, "protocol", protocol, 64),
        };
        (names, members)
    }

    fn name(
        &mut self,
        members: &mut Members,
        what: &str,
        mut name: String,
        longest: usize,
    ) -> Option<String> {
        match self.rng.u8(..200) {
            0 => name = String::new(),
            1 => name = "x".repeat(longest),
            2 => name = "x".repeat(longest + 1),
            3 => name = "\u{e9}".repeat(longest / 2),
            4 => {
                if let Some(value) = self.rng.choice(["null", "5", "[\"a\"]"]) {
                    members.push((spelling::string(self.rng, what), value.to_owned()));
                }
                return None;
            }
            5 => return None,
            _ => {}
        }
        let text = spelling::string(self.rng, &name);
        members.push((spelling::string(self.rng, what), text));
        Some(name)
    }

    /// A token: one that was granted, for this channel or another, good, used or ended; one that is
    /// configured; something like one; or none.
    pub(crate) fn token(&mut self, names: &Names, members: &mut Members) -> Option<String> {
        let granted = self.model.grants.iter();
        let granted: Vec<_> = granted.filter(|grant| grant.token.is_some()).collect();
        let fitting = granted.iter().filter(|grant| {
            grant.ends.is_some()
                && Some(&grant.channel) == names.channel.as_ref()
                && Some(&grant.protocol) == names.protocol.as_ref()
        });
        let fitting: Vec<_> = fitting.map(|grant| &grant.token).collect();
        let granted: Vec<_> = granted.iter().map(|grant| &grant.token).collect();
        let token = match self.rng.u8(..16) {
            0..8 if !fitting.is_empty() => self.pick(&fitting).clone()?,
            8 if !granted.is_empty() => self.pick(&granted).clone()?,
            9 if !granted.is_empty() => {
                let token = self.pick(&granted).clone()?;
                self.almost(&token)
            }
            10 | 11 => self.rng.choice(TOKENS)?.0.to_owned(),
            12 => self
                .pick(&["", "alpha-2", "1", "-", "-1", "alpha-1 "])
                .to_owned(),
            13 if self.one_in(3) => {
                members.push(("\"token\"".to_owned(), "5".to_owned()));
                return None;
            }
            _ => return None,
        };
        let text = spelling::string(self.rng, &token);
        members.push((spelling::string(self.rng, "token"), text));
        Some(token)
    }

    /// A token that differs from this one.
    fn almost(&mut self, token: &str) -> String {
        let (secret, number) = token.rsplit_once('-').unwrap();
        match self.rng.u8(..8) {
            0 => format!("{secret}-0{number}"),
            1 => format!("{secret}-+{number}"),
            2 => format!("{secret}-{number}0"),
            3 => format!("{}-{number}", &secret[1..]),
            4 => format!("-{number}"),
            5 => secret.to_owned(),
            6 => format!("{token} "),
            _ => format!("{}-{number}", secret.to_uppercase() + "A"),
        }
    }

    pub(crate) fn extra(&mut self, members: &mut Members) -> Option<String> {
        let limit = self.model.limits.drc_extra;
        let longest = |length: usize| format!("[\"{}\"]", "x".repeat(length - 4));
        let extra = match self.rng.u8(..60) {
            0 => {
                let value = self.pick(&NO_EXTRAS);
                members.push(("\"extra\"".to_owned(), value.to_owned()));
                return None;
            }
            1 => return None,
            2 => longest(limit),
            3 => longest(limit + 1),
            _ => self.pick(&EXTRAS).to_owned(),
        };
        members.push((spelling::string(self.rng, "extra"), extra.clone()));
        Some(extra)
    }

    pub(crate) fn push_number(&mut self, members: &mut Members, name: &str, number: Number) {
        if let Some(value) = spelling::number(self.rng, number) {
            members.push((spelling::string(self.rng, name), value));
        }
    }

    /// The number of a channel, mostly of one that the client is in.
    pub(crate) fn channel(&mut self, members: &mut Members) -> Number {
        let all: Vec<u64> = self.model.channels.keys().copied().collect();
        let is_in = |number: &&u64| self.model.channels[number].has(self.client);
        let own: Vec<u64> = all.iter().filter(is_in).copied().collect();
        let number = match self.rng.u8(..100) {
            0 => Number::Missing,
            1 => Number::Other,
            2 => Number::Is(0),
            3 => Number::Is(-1),
            4 => Number::Is(self.rng.i64(..20)),
            5 => Number::Is(i64::MAX),
            6 => self.rng.choice(all).map_or(Number::Is(1), is),
            _ => self.rng.choice(own).map_or(Number::Is(1), is),
        };
        self.push_number(members, "channel", number);
        number
    }

    /// The number of a client, mostly of one in that channel.
    pub(crate) fn member_of(&mut self, channel: Number) -> Number {
        let found: Option<&Channel> = match channel {
            Number::Is(number) => self.model.channels.get(&(number as u64)),
            Number::Missing | Number::Other => None,
        };
        let members = found.iter().flat_map(|channel| &channel.members);
        let authorities: Vec<u64> = members
            .clone()
            .filter(|member| member.authority)
            .map(|member| member.client)
            .collect();
        let all: Vec<u64> = members.map(|member| member.client).collect();
        match self.rng.u8(..32) {
            0 => Number::Missing,
            1 => Number::Other,
            2 => Number::Is(self.rng.i64(..40)),
            3..14 => self.rng.choice(authorities).map_or(Number::Is(0), is),
            _ => self.rng.choice(all).map_or(Number::Is(2), is),
        }
    }
}

fn is(number: u64) -> Number {
    Number::Is(number as i64)
}
