//! Confirmations: who sends a message with `"confirm"` is told what became of it, and of what was
//! kept only when it is on the disk.

use std::collections::HashMap;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::command::Command;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::task::{MessageId, Outcome, StoreAnswer, StoreFault};

/// Why a message is not confirmed that nobody got.
pub(super) const NOBODY: &str = "nobody receives this channel, and messages are not kept";

/// Why a message is not confirmed that nobody got although messages are kept.
pub(super) const NOTHING: &str = "nobody receives this channel, and there is no data to keep";

/// What a sender wants to be told.
#[derive(Debug)]
pub(super) struct Confirmation {
    sender: ConnId,
    /// The value that it is told again, as it was written.
    asked: Box<str>,
}

impl Confirmation {
    /// The message was taken.
    pub(super) fn succeed(&self, cx: &mut Cx<'_>, kept: &[MessageId], receivers: usize) {
        let ids: Vec<_> = kept.iter().map(MessageId::to_string).collect();
        self.reply(
            cx,
            &format!(
                r#""00","ids":[{}],"kept":{},"receivers":{receivers}"#,
                ids.join(","),
                kept.len()
            ),
        );
    }

    /// The message was not taken.
    pub(super) fn fail(&self, cx: &mut Cx<'_>, reason: &str) {
        // A text is always written.
        let reason = serde_json::to_string(reason).unwrap_or_default();
        self.reply(cx, &format!(r#""01","reason":{reason}"#));
    }

    fn reply(&self, cx: &mut Cx<'_>, result: &str) {
        let asked = &self.asked;
        let text = format!(r#"{{"command":"confirm","confirm":{asked},"response_code":{result}}}"#);
        cx.reply(self.sender, MessageType::Text, text.as_bytes());
    }
}

/// What senders will be told when the store has answered.
#[derive(Debug)]
pub(super) struct Confirmations {
    waiting: HashMap<u64, Confirmation>,
    next: u64,
}

impl Confirmations {
    /// None yet; their tasks are numbered from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self {
            waiting: HashMap::new(),
            next: first,
        }
    }

    /// Waits for a task of this number.
    pub(super) fn add(&mut self, confirmation: Confirmation) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, confirmation);
        number
    }

    /// The task of this number is done, or will not be.
    pub(super) fn take(&mut self, number: u64) -> Option<Confirmation> {
        self.waiting.remove(&number)
    }
}

impl MessageBroker {
    /// The confirmation that a sender asks for, if it does.
    ///
    /// # Errors
    /// If it is too long; the sender is told.
    pub(super) fn confirmation_of(
        &self,
        cx: &mut Cx<'_>,
        sender: ConnId,
        command: &Command<'_>,
    ) -> Result<Option<Confirmation>, Limit> {
        let Some(asked) = command.confirm() else {
            return Ok(None);
        };
        let confirmation = |asked: &str| Confirmation {
            sender,
            asked: asked.into(),
        };
        if asked.len() > cx.limits().confirmation {
            let limit = Limit::Confirmation;
            cx.count_limit(limit);
            confirmation("null").fail(cx, limit.reason());
            return Err(limit);
        }
        Ok(Some(confirmation(asked)))
    }

    /// The store has done, or not, what a confirmation waits for.
    pub(super) fn confirm(&mut self, cx: &mut Cx<'_>, number: u64, outcome: &Outcome) {
        let Some(confirmation) = self.confirmations.take(number) else {
            return;
        };
        match outcome {
            Outcome::Store(Ok(StoreAnswer::Kept(ids))) => confirmation.succeed(cx, ids, 0),
            Outcome::Store(Err(StoreFault::Full(limit))) => confirmation.fail(cx, limit.reason()),
            Outcome::Store(Err(StoreFault::Refused(reason) | StoreFault::Failed(reason))) => {
                confirmation.fail(cx, reason);
            }
            _ => confirmation.fail(cx, "there is no store"),
        }
    }
}
