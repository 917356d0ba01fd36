//! What threads do for the server, done when the test likes: passwords, and a store in memory that
//! can fail.

use std::collections::{BTreeMap, VecDeque};

use fantail::relay::task::{
    Assigned, Finished, KeepLimits, KeptMessage, MessageId, Outcome, SenderId, StoreAnswer,
    StoreFault, StoreTask, Task, TaskKind,
};

use super::Driver;
use fantail::limits::Limit;

/// The password of all users.
pub(crate) const PASSWORD: &[u8] = b"password";

/// A message that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) channel: Box<str>,
    pub(crate) text: Box<str>,
    pub(crate) created: u64,
}

/// Something that the store has done.
#[derive(Debug)]
pub(crate) enum Done {
    Kept(Vec<MessageId>),
    /// These were kept until now.
    Deleted(Vec<(MessageId, Kept)>),
}

/// The store. It outlives the server.
#[derive(Debug, Default)]
pub(crate) struct ModelStore {
    pub(crate) kept: BTreeMap<MessageId, Kept>,
    sent: BTreeMap<(Box<str>, Box<str>, Box<str>), (Vec<MessageId>, u64)>,
    last: MessageId,
    /// It does nothing, and says so.
    pub(crate) fails: bool,
    /// What it did since somebody looked.
    pub(crate) done: Vec<Done>,
}

impl ModelStore {
    fn perform(&mut self, task: StoreTask) -> Result<StoreAnswer, StoreFault> {
        if self.fails {
            return Err(StoreFault::Failed("the test says so".to_owned()));
        }
        match task {
            StoreTask::Keep {
                channel,
                messages,
                created,
                limits,
                once,
            } => self.keep((channel, created), messages, &limits, once),
            StoreTask::Fetch {
                channel,
                after,
                most,
                most_bytes,
            } => Ok(self.fetch(&channel, after, (most, most_bytes))),
            StoreTask::Delete(ids) => Ok(self.delete(|id, _| ids.contains(&id))),
            StoreTask::Expire(before) => Ok(self.delete(|_, kept| kept.created < before)),
            StoreTask::ForgetSenderIds(before) => {
                let names = self.sent.len();
                self.sent.retain(|_, (_, created)| *created >= before);
                Ok(StoreAnswer::Deleted(names - self.sent.len()))
            }
            StoreTask::Probe => Ok(StoreAnswer::Works),
            #[allow(unreachable_patterns, reason = "for tasks that are not the broker's")]
            other => panic!("no task of a broker: {other:?}"),
        }
    }

    fn keep(
        &mut self,
        (channel, created): (Box<str>, u64),
        messages: Vec<Box<str>>,
        limits: &KeepLimits,
        once: Option<SenderId>,
    ) -> Result<StoreAnswer, StoreFault> {
        let name = once.map(|once| (once.user, channel.clone(), once.id));
        if let Some((ids, _)) = name.as_ref().and_then(|name| self.sent.get(name)) {
            return Ok(StoreAnswer::Repeated(ids.clone()));
        }
        let of_channel = self.kept.values().filter(|kept| kept.channel == channel);
        if self.kept.len() + messages.len() > limits.messages {
            return Err(StoreFault::Full(Limit::StoreMessages));
        }
        if of_channel.count() + messages.len() > limits.channel_messages {
            return Err(StoreFault::Full(Limit::StoreChannelMessages));
        }
        let mut ids = Vec::new();
        for text in messages {
            self.last += 1;
            ids.push(self.last);
            let channel = channel.clone();
            let kept = Kept {
                channel,
                text,
                created,
            };
            self.kept.insert(self.last, kept);
        }
        if let Some(name) = name {
            self.sent.insert(name, (ids.clone(), created));
        }
        self.done.push(Done::Kept(ids.clone()));
        Ok(StoreAnswer::Kept(ids))
    }

    fn fetch(
        &self,
        channel: &str,
        after: MessageId,
        (most, most_bytes): (usize, usize),
    ) -> StoreAnswer {
        let mut bytes = 0;
        let behind = self.kept.range(after + 1..);
        let of_channel = behind.filter(|(_, kept)| *kept.channel == *channel);
        let fits = |(_, kept): &(&MessageId, &Kept)| {
            let first = bytes == 0;
            bytes += kept.text.len();
            first || bytes <= most_bytes
        };
        let message = |(id, kept): (&MessageId, &Kept)| KeptMessage {
            id: *id,
            text: kept.text.clone(),
        };
        let all = of_channel.clone().count();
        let messages: Vec<_> = of_channel
            .take(most)
            .take_while(fits)
            .map(message)
            .collect();
        let complete = messages.len() == all;
        StoreAnswer::Fetched { messages, complete }
    }

    fn delete(&mut self, goes: impl Fn(MessageId, &Kept) -> bool) -> StoreAnswer {
        let gone: Vec<_> = self
            .kept
            .extract_if(.., |id, kept| goes(*id, kept))
            .collect();
        let count = gone.len();
        self.done.push(Done::Deleted(gone));
        StoreAnswer::Deleted(count)
    }
}

/// The workers of a server, and what waits for them.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    passwords: VecDeque<Assigned>,
    store_tasks: VecDeque<Assigned>,
}

impl Workers {
    /// Takes what the relay gives out.
    pub(crate) fn take(&mut self, driver: &mut Driver) {
        while let Some(assigned) = driver.relay.pop_task() {
            match assigned.task.kind() {
                TaskKind::Password => self.passwords.push_back(assigned),
                TaskKind::Store => self.store_tasks.push_back(assigned),
            }
        }
    }

    /// How many tasks wait for the store.
    pub(crate) fn for_store(&self) -> usize {
        self.store_tasks.len()
    }

    /// What the store is told to keep next, if that is what is next.
    pub(crate) fn next_kept(&self) -> Option<&[Box<str>]> {
        match &self.store_tasks.front()?.task {
            Task::Store(StoreTask::Keep { messages, .. }) => Some(messages),
            _ => None,
        }
    }

    /// True if nothing is to be done.
    pub(crate) fn are_idle(&self) -> bool {
        self.passwords.is_empty() && self.store_tasks.is_empty()
    }

    /// Verifies the next password; false if none waits.
    pub(crate) fn verify(&mut self, driver: &mut Driver) -> bool {
        let Some(Assigned { ticket, task }) = self.passwords.pop_front() else {
            return false;
        };
        let Task::VerifyPassword { password, .. } = task else {
            panic!("not for this worker");
        };
        let outcome = Outcome::Password(password.matches(PASSWORD));
        driver
            .relay
            .task_finished(Finished { ticket, outcome }, driver.now);
        true
    }

    /// Does up to so many tasks of the store, of which the server is told if it still lives.
    pub(crate) fn perform(
        &mut self,
        store: &mut ModelStore,
        driver: Option<&mut Driver>,
        count: usize,
    ) {
        let count = count.min(self.store_tasks.len());
        let finish = |Assigned { ticket, task }| {
            let Task::Store(task) = task else {
                panic!("not for this worker");
            };
            let outcome = Outcome::Store(store.perform(task));
            Finished { ticket, outcome }
        };
        // They are told of one after the other, as of a batch that is committed.
        let finished: Vec<_> = self.store_tasks.drain(..count).map(finish).collect();
        if let Some(driver) = driver {
            for finished in finished {
                driver.relay.task_finished(finished, driver.now);
            }
        }
    }
}
