//! Locks: while a control connection sends a client a message in fragments, the client gets
//! nothing else.
//!
//! Invariants: a control connection holds at most one lock and a client is under at most one;
//! the fragments of a message are in order and, if it is text, UTF-8 as a whole.

use std::collections::HashMap;

use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::protocol::ws_utf8::Utf8Validator;
use crate::relay::conn_id::ConnId;
use crate::relay::frame::Frame;
use crate::relay::operator::browser_command::Position;

/// A locked client.
#[derive(Debug)]
struct Lock {
    client: ConnId,
    /// The message under way.
    message: Option<Message>,
    /// What others sent meanwhile.
    waiting: Vec<Frame>,
    waiting_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Message {
    message_type: MessageType,
    utf8: Utf8Validator,
}

impl Message {
    /// Takes the next part. False if it makes the text invalid; then nothing has changed.
    fn take(&mut self, payload: &[u8], last: bool) -> bool {
        if self.message_type == MessageType::Binary {
            return true;
        }
        let mut utf8 = self.utf8;
        if utf8.feed(payload).is_err() || last && utf8.finish().is_err() {
            return false;
        }
        self.utf8 = utf8;
        true
    }
}

/// A fragment that may be sent.
#[derive(Debug)]
pub struct Fragment {
    /// To whom.
    pub client: ConnId,
    /// The type, for the first.
    pub message_type: Option<MessageType>,
    /// True for the last.
    pub fin: bool,
    /// What waited for the client and may follow the last.
    pub released: Vec<Frame>,
}

/// All locks.
#[derive(Debug, Default)]
pub struct Locks {
    by_operator: HashMap<ConnId, Lock>,
    by_client: HashMap<ConnId, ConnId>,
}

impl Locks {
    /// True if no client is locked.
    pub fn is_empty(&self) -> bool {
        self.by_operator.is_empty()
    }

    /// Locks a client; what waited for the one that was locked before. None if the client is
    /// locked by somebody else, or a message of this control connection is under way.
    pub fn lock(&mut self, operator: ConnId, client: ConnId) -> Option<Vec<(ConnId, Frame)>> {
        let held = self.by_operator.get(&operator);
        let taken = self
            .by_client
            .get(&client)
            .is_some_and(|owner| *owner != operator);
        if taken || held.is_some_and(|lock| lock.message.is_some()) {
            return None;
        }
        let released = match self.unlock(operator) {
            Some(lock) => lock
                .waiting
                .into_iter()
                .map(|frame| (lock.client, frame))
                .collect(),
            None => Vec::new(),
        };
        let lock = Lock {
            client,
            message: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
        };
        self.by_operator.insert(operator, lock);
        self.by_client.insert(client, operator);
        Some(released)
    }

    /// A fragment for the client that `operator` has locked. None if there is none, if the
    /// fragment is out of order, or if it makes a text invalid.
    pub fn fragment(
        &mut self,
        operator: ConnId,
        position: Position,
        message_type: MessageType,
        payload: &[u8],
    ) -> Option<Fragment> {
        let lock = self.by_operator.get_mut(&operator)?;
        let mut message = match (position, lock.message) {
            (Position::First, None) => Message {
                message_type,
                utf8: Utf8Validator::default(),
            },
            (Position::Middle | Position::Last, Some(message)) => message,
            (Position::First, Some(_)) | (Position::Middle | Position::Last, None) => return None,
        };
        let fin = position == Position::Last;
        if !message.take(payload, fin) {
            return None;
        }
        lock.message = Some(message);
        let client = lock.client;
        let released = match self.unlock_if(fin, operator) {
            Some(lock) => lock.waiting,
            None => Vec::new(),
        };
        let message_type = (position == Position::First).then_some(message_type);
        Some(Fragment {
            client,
            message_type,
            fin,
            released,
        })
    }

    /// Keeps a frame for a client that is locked, or gives it back.
    ///
    /// # Errors
    /// If more than `limit` bytes would wait.
    pub fn queue(
        &mut self,
        client: ConnId,
        frame: Frame,
        limit: usize,
    ) -> Result<Option<Frame>, Limit> {
        let lock = self
            .by_client
            .get(&client)
            .and_then(|owner| self.by_operator.get_mut(owner));
        let Some(lock) = lock else {
            return Ok(Some(frame));
        };
        lock.waiting_bytes = lock.waiting_bytes.saturating_add(frame.len());
        if lock.waiting_bytes > limit {
            // It is going to be closed: what would fit still is not taken either.
            lock.waiting_bytes = usize::MAX;
            return Err(Limit::Output);
        }
        lock.waiting.push(frame);
        Ok(None)
    }

