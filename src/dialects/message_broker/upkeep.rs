//! What the store says of itself, and what is too old.

use std::time::Duration;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::WRITE;
use crate::dialects::message_broker::waiting::Waiting;
use crate::relay::dialect::Cx;
use crate::relay::task::{Outcome, StoreFault, StoreTask, Task};

/// How often messages are looked for that are too old.
const AGE_INTERVAL: Duration = Duration::from_secs(60);

/// The wake for that.
const AGE_TOKEN: u32 = 0;

impl MessageBroker {
    /// Hands an answer of the store that is for no connection to what waits for it.
    pub(super) fn answered(&mut self, cx: &mut Cx<'_>, number: u64, outcome: Outcome) {
        match self.waiting.take(number) {
            Some(Waiting::Submission(submission)) => self.submitted(cx, submission, outcome),
            Some(Waiting::Pull(channel)) => self.pulled(cx, &channel, outcome),
            Some(Waiting::Deletion(channel, messages)) => match outcome {
                Outcome::Store(Ok(_)) => self.deleted(&channel, &messages),
                _ => self.not_deleted(cx, channel, messages),
            },
            None => {}
        }
    }

    /// Looks at what the store says: its failing is logged once, and its working again.
    pub(super) fn watch_store(&mut self, cx: &mut Cx<'_>, outcome: &Outcome) {
        match outcome {
            Outcome::Store(Ok(_)) => {
                if !std::mem::replace(&mut self.store_works, true) {
                    log::info!("the store works again");
                }
            }
            Outcome::Store(Err(StoreFault::Full(limit))) => {
                cx.count_limit(*limit);
                log::warn!("messages not kept: {}", limit.reason());
            }
            Outcome::Store(Err(StoreFault::Refused(reason))) => {
                log::warn!("messages not kept: {reason}");
            }
            Outcome::Store(Err(StoreFault::Failed(reason))) => self.store_failed(reason),
            Outcome::Unavailable => self.store_failed("it was not there at the start"),
            Outcome::Password(_) => {}
        }
    }

    fn store_failed(&mut self, reason: &str) {
        if std::mem::take(&mut self.store_works) {
            log::error!("the store does not work: {reason}");
        }
    }

    /// Has messages and ids of senders forgotten that are too old, now and then.
    pub(super) fn watch_age(&mut self, cx: &mut Cx<'_>) {
        if self.watching_age || !self.uses_store {
            return;
        }
        let now = cx.now().wall.as_secs();
        let limits = cx.limits();
        let forget =
            StoreTask::ForgetSenderIds(now.saturating_sub(limits.store_sender_id_age.as_secs()));
        let age = limits.store_age;
        let expire = (!age.is_zero()).then(|| StoreTask::Expire(now.saturating_sub(age.as_secs())));
        for task in expire.into_iter().chain([forget]) {
            // If there is no room for it now, there will be the next time.
            let _ = cx.assign(None, WRITE, Task::Store(task));
        }
        cx.wake_dialect_in(AGE_INTERVAL, AGE_TOKEN);
        self.watching_age = true;
    }
}
