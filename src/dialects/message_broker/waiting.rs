//! What waits for an answer of the store that is for no connection: the numbers of its tasks, and
//! what is to be done when they are done.

use std::collections::HashMap;

use crate::dialects::message_broker::sending::Submission;
use crate::relay::task::MessageId;

/// What is to be done with an answer.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A message was to be kept.
    Submission(Submission),
    /// Messages of this channel were fetched for its acknowledging receivers.
    Pull(Box<str>),
    /// Messages of this channel were deleted.
    Deletion(Box<str>, Vec<MessageId>),
}

/// All that waits.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    waiting: HashMap<u64, Waiting>,
    next: u64,
}

impl WaitingRoom {
    /// Empty; tasks are numbered from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self {
            waiting: HashMap::new(),
            next: first,
        }
    }

    /// Waits for the task of the number that this returns.
    pub(super) fn add(&mut self, waiting: Waiting) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, waiting);
        number
    }

    /// The task of this number is done, or will not be.
    pub(super) fn take(&mut self, number: u64) -> Option<Waiting> {
        self.waiting.remove(&number)
    }
}
