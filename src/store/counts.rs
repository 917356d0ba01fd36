//! How much is kept: in all, and for each channel. The database is counted once, when it is
//! opened; from then on the numbers follow what is done.

use std::collections::HashMap;

use crate::limits::Limit;
use crate::relay::task::KeepLimits;

/// What is kept.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    messages: usize,
    bytes: usize,
    channels: HashMap<Box<str>, usize>,
    sender_ids: usize,
}

impl Counts {
    /// Says whether there is room for messages of so many bytes together.
    ///
    /// # Errors
    /// The limit that they would pass.
    pub(super) fn check_room(
        &self,
        channel: &str,
        (messages, bytes): (usize, usize),
        limits: &KeepLimits,
    ) -> Result<(), Limit> {
        let of_channel = self.channels.get(channel).copied().unwrap_or(0);
        if self.messages.saturating_add(messages) > limits.messages {
            Err(Limit::StoreMessages)
        } else if self.bytes.saturating_add(bytes) > limits.bytes {
            Err(Limit::StoreBytes)
        } else if of_channel.saturating_add(messages) > limits.channel_messages {
            Err(Limit::StoreChannelMessages)
        } else {
            Ok(())
        }
    }

    /// Says whether there is room for one more name that a sender gave.
    ///
    /// # Errors
    /// The limit that it would pass.
    pub(super) fn check_sender_id(&self, limits: &KeepLimits) -> Result<(), Limit> {
        if self.sender_ids >= limits.sender_ids {
            return Err(Limit::StoreSenderIds);
        }
        Ok(())
    }

    /// Names that senders gave are remembered.
    pub(super) fn add_sender_ids(&mut self, count: usize) {
        self.sender_ids += count;
    }

    /// Names that senders gave are forgotten.
    pub(super) fn remove_sender_ids(&mut self, count: usize) {
        self.sender_ids = self.sender_ids.saturating_sub(count);
    }

    /// Messages were kept.
    pub(super) fn add(&mut self, channel: &str, messages: usize, bytes: usize) {
        self.messages += messages;
        self.bytes += bytes;
        match self.channels.get_mut(channel) {
            Some(count) => *count += messages,
            None => {
                self.channels.insert(channel.into(), messages);
            }
        }
    }

    /// A message is gone.
    pub(super) fn remove(&mut self, channel: &str, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(count) = self.channels.get_mut(channel) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.channels.remove(channel);
            }
        }
    }
}