    /// A client is gone.
    pub fn forget_client(&mut self, client: ConnId) {
        if let Some(owner) = self.by_client.remove(&client) {
            self.by_operator.remove(&owner);
        }
    }

    /// A control connection is gone; the client that it had locked.
    pub fn forget_operator(&mut self, operator: ConnId) -> Option<ConnId> {
        self.unlock(operator).map(|lock| lock.client)
    }

    fn unlock_if(&mut self, condition: bool, operator: ConnId) -> Option<Lock> {
        if condition {
            self.unlock(operator)
        } else {
            None
        }
    }

    fn unlock(&mut self, operator: ConnId) -> Option<Lock> {
        let lock = self.by_operator.remove(&operator)?;
        self.by_client.remove(&lock.client);
        Some(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::frame::FrameLedger;
    use MessageType::{Binary, Text};
    use Position::{First, Last, Middle};

    const OWNER: ConnId = ConnId::from_parts(1, 0);
    const OTHER: ConnId = ConnId::from_parts(2, 0);
    const CLIENT: ConnId = ConnId::from_parts(3, 0);

    #[test]
    fn fragments_come_in_order() {
        let mut locks = Locks::default();
        assert!(
            locks.fragment(OWNER, First, Text, b"x").is_none(),
            "nobody is locked"
        );
        assert!(locks.lock(OWNER, CLIENT).is_some());
        for position in [Middle, Last] {
            assert!(locks.fragment(OWNER, position, Text, b"x").is_none());
        }
        let first = locks.fragment(OWNER, First, Text, b"a").unwrap();
        assert_eq!(
            (first.client, first.message_type, first.fin),
            (CLIENT, Some(Text), false)
        );
        assert!(locks.fragment(OWNER, First, Text, b"x").is_none());
        assert!(locks.fragment(OTHER, Middle, Text, b"x").is_none());
        let middle = locks.fragment(OWNER, Middle, Binary, b"b").unwrap();
        assert_eq!((middle.message_type, middle.fin), (None, false));
        assert!(locks.fragment(OWNER, Last, Text, b"c").unwrap().fin);
        assert!(locks.is_empty());
    }

    #[test]
    fn a_client_has_one_owner() {
        let mut locks = Locks::default();
        assert!(locks.lock(OWNER, CLIENT).is_some());
        assert!(locks.lock(OTHER, CLIENT).is_none());
        assert!(
            locks.lock(OWNER, CLIENT).is_some(),
            "again, as nothing is under way"
        );
        locks.fragment(OWNER, First, Binary, b"").unwrap();
        assert!(locks.lock(OWNER, OTHER).is_none());
        assert_eq!(locks.forget_operator(OWNER), Some(CLIENT));
        assert!(locks.lock(OTHER, CLIENT).is_some());
        locks.forget_client(CLIENT);
        assert!(locks.is_empty());
    }

    #[test]
    fn what_others_send_waits_for_the_last_fragment() {
        let ledger = FrameLedger::default();
        let mut locks = Locks::default();
        locks.lock(OWNER, CLIENT).unwrap();
        assert!(matches!(
            locks.queue(OTHER, ledger.frame(*b"x"), 3),
            Ok(Some(_))
        ));
        assert!(matches!(
            locks.queue(CLIENT, ledger.frame(*b"ab"), 3),
            Ok(None)
        ));
        assert!(matches!(
            locks.queue(CLIENT, ledger.frame(*b"cd"), 3),
            Err(Limit::Output)
        ));
        locks.fragment(OWNER, First, Binary, b"").unwrap();
        let last = locks.fragment(OWNER, Last, Binary, b"").unwrap();
        let released: Vec<_> = last.released.iter().map(|frame| frame.to_vec()).collect();
        assert_eq!(released, [b"ab"]);
    }

    #[test]
    fn a_text_is_valid_as_a_whole() {
        let mut locks = Locks::default();
        locks.lock(OWNER, CLIENT).unwrap();
        assert!(locks.fragment(OWNER, First, Text, b"\xff").is_none());
        assert!(locks.fragment(OWNER, First, Text, b"\xce").is_some());
        assert!(locks.fragment(OWNER, Last, Text, b"").is_none());
        assert!(locks.fragment(OWNER, Middle, Text, b"x").is_none());
        assert!(locks.fragment(OWNER, Last, Text, b"\xba").is_some());
    }
}
