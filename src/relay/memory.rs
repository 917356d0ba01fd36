//! The limit that matters: the memory of all buffers together. Limits per client bound one
//! client; only this one bounds the process.

use std::cmp::Reverse;

use crate::limits::Limit;
use crate::relay::Relay;
use crate::relay::moment::Now;
use crate::relay::peer::Stage;
use crate::relay::request::Request;

impl Relay {
    /// True if buffers take more than they may; the next settle phase mends it.
    pub fn is_over_memory(&self) -> bool {
        self.memory() > self.settings.limits.memory
    }

    /// Waiting input was read before the output of a turn was written.
    pub fn count_gathering(&mut self) {
        self.counters.count_limit(Limit::Gather);
    }

    /// Asks for memory to be freed if the limit is passed.
    pub(super) fn check_memory(&mut self) {
        if self.memory() > self.settings.limits.memory
            && !self.requests.contains(&Request::FreeMemory)
        {
            self.requests.push_back(Request::FreeMemory);
        }
    }

    /// Closes the largest consumers until the limit is kept. Frames are shared: closing one of
    /// several that wait for the same frames frees nothing, closing the last of them all.
    pub(super) fn free_memory(&mut self, now: Now) {
        let mut consumers: Vec<_> = self
            .peers
            .ids()
            .filter_map(|id| {
                let output = self
                    .outboxes
                    .get(id)
                    .map_or(0, super::outbox::Outbox::memory);
                let held = self.held.get(&id).map_or(0, |held| held.len());
                let total = output + held + self.peers.get(id)?.stage.buffered();
                (total > 0).then_some((Reverse(total), id))
            })
            .collect();
        consumers.sort_unstable();
        for (_, id) in consumers {
            if self.memory() <= self.settings.limits.memory {
                break;
            }
            if let Some(held) = self.held.remove(&id) {
                self.buffered = self.buffered.saturating_sub(held.len());
            }
            self.drop_incomplete(id);
            self.cut_off(id, Limit::Memory, now);
        }
    }

    /// Gives up a message that is not complete, of a client that is about to be closed.
    fn drop_incomplete(&mut self, id: crate::relay::conn_id::ConnId) {
        if let Some(peer) = self.peers.get_mut(id) {
            let before = peer.stage.buffered();
            if let Stage::Open(open) = &mut peer.stage {
                open.receiver.forget();
            }
            self.buffered = (self.buffered + peer.stage.buffered()).saturating_sub(before);
        }
    }
}
