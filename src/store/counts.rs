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
        let of_channel = self.of_channel(channel);
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

    /// Messages in all.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes in all.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages of a channel.
    pub(super) fn of_channel(&self, channel: &str) -> usize {
        self.channels.get(channel).copied().unwrap_or(0)
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
