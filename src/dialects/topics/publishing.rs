//! Messages on their way to a topic: they are kept, if the topic is, and go to its members and to
//! those who asked for more than live messages.

use std::rc::Rc;

use crate::dialects::topics::Topics;
use crate::dialects::topics::history::{message_type, with_id};
use crate::dialects::topics::place::{Direction, Topic};
use crate::limits::Limit;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::frame::Frame;
use crate::relay::hub::ChannelId;
use crate::relay::task::MessageId;

impl Topics {
    /// Sends a message from outside of the topic's clients; to how many.
    pub(super) fn publish(&mut self, cx: &mut Cx<'_>, topic: &Topic, frame: &Frame) -> usize {
        let output = topic.output();
        let find = |name: &str| cx.find(&cx.channel_key(name, ""));
        let senders = (topic.direction == Direction::Send).then(|| find(&topic.path));
        let channels = [find(&output), senders.flatten()];
        let id = self.keep_as(cx, || Some(Rc::from(output)), frame);
        self.deliver(cx, channels, (id, frame), None)
    }

    /// Sends a message of a client to the channels that it sends to, of which the last is the one
    /// that it is kept as.
    pub(super) fn spread(
        &mut self,
        cx: &mut Cx<'_>,
        channels: [Option<ChannelId>; 2],
        frame: &Frame,
        except: Option<ConnId>,
    ) {
        let [channel, output] = channels;
        let topic = output.or(channel);
        let name = topic.and_then(|topic| self.keeps().then(|| cx.channel_name(topic))?);
        let id = self.keep_as(cx, || name, frame);
        self.deliver(cx, channels, (id, frame), except);
    }

    /// Whether any topic is kept.
    fn keeps(&self) -> bool {
        self.history.has_store() && self.settings.keeps_anything()
    }

    /// Keeps a message, if its topic is kept; its id, if somebody wants to know.
    fn keep_as(
        &mut self,
        cx: &mut Cx<'_>,
        topic: impl FnOnce() -> Option<Rc<str>>,
        frame: &Frame,
    ) -> Option<MessageId> {
        let keeps = self.keeps();
        if !keeps && self.readers.is_empty() {
            return None;
        }
        let id = self.history.next_id(cx.now());
        if keeps && let Some(topic) = topic() {
            let keep = self.settings.keep_of(&topic);
            self.history.keep(cx, topic, (id, frame), keep);
        }
        Some(id)
    }

    /// Gives a message to the members of channels and to those beside them; to how many.
    fn deliver(
        &mut self,
        cx: &mut Cx<'_>,
        channels: [Option<ChannelId>; 2],
        (id, frame): (Option<MessageId>, &Frame),
        except: Option<ConnId>,
    ) -> usize {
        let mut with_ids = None;
        let mut receivers = 0;
        for channel in channels.into_iter().flatten() {
            receivers += cx.publish(channel, frame, except);
            if let Some(id) = id.filter(|_| !self.readers.is_empty()) {
                receivers += self.deliver_beside(cx, channel, (id, frame), &mut with_ids, except);
            }
        }
        receivers
    }

    /// Gives a message to those beside the members of a channel; to how many.
    fn deliver_beside(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        (message, frame): (MessageId, &Frame),
        with_ids: &mut Option<Frame>,
        except: Option<ConnId>,
    ) -> usize {
        let Some(beside) = self.readers.channels.get(&channel) else {
            return 0;
        };
        let mut receivers = 0;
        if let Some((channel, _)) = beside.with_ids {
            let frame = with_ids
                .get_or_insert_with(|| with_id(cx, message, message_type(frame), frame.payload()));
            receivers += cx.publish(channel, frame, except);
        }
        for id in beside.joining.iter().filter(|id| Some(**id) != except) {
            let reader = self.readers.clients.get_mut(id);
            let Some(replay) = reader.and_then(|reader| reader.replay.as_deref_mut()) else {
                continue;
            };
            if replay.hold(message, frame, cx.limits().output) {
                receivers += 1;
            } else if !replay.is_over() {
                replay.give_up();
                cx.close_for_limit(*id, Limit::Output);
            }
        }
        receivers
    }
}
