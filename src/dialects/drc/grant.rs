//! GRANT: an authority gives somebody a token.

use crate::dialects::drc::Drc;
use crate::dialects::drc::channel::Mode;
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::grants::Rights;
use crate::dialects::drc::json::push_string;
use crate::dialects::drc::names::Names;
use crate::dialects::drc::request::Request;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::dialect::{Client, Cx};

impl Drc {
    /// Answers GRANT.
    ///
    /// # Errors
    /// What is wrong with it, or that there is no room.
    pub(super) fn grant(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        request: &Request<'_>,
    ) -> Result<(), Fault> {
        let names = Names::of(request, cx.limits())?;
        let mode = request.number("clientmode").and_then(Mode::from_number);
        let mode = mode.ok_or(Fault::MissingInvalidClientmode)?;
        let extra = Self::extra_of(request, cx)?;
        if !self.may_grant(client, request, &names) {
            self.token_failed(cx, client, request);
            return Err(Fault::GrantDenied);
        }
        if self.grants.given() >= cx.limits().drc_grants {
            return Err(Fault::NoRoom(Limit::DrcGrants));
        }
        self.check_room(cx, extra.len())?;
        let random = cx.random_bytes().ok_or(Fault::NoToken)?;
        let rights = Rights {
            mode,
            makes_authority: request.is_boolean("makeauth", true),
        };
        let ends = cx.now().moment + cx.limits().drc_grant_time;
        let token = self
            .grants
            .give(random, &names.channel, &names.protocol, rights, extra, ends);
        self.watch_grants(cx);
        let mut json = format!(
            r#"{{"channel":0,"success":true,"cmd":"GRANTED","token":"{token}","channelname":"#
        );
        push_string(&mut json, &names.channel);
        json.push_str(r#","protocol":"#);
        push_string(&mut json, &names.protocol);
        json.push('}');
        cx.reply(client.id, message_type, json.as_bytes());
        Ok(())
    }

    fn may_grant(&mut self, client: Client<'_>, request: &Request<'_>, names: &Names<'_>) -> bool {
        let (address, protocol) = (client.address.ip(), &names.protocol);
        self.settings.trusts_address(address, protocol)
            || self.shows_token(client, request, protocol)
    }

    /// True if the request has a configured token for the protocol.
    pub(super) fn shows_token(
        &mut self,
        client: Client<'_>,
        request: &Request<'_>,
        protocol: &str,
    ) -> bool {
        let token = request.text("token");
        let right = token.is_some_and(|token| self.settings.trusts_token(&token, protocol));
        if let Some(state) = self.clients.get_mut(client.id) {
            state.known_token |= right;
        }
        right
    }
}
