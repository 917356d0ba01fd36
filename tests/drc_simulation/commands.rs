//! What a request does: its checks in their order, and who is sent what.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::answers::{self, Fault};
use super::model::{Channel, Due, Grant, Member, Model};
use super::request::{Names, Number, Request};

/// By what right a client joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    None,
    Address,
    Token,
    Grant(usize),
}

impl Model {
    /// A client sent a request.
    pub(crate) fn request(&mut self, client: u64, opcode: u8, request: &Request) {
        if self.is_cut_off(client) {
            return self.count("guessed too often");
        }
        let answered = match request {
            Request::Undecodable => Err(answers::INVALID_DATA),
            Request::NoCommand => Err(answers::NO_COMMAND),
            Request::Grant {
                names,
                mode,
                extra,
                token,
                makes_authority,
            } => {
                let rights = (*mode, *makes_authority);
                self.grant(
                    client,
                    opcode,
                    names,
                    rights,
                    extra.as_ref(),
                    token.as_ref(),
                )
            }
            Request::Join {
                names,
                token,
                by_address,
            } => self.join(client, opcode, names, token.as_ref(), *by_address),
            Request::SetExtra { channel, id, extra } => {
                self.set_extra(client, opcode, *channel, *id, extra.as_ref())
            }
            Request::Leave { channel } => self.leave(client, opcode, *channel),
            Request::Message {
                channel,
                to,
                passed,
            } => self.message(client, opcode, *channel, *to, passed),
        };
        if let Err(fault) = answered {
            self.count(fault.0);
            self.send(client, opcode, fault.text());
        }
    }

    fn grant(
        &mut self,
        client: u64,
        opcode: u8,
        names: &Names,
        (mode, makes_authority): (Number, bool),
        extra: Option<&String>,
        token: Option<&String>,
    ) -> Result<(), Fault> {
        let (channel, protocol) = check_names(names)?;
        let Number::Is(mode @ 0..=2) = mode else {
            return Err(answers::MODE);
        };
        let extra = self.check_extra(extra)?;
        let by_address = self.trusts_address(client, protocol);
        let trusts_token = |token: &String| self.rules.trust_token(token, protocol);
        if !by_address && !token.is_some_and(trusts_token) {
            self.wrong_token(client, token);
            return Err(answers::NO_AUTHORITY_TO_GRANT);
        }
        let given = self.outstanding().filter(|(_, grant)| !grant.returned);
        if given.count() >= self.limits.drc_grants {
            self.count("grants too many");
            return Err(answers::GRANTS);
        }
        self.check_memory(extra.len())?;
        self.grants.push(Grant {
            channel: channel.to_owned(),
            protocol: protocol.to_owned(),
            mode,
            makes_authority,
            extra: extra.to_owned(),
            ends: Some(self.now + self.limits.drc_grant_time),
            returned: false,
            token: None,
        });
        let granted = Due::Granted {
            opcode,
            names: answers::names(channel, protocol),
            grant: self.grants.len() - 1,
        };
        self.due.push((client, granted));
        Ok(())
    }

    fn join(
        &mut self,
        client: u64,
        opcode: u8,
        names: &Names,
        token: Option<&String>,
        by_address: bool,
    ) -> Result<(), Fault> {
        let (name, protocol) = check_names(names)?;
        let right = self.right_to_join(client, (name, protocol), token, by_address);
        if right == Right::None {
            self.wrong_token(client, token);
        }
        let known = self.number_of(name, protocol);
        let (authority, grant) = match right {
            Right::None => (false, None),
            Right::Address | Right::Token => (true, None),
            Right::Grant(grant) => (self.grants[grant].makes_authority, Some(grant)),
        };
        // Joining again does not make one more.
        let others = self.channels.iter().filter(|(number, channel)| {
            let member = channel.place(client).map(|place| &channel.members[place]);
            Some(**number) != known && member.is_some_and(|member| !member.authority)
        });
        if !authority && others.count() >= self.limits.drc_channels_per_connection {
            if grant.is_some() {
                self.count("a join that failed left a grant as it was");
            }
            return Err(answers::CHANNELS_OF_CONNECTION);
        }
        if right != Right::None
            && known.is_none()
            && self.channels.len() >= self.limits.drc_channels
        {
            return Err(answers::CHANNELS);
        }
        self.count(match right {
            Right::Address => "joined by address",
            Right::Token => "joined by a configured token",
            Right::Grant(_) if authority => "joined by a grant that makes an authority",
            Right::Grant(_) => "joined by a grant",
            Right::None => return Err(answers::NO_RIGHT_TO_JOIN),
        });
        let mut member = Member {
            client,
            authority,
            mode: 2,
            extra: "false".to_owned(),
            grant,
            knows: BTreeSet::new(),
        };
        if let Some(grant) = grant {
            let grant = &mut self.grants[grant];
            grant.ends = None;
            member.extra.clone_from(&grant.extra);
            member.mode = if authority { 2 } else { grant.mode };
        }
        let number = known.unwrap_or_else(|| {
            self.last_channel += 1;
            let channel = Channel {
                name: name.to_owned(),
                protocol: protocol.to_owned(),
                members: Vec::new(),
            };
            self.channels.insert(self.last_channel, channel);
            self.last_channel
        });
        self.enter(number, member, opcode);
        Ok(())
    }

