//! What can be seen of a store, and done to it, from outside, while a server may be using it.

use crate::relay::task::MessageId;

/// What is kept for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its name.
    pub channel: String,
    /// How many messages.
    pub messages: i64,
    /// Bytes of all of them.
    pub bytes: i64,
    /// When the oldest was kept, in seconds since 1970.
    pub oldest: i64,
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its number.
    pub id: MessageId,
    /// The name of its channel.
    pub channel: String,
    /// A text of JSON.
    pub data: String,
    /// When it was kept, in seconds since 1970.
    pub created: i64,
}

/// A store that there is.
pub trait Inspection {
    /// All channels that something is kept for, by name.
    ///
    /// # Errors
    /// What does not work.
    fn channels(&mut self) -> Result<Vec<ChannelSummary>, String>;

    /// Gives each message of a channel, or of all, to `take`, oldest first, as long as that says
    /// so.
    ///
    /// # Errors
    /// What does not work.
    fn each(
        &mut self,
        channel: Option<&str>,
        take: &mut dyn FnMut(StoredMessage) -> bool,
    ) -> Result<(), String>;

    /// Keeps messages, in their order, under new numbers; all of them or none.
    ///
    /// # Errors
    /// What does not work.
    fn add(&mut self, messages: &[StoredMessage]) -> Result<(), String>;

    /// Deletes what was kept for a channel, or for all, before a time; how many those were.
    ///
    /// # Errors
    /// What does not work.
    fn purge(&mut self, channel: Option<&str>, before: i64) -> Result<usize, String>;
}
