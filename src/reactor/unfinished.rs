//! Sources that were stopped before they said that they have nothing more. An edge-triggered
//! system does not tell of them again, so that they have to be gone back to.

use std::collections::{HashSet, VecDeque};

use crate::relay::conn_id::ConnId;

/// A source to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stopped {
    /// A listener that accepted as many as it may in one turn.
    Listener(usize),
    /// A connection with input beyond its budget, held by the relay or the kernel.
    Connection(ConnId),
}

/// The sources to go back to in the next turn, each once.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    queue: VecDeque<Stopped>,
    /// The same again: every event of a connection asks whether it is among them, and thousands
    /// may be.
    members: HashSet<Stopped>,
}

impl Unfinished {
    /// Adds a source.
    pub(super) fn push(&mut self, stopped: Stopped) {
        if cfg!(feature = "sabotage-no-unfinished") {
            return;
        }
        if self.members.insert(stopped) {
            self.queue.push_back(stopped);
        }
    }

    /// Takes the source that waits longest.
    pub(super) fn pop(&mut self) -> Option<Stopped> {
        let stopped = self.queue.pop_front()?;
        self.members.remove(&stopped);
        Some(stopped)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// True if the loop may wait.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// True if this connection is to be gone back to: an event for it has to wait its turn.
    pub(super) fn contains(&self, id: ConnId) -> bool {
        self.members.contains(&Stopped::Connection(id))
    }
}

#[cfg(all(test, not(feature = "sabotage-no-unfinished")))]
mod tests {
    use super::*;

    #[test]
    fn each_source_waits_once_and_can_wait_again() {
        let mut unfinished = Unfinished::default();
        let [first, second] = [0, 1].map(|index| ConnId::from_parts(index, 0));
        for id in [first, second, first] {
            unfinished.push(Stopped::Connection(id));
        }
        assert_eq!(unfinished.len(), 2);
        assert_eq!(unfinished.pop(), Some(Stopped::Connection(first)));
        assert!(!unfinished.contains(first) && unfinished.contains(second));
        unfinished.push(Stopped::Connection(first));
        assert_eq!(unfinished.pop(), Some(Stopped::Connection(second)));
        assert_eq!(unfinished.pop(), Some(Stopped::Connection(first)));
        assert!(unfinished.is_empty() && unfinished.pop().is_none());
    }
}