    fn right_to_join(
        &self,
        client: u64,
        (name, protocol): (&str, &str),
        token: Option<&String>,
        by_address: bool,
    ) -> Right {
        if by_address && self.trusts_address(client, protocol) {
            return Right::Address;
        }
        let Some(token) = token else {
            return Right::None;
        };
        if self.rules.trust_token(token, protocol) {
            return Right::Token;
        }
        let mut grants = self.outstanding();
        let found = grants.find(|(_, grant)| {
            grant.token.as_ref() == Some(token)
                && grant.channel == name
                && grant.protocol == protocol
        });
        found.map_or(Right::None, |(index, _)| Right::Grant(index))
    }

    fn set_extra(
        &mut self,
        client: u64,
        opcode: u8,
        channel: Number,
        id: Number,
        extra: Option<&String>,
    ) -> Result<(), Fault> {
        let (number, place) = self.own_place(client, channel)?;
        let members = &self.channels[&number].members;
        if !members[place].authority {
            return Err(answers::NO_AUTHORITY);
        }
        let target = members
            .iter()
            .position(|m| Number::Is(m.client as i64) == id);
        let target = target.ok_or(answers::ID)?;
        let before = members[target].extra.len();
        let extra = self.check_extra(extra)?.to_owned();
        self.check_memory(extra.len().saturating_sub(before))?;
        let members = &mut self.channels.get_mut(&number).expect("found").members;
        members[target].extra.clone_from(&extra);
        let target = &members[target];
        let told: Vec<u64> = members
            .iter()
            .filter(|member| member.is_told_of(target))
            .map(|member| member.client)
            .collect();
        let rest = format!(r#","extra":{extra}"#);
        let text: Rc<str> = answers::told(number, "SET_EXTRA", target.client, &rest).into();
        assert!(told.contains(&client));
        for other in told {
            self.send(other, opcode, Rc::clone(&text));
        }
        Ok(())
    }

    fn leave(&mut self, client: u64, opcode: u8, channel: Number) -> Result<(), Fault> {
        let (number, _) = self.own_place(client, channel)?;
        self.count("left");
        let text: Rc<str> = answers::told(number, "LEFT", client, "").into();
        for other in self.remove(number, client) {
            self.send(other, 1, Rc::clone(&text));
        }
        self.send(client, opcode, text);
        Ok(())
    }

    fn message(
        &mut self,
        client: u64,
        opcode: u8,
        channel: Number,
        to: Number,
        passed: &str,
    ) -> Result<(), Fault> {
        let (number, place) = self.own_place(client, channel)?;
        let members = &self.channels[&number].members;
        let mode = members[place].mode;
        if mode == 0 {
            return Err(answers::RECEIVES_ONLY.of(number));
        }
        let may_send = |member: &&Member| mode == 2 || member.authority;
        let receivers: Vec<u64> = match to {
            Number::Missing => return Err(answers::NO_RECIPIENT.of(number)),
            Number::Other => return Err(answers::RECIPIENT.of(number)),
            Number::Is(..0) => members.iter().filter(may_send).map(|m| m.client).collect(),
            Number::Is(to) => {
                let mut members = members.iter().filter(may_send);
                let found = members.find(|member| member.client as i64 == to);
                vec![found.ok_or(answers::RECIPIENT.of(number))?.client]
            }
        };
        if matches!(to, Number::Is(..0)) {
            self.count(match mode {
                2 => "sent to all",
                _ => "sent to the authorities",
            });
        }
        let text = format!(r#"{{"channel":{number},"success":true,"from":{client},{passed}}}"#);
        let text: Rc<str> = text.into();
        for receiver in receivers {
            self.send(receiver, opcode, Rc::clone(&text));
        }
        Ok(())
    }

    fn own_place(&self, client: u64, channel: Number) -> Result<(u64, usize), Fault> {
        let number = match channel {
            Number::Missing => return Err(answers::NO_CHANNEL),
            Number::Other | Number::Is(..0) => return Err(answers::CHANNEL),
            Number::Is(number) => number as u64,
        };
        let channel = self.channels.get(&number).ok_or(answers::CHANNEL)?;
        let place = channel.place(client);
        Ok((number, place.ok_or(answers::CHANNEL)?))
    }

    fn check_extra<'a>(&self, extra: Option<&'a String>) -> Result<&'a str, Fault> {
        let extra = extra.ok_or(answers::EXTRA)?;
        if extra.len() > self.limits.drc_extra {
            return Err(answers::EXTRA);
        }
        Ok(extra)
    }

    /// The limit counts at least all extra information, and not much more.
    fn check_memory(&mut self, more: usize) -> Result<(), Fault> {
        let grants = self.outstanding().map(|(_, grant)| grant);
        let members = self.channels.values().flat_map(|channel| &channel.members);
        let (mut least, mut most) = (more, more);
        for grant in grants {
            least += grant.extra.len();
            most += grant.extra.len() + grant.channel.len() + grant.protocol.len() + 400;
        }
        for member in members {
            least += member.extra.len();
            most += member.extra.len() + 80;
        }
        if std::mem::take(&mut self.no_memory) {
            assert!(most > self.limits.drc_memory, "there is memory");
            self.count("no memory");
            return Err(answers::MEMORY);
        }
        assert!(least <= self.limits.drc_memory, "there is no memory");
        Ok(())
    }
}

fn check_names(names: &Names) -> Result<(&str, &str), Fault> {
    let check = |name: &'_ Option<String>, longest, fault| match name {
        Some(name) if (1..=longest).contains(&name.len()) => Ok(()),
        _ => Err(fault),
    };
    check(&names.channel, 256, answers::NAME)?;
    check(&names.protocol, 64, answers::PROTOCOL)?;
    let text = |name| Option::as_deref(name).unwrap_or_default();
    Ok((text(&names.channel), text(&names.protocol)))
}
