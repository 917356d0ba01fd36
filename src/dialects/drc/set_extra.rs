//! SET_EXTRA: an authority changes what is said of a member.

use crate::dialects::drc::Drc;
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::request::Request;
use crate::protocol::ws_frame::MessageType;
use crate::relay::dialect::{Client, Cx};
use crate::relay::output_policy::OutputPolicy;

impl Drc {
    /// Answers SET_EXTRA, and tells all who may send to the member.
    ///
    /// # Errors
    /// What is wrong with it, or that there is no room.
    pub(super) fn set_extra(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        request: &Request<'_>,
    ) -> Result<(), Fault> {
        let (number, own_place) = self.membership(client.id, request)?;
        let channel = self.channels.get(number).ok_or(Fault::InvalidChannel)?;
        if !channel.member(own_place).is_some_and(|own| own.authority) {
            return Err(Fault::NotAuthority);
        }
        let id = request.number("id").ok_or(Fault::InvalidId)?;
        let place = self.place_of(number, id).ok_or(Fault::InvalidId)?;
        let extra = Self::extra_of(request, cx)?;
        let before = channel
            .member(place)
            .map_or(0, |member| member.extra().len());
        self.check_room(cx, extra.len().saturating_sub(before))?;
        self.channels.set_extra(number, place, extra);
        let channel = self.channels.get(number).ok_or(Fault::InvalidChannel)?;
        let member = channel.member(place).ok_or(Fault::InvalidId)?;
        let json = format!(
            r#"{{"channel":{number},"success":true,"cmd":"SET_EXTRA","from":0,"id":{},"extra":{extra}}}"#,
            member.client.0
        );
        let frame = cx.frame(message_type, json.as_bytes());
        if member.authority {
            cx.publish(channel.everybody, &frame, None);
        } else {
            // The one who asked is an authority, and so among them.
            cx.publish_to(channel.senders(), &frame, OutputPolicy::Close);
        }
        Ok(())
    }
}
