//! Work that may block: verifying passwords, keeping messages. The relay only says what is to be
//! done and takes what came of it; a [`Worker`] does it, on a thread of the reactor's or, in a
//! simulation, when the simulator likes.
//!
//! What waits to be done is bounded here, so that a flood costs the relay no more than a refusal.
//! An outcome for a connection that is gone is dropped by the generation in its name.

pub mod topic;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crate::limits::{Limit, Limits};
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::task::topic::{TopicAnswer, TopicTask};
use crate::secret::Secret;

/// Something to do that may block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Is this the user's password? [`Outcome::Password`] says so.
    VerifyPassword {
        /// Where the users are.
        users: Arc<Users>,
        /// Who it is said to be.
        user: String,
        /// The password as it was sent.
        password: Secret,
    },
    /// Something with kept messages. [`Outcome::Store`] says what came of it.
    Store(StoreTask),
}

/// Where users and their passwords are: lines of htpasswd.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// A file, looked at again whenever it has changed.
    pub file: Option<PathBuf>,
    /// Lines, which come before those of the file.
    pub lines: Vec<Secret>,
}

/// Something to do with kept messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreTask {
    /// Keep these for a channel, in this order; all of them or none. [`StoreAnswer::Kept`].
    Keep {
        /// The name of the channel.
        channel: Box<str>,
        /// Each a text of JSON.
        messages: Vec<Box<str>>,
        /// When, in seconds since 1970.
        created: u64,
        /// What may be kept.
        limits: KeepLimits,
        /// What the sender calls this: if it was kept under that name before, it is not kept
        /// again. [`StoreAnswer::Repeated`].
        once: Option<SenderId>,
    },
    /// The oldest messages of a channel. [`StoreAnswer::Fetched`].
    Fetch {
        /// The name of the channel.
        channel: Box<str>,
        /// Only those that were kept behind this one; 0 for all.
        after: MessageId,
        /// At most so many.
        most: usize,
        /// Bytes: at most so many, but one message in any case.
        most_bytes: usize,
    },
    /// These were delivered. [`StoreAnswer::Deleted`].
    Delete(Vec<MessageId>),
    /// Forget what was kept before this time, in seconds since 1970. [`StoreAnswer::Deleted`].
    Expire(u64),
    /// Forget what senders called what they sent before this time, in seconds since 1970.
    /// [`StoreAnswer::Deleted`].
    ForgetSenderIds(u64),
    /// Does it work? [`StoreAnswer::Works`].
    Probe,
    /// Something with messages of topics. [`StoreAnswer::Topic`].
    Topic(TopicTask),
}

/// What a sender calls a message, so that it is taken once however often it is sent. It holds
/// within a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderId {
    /// Whose name it is.
    pub user: Box<str>,
    /// The name.
    pub id: Box<str>,
}

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Messages in all.
    pub messages: usize,
    /// Bytes in all.
    pub bytes: usize,
    /// Messages of a channel.
    pub channel_messages: usize,
    /// Names that senders gave to what they sent.
    pub sender_ids: usize,
}

impl KeepLimits {
    /// Those of `limits`.
    pub fn of(limits: &Limits) -> Self {
        Self {
            messages: limits.store_messages,
            bytes: limits.store_bytes,
            channel_messages: limits.store_channel_messages,
            sender_ids: limits.store_sender_ids,
        }
    }
}

/// The number of a kept message: those kept later have higher ones, and none is used twice.
pub type MessageId = i64;

/// A kept message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// Its number.
    pub id: MessageId,
    /// A text of JSON.
    pub text: Box<str>,
}

/// What came of a [`Task`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whether the password was right.
    Password(bool),
    /// What the store answers.
    Store(Result<StoreAnswer, StoreFault>),
    /// There is nobody who could do it.
    Unavailable,
}

/// What the store has done; what it has written survives a loss of power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAnswer {
    /// The messages are kept, under these numbers.
    Kept(Vec<MessageId>),
    /// The same sender has sent them before, and they were kept under these numbers then.
    Repeated(Vec<MessageId>),
    /// The messages, oldest first; `complete` if there are no more.
    Fetched {
        /// The messages.
        messages: Vec<KeptMessage>,
        /// Behind them there are no others.
        complete: bool,
    },
    /// So many are gone.
    Deleted(usize),
    /// It works.
    Works,
    /// What was done for topics.
    Topic(TopicAnswer),
}

/// Why the store has done nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFault {
    /// A limit would be passed.
    Full(Limit),
    /// The database works, and cannot keep this; the text says why.
    Refused(String),
    /// The database does not work; the text says why.
    Failed(String),
}

/// What an element of a message takes beside its text, in bytes.
const ELEMENT: usize = 64;

/// Who does a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// The worker that knows the users.
    Password,
    /// The worker that has the store.
    Store,
}

impl TaskKind {
    /// All kinds, by their index.
    pub const ALL: [Self; 2] = [Self::Password, Self::Store];

