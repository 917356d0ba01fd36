//! Kept messages of topics: what the store is asked to do with them, and what it answers.
//!
//! A topic has its last messages kept, and the oldest make room for new ones: nothing here is
//! refused for want of room. Numbers are given out by whoever publishes, before a message is kept,
//! so that those who get it live know the same number.

use crate::limits::Limit;
use crate::relay::task::{KeepLimits, MessageId};

/// A moment of the wall clock, in microseconds since 1970.
pub type WallMicroseconds = i64;

/// Something to do with kept messages of topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicTask {
    /// Keep these, in this order; the oldest make room for them. One whose number is known already
    /// stays as it is. [`TopicAnswer::Kept`].
    Keep {
        /// By their numbers, which ascend.
        messages: Vec<NewTopicMessage>,
        /// How much may be kept, what queues keep included.
        limits: KeepLimits,
    },
    /// Messages of a topic, oldest first. [`TopicAnswer::Fetched`].
    Fetch(TopicQuery),
    /// Forget what was to be kept until then. [`TopicAnswer::Expired`].
    Expire(WallMicroseconds),
}

/// A message to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopicMessage {
    /// The topic, exactly.
    pub topic: Box<str>,
    /// The message.
    pub message: TopicMessage,
    /// When it was sent, in seconds since 1970.
    pub created: u64,
    /// It is not given out any more from then on; none: it is as long as it is kept.
    pub expires: Option<WallMicroseconds>,
    /// So many messages of the topic stay, itself included; none: as many as there is room for.
    pub most: Option<usize>,
}

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMessage {
    /// Its number: later ones have higher ones, in all topics.
    pub id: MessageId,
    /// A binary message, else a text.
    pub binary: bool,
    /// What it says.
    pub payload: Box<[u8]>,
}

/// Which messages of a topic are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicQuery {
    /// The topic, exactly.
    pub topic: Box<str>,
    /// Only those behind this one; 0 for all.
    pub after: MessageId,
    /// None behind this one.
    pub until: MessageId,
    /// Of these, only so many of the last.
    pub last: Option<usize>,
    /// At most so many at once.
    pub most: usize,
    /// Bytes: at most so many at once, but one message in any case.
    pub most_bytes: usize,
    /// The time: what was to be kept until then is not given out.
    pub now: WallMicroseconds,
}

/// What the store has done for topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicAnswer {
    /// The messages are kept; these limits made older ones go.
    Kept(Vec<Limit>),
    /// The messages.
    Fetched {
        /// Oldest first.
        messages: Vec<TopicMessage>,
        /// There are more behind them.
        more: bool,
    },
    /// So many are gone.
    Expired(usize),
}

impl TopicTask {
    /// True if it changes what is kept.
    pub fn writes(&self) -> bool {
        !matches!(self, Self::Fetch(_))
    }

    /// Bytes of what is to be kept.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Keep { messages, .. } => {
                let lengths = messages.iter().map(|new| new.message.payload.len());
                lengths.sum()
            }
            Self::Fetch(_) | Self::Expire(_) => 0,
        }
    }
}
