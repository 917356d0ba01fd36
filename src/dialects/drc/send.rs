//! Every other command: a message to one member, or to all.

use crate::dialects::drc::Drc;
use crate::dialects::drc::channel::Mode;
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::request::Request;
use crate::protocol::ws_frame::MessageType;
use crate::relay::dialect::{Client, Cx};
use crate::relay::output_policy::OutputPolicy;

impl Drc {
    /// Delivers a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        request: &Request<'_>,
    ) -> Result<(), Fault> {
        let (number, place) = self.membership(client.id, request)?;
        let channel = self.channels.get(number).ok_or(Fault::InvalidChannel)?;
        let own = channel.member(place).ok_or(Fault::InvalidChannel)?;
        if own.mode == Mode::ReceiveOnly {
            return Err(Fault::SendingDenied(number));
        }
        if !request.has("to") {
            return Err(Fault::MissingTo(number));
        }
        let to = request.number("to").ok_or(Fault::InvalidTo(number))?;
        let receiver = if to < 0 {
            None
        } else {
            let place = self.place_of(number, to);
            let receiver = place.and_then(|place| channel.member(place));
            let allowed = |authority| own.mode == Mode::SendToAny || authority;
            let receiver = receiver.filter(|receiver| allowed(receiver.authority));
            Some(receiver.ok_or(Fault::InvalidTo(number))?.connection)
        };
        let mut json = format!(
            r#"{{"channel":{number},"success":true,"from":{},"#,
            own.client.0
        );
        request.push_passed_through(&mut json);
        json.push('}');
        let frame = cx.frame(message_type, json.as_bytes());
        match receiver {
            Some(receiver) => cx.publish_to(std::iter::once(receiver), &frame, OutputPolicy::Close),
            None if own.mode == Mode::SendToAny => cx.publish(channel.everybody, &frame, None),
            None => cx.publish_to(channel.authorities(), &frame, OutputPolicy::Close),
        };
        Ok(())
    }
}
