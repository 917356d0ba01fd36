//! Clients that asked for more than live messages: ids, or what was kept. Most clients are not
//! here, and cost nothing more.
//!
//! Who asked for ids is a member of a second channel of the same name; it and the ordinary one are
//! held as long, so that the one leads to the other. Who waits for what was kept is no member of
//! either yet.

use std::collections::{HashMap, VecDeque};

use crate::dialects::topics::replay::Replay;
use crate::dialects::topics::wish::Wish;
use crate::relay::conn_id::ConnId;
use crate::relay::hub::ChannelId;

/// A client that asked for something.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) wish: Wish,
    /// Once it is let in: the ordinary channel of its topic, held for it.
    pub(super) channel: Option<ChannelId>,
    /// The channel for those who asked for ids, held for it.
    pub(super) with_ids: Option<ChannelId>,
    /// While it waits for what was kept.
    pub(super) replay: Option<Box<Replay>>,
}

/// What there is beside the members of an ordinary channel.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The channel for those who asked for ids, and how many hold it.
    pub(super) with_ids: Option<(ChannelId, usize)>,
    /// Those who wait for what was kept.
    pub(super) joining: Vec<ConnId>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pub(super) clients: HashMap<ConnId, Reader>,
    pub(super) channels: HashMap<ChannelId, Beside>,
    /// Those whose turn to ask the store has not come yet.
    pub(super) queue: VecDeque<ConnId>,
    /// How many are asking the store.
    pub(super) fetching: usize,
}

impl Readers {
    /// True if nobody asked for anything.
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// A client that is not let in yet asks for something.
    pub(super) fn ask(&mut self, id: ConnId, wish: Wish) {
        let reader = Reader {
            wish,
            channel: None,
            with_ids: None,
            replay: None,
        };
        self.clients.insert(id, reader);
    }

    /// What a client asked for.
    pub(super) fn wish(&self, id: ConnId) -> Option<Wish> {
        self.clients.get(&id).map(|reader| reader.wish)
    }

    /// What a client waits for, unless it is being closed.
    pub(super) fn replay(&mut self, id: ConnId) -> Option<&mut Replay> {
        let replay = self.clients.get_mut(&id)?.replay.as_deref_mut();
        replay.filter(|replay| !replay.is_over())
    }

    /// A client holds these channels.
    pub(super) fn let_in(&mut self, id: ConnId, channel: ChannelId, with_ids: Option<ChannelId>) {
        let Some(reader) = self.clients.get_mut(&id) else {
            return;
        };
        reader.channel = Some(channel);
        reader.with_ids = with_ids;
        if let Some(with_ids) = with_ids {
            let beside = self.channels.entry(channel).or_default();
            beside.with_ids.get_or_insert((with_ids, 0)).1 += 1;
        }
    }

    /// A client begins to wait for what was kept.
    pub(super) fn begin(&mut self, id: ConnId, channel: ChannelId, replay: Replay) {
        if let Some(reader) = self.clients.get_mut(&id) {
            reader.replay = Some(Box::new(replay));
            self.channels.entry(channel).or_default().joining.push(id);
        }
    }

    /// A client waits no more.
    pub(super) fn end(&mut self, id: ConnId) {
        let Some(reader) = self.clients.get_mut(&id) else {
            return;
        };
        let Some(replay) = reader.replay.take() else {
            return;
        };
        self.fetching -= usize::from(replay.is_fetching());
        if let Some(channel) = reader.channel
            && let Some(beside) = self.channels.get_mut(&channel)
        {
            beside.joining.retain(|other| *other != id);
            self.forget_if_unused(channel);
        }
    }

    /// Forgets a client; the channels that were held for it.
    pub(super) fn forget(&mut self, id: ConnId) -> [Option<ChannelId>; 2] {
        self.end(id);
        let Some(reader) = self.clients.remove(&id) else {
            return [None; 2];
        };
        if let (Some(channel), Some(_)) = (reader.channel, reader.with_ids)
            && let Some(beside) = self.channels.get_mut(&channel)
            && let Some((_, holders)) = &mut beside.with_ids
        {
            *holders -= 1;
            if *holders == 0 {
                beside.with_ids = None;
            }
            self.forget_if_unused(channel);
        }
        [reader.channel, reader.with_ids]
    }

    fn forget_if_unused(&mut self, channel: ChannelId) {
        let is_unused = |beside: &Beside| beside.with_ids.is_none() && beside.joining.is_empty();
        if self.channels.get(&channel).is_some_and(is_unused) {
            self.channels.remove(&channel);
        }
    }
}
