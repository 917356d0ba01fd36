//! Confirmations: who sends a message with `"confirm"` is told what became of it, and of what was
//! kept only when it is on the disk.

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::command::Command;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::task::MessageId;

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
    /// The message was taken: it has these numbers in the store, and is being sent to so many
    /// receivers. If there are none, it stays there.
    pub(super) fn succeed(&self, cx: &mut Cx<'_>, ids: &[MessageId], receivers: usize) {
        let kept = if receivers == 0 { ids.len() } else { 0 };
        let ids = list(ids);
        self.reply(
            cx,
            &format!(r#""00","ids":[{ids}],"kept":{kept},"receivers":{receivers}"#),
        );
    }

    /// The message had been taken before, under these numbers.
    pub(super) fn repeat(&self, cx: &mut Cx<'_>, ids: &[MessageId]) {
        let ids = list(ids);
        self.reply(
            cx,
            &format!(r#""00","ids":[{ids}],"kept":0,"receivers":0,"repeated":true"#),
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

fn list(ids: &[MessageId]) -> String {
    let ids: Vec<_> = ids.iter().map(MessageId::to_string).collect();
    ids.join(",")
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
}
