//! Messages as they were sent, for a receiver that gets them from the store because it reads what
//! was kept before: they come to it byte for byte, too, unless that takes too much memory.

use std::collections::BTreeMap;

use crate::relay::frame::Frame;
use crate::relay::task::MessageId;

/// A message as it was sent, and the numbers of its elements in the store.
#[derive(Debug)]
struct Original {
    frame: Frame,
    ids: Vec<MessageId>,
}

/// The messages of a channel, by the number of their first element.
#[derive(Debug, Default)]
pub(super) struct Originals {
    messages: BTreeMap<MessageId, Original>,
    bytes: usize,
}

impl Originals {
    /// Keeps a message, unless all together would have more than `most` bytes.
    pub(super) fn add(&mut self, frame: &Frame, ids: &[MessageId], most: usize) {
        let (Some(first), true) = (ids.first(), self.bytes + frame.len() <= most) else {
            return;
        };
        self.bytes += frame.len();
        let original = Original {
            frame: frame.clone(),
            ids: ids.to_vec(),
        };
        self.messages.insert(*first, original);
    }

    /// The message whose elements are the next ones, and how many those are.
    pub(super) fn next(&self, ids: impl Iterator<Item = MessageId>) -> Option<(Frame, usize)> {
        let mut ids = ids.peekable();
        let original = self.messages.get(ids.peek()?)?;
        let count = original.ids.len();
        let is_whole = ids.take(count).eq(original.ids.iter().copied());
        is_whole.then(|| (original.frame.clone(), count))
    }

    /// True if a message begins with this element.
    pub(super) fn begins_with(&self, id: MessageId) -> bool {
        self.messages.contains_key(&id)
    }

    /// Forgets the message that begins with this element, if one does.
    pub(super) fn remove(&mut self, id: MessageId) {
        if let Some(original) = self.messages.remove(&id) {
            self.bytes -= original.frame.len();
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
