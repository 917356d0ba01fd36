//! LEAVE, and the end of a connection: the others are told, and a grant is good again.

use std::rc::Rc;

use crate::dialects::drc::Drc;
use crate::dialects::drc::channel::{Member, Place};
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::request::Request;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Client, Cx};
use crate::relay::output_policy::OutputPolicy;

impl Drc {
    /// Answers LEAVE.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn leave(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        request: &Request<'_>,
    ) -> Result<(), Fault> {
        let (number, place) = self.membership(client.id, request)?;
        let without_authority = self.is_without_authority(client.id, number);
        if let Some(state) = self.clients.get_mut(client.id) {
            state.channels.remove(&number);
            state.without_authority -= usize::from(without_authority);
        }
        if let Some(channel) = self.channels.get(number) {
            cx.leave(client.id, channel.everybody);
        }
        if let Some(json) = self.depart(cx, number, place) {
            cx.reply(client.id, message_type, json.as_bytes());
        }
        Ok(())
    }

    /// A connection is gone, and out of the relay's channels already.
    pub(super) fn disconnect(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(state) = self.clients.remove(id) else {
            return;
        };
        self.by_number.remove(&state.number);
        for (number, place) in state.channels {
            self.depart(cx, number, place);
        }
    }

    /// Takes a member out of a channel and tells those who knew of it; what they are told.
    fn depart(&mut self, cx: &mut Cx<'_>, number: u64, place: Place) -> Option<String> {
        let gone = self.channels.remove(number, place)?;
        let channel = self.channels.get(number)?;
        let json = format!(
            r#"{{"channel":{number},"success":true,"cmd":"LEFT","from":0,"id":{}}}"#,
            gone.client.0
        );
        if !channel.is_empty() {
            let frame = cx.frame(MessageType::Text, json.as_bytes());
            if gone.authority {
                cx.publish(channel.everybody, &frame, None);
            } else {
                cx.publish_to(channel.senders(), &frame, OutputPolicy::Close);
                let others = channel.know_of(&gone);
                cx.publish_to(others.into_iter(), &frame, OutputPolicy::Close);
            }
        }
        self.give_back(cx, number, gone);
        self.channels.forget_if_empty(number);
        Some(json)
    }
    /// The token of a member who is one no more is good again.
    pub(super) fn give_back(&mut self, cx: &mut Cx<'_>, number: u64, gone: Member) {
        let Member { token, entry, .. } = gone;
        if let Some(token) = token
            && let Some(channel) = self.channels.get(number)
            && !cfg!(feature = "sabotage-no-grant-return")
        {
            let (name, protocol) = (Rc::clone(&channel.name), Rc::clone(&channel.protocol));
            let ends = cx.now().moment + cx.limits().drc_grant_time;
            self.grants
                .give_back(token, name, protocol, entry.extra(), ends);
            self.watch_grants(cx);
        }
    }
}