    /// The place in tables.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Task {
    /// Who does it.
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::VerifyPassword { .. } => TaskKind::Password,
            Self::Store(_) => TaskKind::Store,
        }
    }

    /// Bytes of what is to be kept.
    fn bytes(&self) -> usize {
        match self {
            Self::Store(StoreTask::Keep { messages, .. }) => {
                let overhead = messages.len() * ELEMENT;
                overhead + messages.iter().map(|message| message.len()).sum::<usize>()
            }
            Self::Store(StoreTask::Topic(task)) => task.bytes(),
            _ => 0,
        }
    }
}

/// Who asked, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) dialect: DialectId,
    /// Without one, the outcome is told in any case.
    pub(super) connection: Option<ConnId>,
    pub(super) number: u64,
    kind: TaskKind,
    bytes: usize,
}

/// A task on its way to its worker.
#[derive(Debug)]
pub struct Assigned {
    /// To be given back with the outcome.
    pub ticket: Ticket,
    /// What to do.
    pub task: Task,
}

/// A task that is done.
#[derive(Debug)]
pub struct Finished {
    /// That of the task.
    pub ticket: Ticket,
    /// What came of it.
    pub outcome: Outcome,
}

/// Does tasks of one kind, in their order; it may block.
pub trait Worker: Send {
    /// At most so many tasks are handed to [`Self::perform`] at once.
    fn batch(&self) -> usize {
        1
    }

    /// Does tasks that have come together: an outcome for each, in their order.
    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome>;
}

/// The tasks that nobody has taken yet, and the account of those under way.
#[derive(Debug, Default)]
pub struct Tasks {
    queue: VecDeque<Assigned>,
    under_way: [usize; TaskKind::ALL.len()],
    bytes: usize,
}

impl Tasks {
    /// Queues a task.
    ///
    /// # Errors
    /// The limit that it would pass.
    pub(super) fn assign(
        &mut self,
        (dialect, connection, number): (DialectId, Option<ConnId>, u64),
        task: Task,
        limits: &Limits,
    ) -> Result<(), Limit> {
        let (kind, bytes) = (task.kind(), task.bytes());
        let (most, limit) = match kind {
            TaskKind::Password => (limits.password_checks, Limit::PasswordChecks),
            TaskKind::Store => (limits.store_tasks, Limit::StoreTasks),
        };
        // What makes room must not be refused for want of it.
        let frees = matches!(task, Task::Store(StoreTask::Delete(_)));
        if !frees && self.under_way[kind.index()] >= most {
            return Err(limit);
        }
        if bytes > 0 && self.bytes + bytes > limits.store_queue {
            return Err(Limit::StoreQueue);
        }
        self.under_way[kind.index()] += 1;
        self.bytes += bytes;
        let ticket = Ticket {
            dialect,
            connection,
            number,
            kind,
            bytes,
        };
        self.queue.push_back(Assigned { ticket, task });
        Ok(())
    }

    /// True if none waits to be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes the next task.
    pub(super) fn pop(&mut self) -> Option<Assigned> {
        self.queue.pop_front()
    }

    /// A task is done.
    pub(super) fn finish(&mut self, ticket: &Ticket) {
        let under_way = &mut self.under_way[ticket.kind.index()];
        *under_way = under_way.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ticket.bytes);
    }

    /// Bytes of what is to be kept, and is not yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(bytes: usize) -> Task {
        Task::Store(StoreTask::Keep {
            channel: "c".into(),
            messages: vec!["x".repeat(bytes).into()],
            created: 0,
            limits: KeepLimits::of(&Limits::default()),
            once: None,
        })
    }

    #[test]
    fn what_waits_is_bounded_by_number_and_by_bytes() {
        let limits = Limits {
            store_tasks: 3,
            store_queue: 10 + ELEMENT,
            ..Limits::default()
        };
        let mut tasks = Tasks::default();
        let who = (DialectId::new(0), None, 0);
        assert_eq!(tasks.assign(who, keep(10), &limits), Ok(()));
        assert_eq!(tasks.assign(who, keep(1), &limits), Err(Limit::StoreQueue));
        let probe = || Task::Store(StoreTask::Probe);
        assert_eq!(tasks.assign(who, probe(), &limits), Ok(()));
        assert_eq!(tasks.assign(who, probe(), &limits), Ok(()));
        assert_eq!(tasks.assign(who, probe(), &limits), Err(Limit::StoreTasks));
        let delete = Task::Store(StoreTask::Delete(vec![1]));
        assert_eq!(tasks.assign(who, delete, &limits), Ok(()));
        let mut done = 0;
        while let Some(Assigned { ticket, .. }) = tasks.pop() {
            tasks.finish(&ticket);
            done += 1;
        }
        assert_eq!((done, tasks.bytes()), (4, 0));
        assert_eq!(tasks.assign(who, keep(10), &limits), Ok(()));
    }
}
