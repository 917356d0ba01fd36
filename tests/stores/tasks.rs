//! Tasks in few words.

use fantail::relay::task::{
    KeepLimits, KeptMessage, MessageId, Outcome, SenderId, StoreAnswer, StoreFault, StoreTask,
    Task, Worker,
};

pub(crate) const LIMITS: KeepLimits = KeepLimits {
    messages: 10_000,
    bytes: 100_000_000,
    channel_messages: 5_000,
    sender_ids: 100,
};

/// Any time in the past, in seconds since 1970.
pub(crate) const THEN: u64 = 1_700_000_000;

pub(crate) type Answer = Result<StoreAnswer, StoreFault>;

pub(crate) fn keep_within(channel: &str, messages: &[&str], limits: KeepLimits) -> Task {
    Task::Store(StoreTask::Keep {
        channel: channel.into(),
        messages: messages.iter().map(|message| (*message).into()).collect(),
        created: THEN,
        limits,
        once: None,
    })
}

/// The same, which is to be kept once however often the user sends it.
pub(crate) fn keep_as(user: &str, id: &str, channel: &str, messages: &[&str]) -> Task {
    let mut task = keep(channel, messages);
    if let Task::Store(StoreTask::Keep { once, .. }) = &mut task {
        let (user, id) = (user.into(), id.into());
        *once = Some(SenderId { user, id });
    }
    task
}

pub(crate) fn forget_sender_ids(before: u64) -> Task {
    Task::Store(StoreTask::ForgetSenderIds(before))
}

pub(crate) fn keep(channel: &str, messages: &[&str]) -> Task {
    keep_within(channel, messages, LIMITS)
}

pub(crate) fn fetch(channel: &str, after: MessageId, most: usize, most_bytes: usize) -> Task {
    Task::Store(StoreTask::Fetch {
        channel: channel.into(),
        after,
        most,
        most_bytes,
    })
}

pub(crate) fn delete(ids: &[MessageId]) -> Task {
    Task::Store(StoreTask::Delete(ids.to_vec()))
}

pub(crate) fn expire(before: u64) -> Task {
    Task::Store(StoreTask::Expire(before))
}

pub(crate) fn probe() -> Task {
    Task::Store(StoreTask::Probe)
}

#[track_caller]
pub(crate) fn all(store: &mut dyn Worker, tasks: Vec<Task>) -> Vec<Answer> {
    let count = tasks.len();
    let outcomes = store.perform(tasks);
    assert_eq!(outcomes.len(), count);
    let answer = |outcome| match outcome {
        Outcome::Store(answer) => answer,
        other => panic!("{other:?}"),
    };
    outcomes.into_iter().map(answer).collect()
}

#[track_caller]
pub(crate) fn one(store: &mut dyn Worker, task: Task) -> Answer {
    all(store, vec![task]).remove(0)
}

/// Keeps messages; their numbers.
#[track_caller]
pub(crate) fn kept(store: &mut dyn Worker, channel: &str, messages: &[&str]) -> Vec<MessageId> {
    match one(store, keep(channel, messages)) {
        Ok(StoreAnswer::Kept(ids)) => ids,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn fetched(store: &mut dyn Worker, task: Task) -> Vec<(MessageId, String)> {
    match one(store, task) {
        Ok(StoreAnswer::Fetched { messages, complete }) => {
            assert!(complete || !messages.is_empty());
            let pair = |message: KeptMessage| (message.id, message.text.into_string());
            messages.into_iter().map(pair).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The texts of all that is kept for a channel.
#[track_caller]
pub(crate) fn texts(store: &mut dyn Worker, channel: &str) -> Vec<String> {
    let messages = fetched(store, fetch(channel, 0, 10_000, usize::MAX));
    messages.into_iter().map(|(_, text)| text).collect()
}
