//! JOIN: by address, by a configured token, or by a grant.

use crate::dialects::drc::Drc;
use crate::dialects::drc::channel::{Joining, Mode, Place};
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::names::Names;
use crate::dialects::drc::request::Request;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::dialect::{Client, Cx};
use crate::relay::output_policy::OutputPolicy;

/// By what right a client joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// By its address or a configured token.
    Authority,
    /// By the grant of this number.
    Grant { number: u64, makes_authority: bool },
    /// By none.
    None,
}

impl Right {
    fn is_authority(self) -> bool {
        match self {
            Self::Authority => true,
            Self::Grant {
                makes_authority, ..
            } => makes_authority,
            Self::None => false,
        }
    }
}

/// Where a client asks to be let in, and by what right.
#[derive(Debug)]
struct Entrance<'a> {
    names: Names<'a>,
    right: Right,
    /// The number of the channel, if it is open.
    known: Option<u64>,
    /// The client is in the channel already, without being an authority.
    again: bool,
}

impl Drc {
    /// Answers JOIN, and tells the others.
    ///
    /// # Errors
    /// What is wrong with it; a grant is not used up then.
    pub(super) fn join(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        request: &Request<'_>,
    ) -> Result<(), Fault> {
        let names = Names::of(request, cx.limits())?;
        let right = self.right_to_join(cx, client, request, &names);
        if right == Right::None {
            self.token_failed(cx, client, request);
        }
        let known = self.channels.find(&names.channel, &names.protocol);
        let entrance = Entrance {
            names,
            right,
            known,
            again: known.is_some_and(|number| self.is_without_authority(client.id, number)),
        };
        self.check_channel_limits(cx, client, &entrance)?;
        if right == Right::None {
            return Err(Fault::JoinDenied);
        }
        let entered = self.enter(cx, client, &entrance);
        let (number, place) = entered.ok_or(Fault::JoinDenied)?;
        self.tell_of_join(cx, client, message_type, number, place);
        Ok(())
    }

    fn right_to_join(
        &mut self,
        cx: &Cx<'_>,
        client: Client<'_>,
        request: &Request<'_>,
        names: &Names<'_>,
    ) -> Right {
        let (channel, protocol) = (&names.channel, &names.protocol);
        let by_address = !request.is_boolean("ipauth", false);
        if by_address && self.settings.trusts_address(client.address.ip(), protocol) {
            return Right::Authority;
        }
        let Some(token) = request.text("token") else {
            return Right::None;
        };
        if self.shows_token(client, request, protocol) {
            return Right::Authority;
        }
        let now = cx.now().moment;
        let number = self.grants.find(&token, channel, protocol, now);
        let rights = number.and_then(|number| Some((number, self.grants.rights(number)?)));
        rights.map_or(Right::None, |(number, rights)| Right::Grant {
            number,
            makes_authority: rights.makes_authority,
        })
    }

    fn check_channel_limits(
        &self,
        cx: &Cx<'_>,
        client: Client<'_>,
        entrance: &Entrance<'_>,
    ) -> Result<(), Fault> {
        let limits = cx.limits();
        if !entrance.right.is_authority() {
            let joined = self.clients.get(client.id);
            let joined = joined.map_or(0, |client| client.without_authority);
            if joined - usize::from(entrance.again) >= limits.drc_channels_per_connection {
                return Err(Fault::MaxChannelLimitReached(
                    Limit::DrcChannelsPerConnection,
                ));
            }
        }
        let new = entrance.right != Right::None && entrance.known.is_none();
        if new && self.channels.len() >= limits.drc_channels {
            return Err(Fault::MaxChannelLimitReached(Limit::DrcChannels));
        }
        Ok(())
    }

    /// Puts the client in, or changes what it is there.
    fn enter(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        entrance: &Entrance<'_>,
    ) -> Option<(u64, Place)> {
        let authority = entrance.right.is_authority();
        let used = match entrance.right {
            Right::Grant { number, .. } => Some(self.grants.take(number)?),
            Right::Authority | Right::None => None,
        };
        let state = self.clients.get_mut(client.id)?;
        let mode = match &used {
            Some(used) if !authority => used.token.rights.mode,
            _ => Mode::SendToAny,
        };
        let (extra, token) = match used {
            Some(used) => (used.extra, Some(used.token)),
            None => ("false".into(), None),
        };
        let joining = Joining {
            connection: client.id,
            client: state.number,
            authority,
            mode,
            token,
            extra: &extra,
        };
        let (name, protocol) = (&entrance.names.channel, &entrance.names.protocol);
        let everybody = cx.join(
            client.id,
            cx.channel_key(name, protocol),
            OutputPolicy::Close,
        );
        let number = match entrance.known {
            Some(number) => number,
            None => self.channels.open(name, protocol, everybody),
        };
        let place = state.channels.get(&number).copied();
        let (place, before) = self.channels.join(number, place, joining)?;
        state.channels.insert(number, place);
        state.without_authority += usize::from(!authority);
        state.without_authority -= usize::from(entrance.again);
        if let Some(before) = before {
            self.give_back(cx, number, before);
        }
        Some((number, place))
    }

    /// Tells the members who may send to the joiner, and the joiner whom it may know.
    fn tell_of_join(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        number: u64,
        place: Place,
    ) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let Some(member) = channel.member(place) else {
            return;
        };
        let mut json = format!(
            r#"{{"channel":{number},"success":true,"cmd":"JOINED","from":0,"id":{},"info":{}"#,
            member.client.0,
            member.info()
        );
        let head = json.len();
        json.push('}');
        let frame = cx.frame(message_type, json.as_bytes());
        if member.authority {
            cx.publish(channel.everybody, &frame, Some(client.id));
        } else {
            let others = channel.senders().filter(|sender| *sender != client.id);
            cx.publish_to(others, &frame, OutputPolicy::Close);
        }
        if !cx.is_open(client.id) {
            return;
        }
        json.truncate(head);
        json.push(',');
        json.push_str(&channel.names);
        json.push_str(r#","clients":{"#);
        self.channels.push_entries(number, place, &mut json);
        json.push_str("}}");
        cx.reply(client.id, message_type, json.as_bytes());
    }
}
