//! Sources that were stopped before they said that they have nothing more. An edge-triggered
//! system does not tell of them again, so that they have to be gone back to.

use std::collections::VecDeque;

use crate::relay::conn_id::ConnId;

/// A source to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// A listener that accepted as many as it may in one turn.
    Listener(usize),
    /// A connection with input beyond its budget, held by the relay or the kernel.
    Connection(ConnId),
}

/// The sources to go back to in the next turn, each once.
#[derive(Debug, Default)]
pub(super) struct Unfinished(VecDeque<Stopped>);

impl Unfinished {
    /// Adds a source.
    pub(super) fn push(&mut self, stopped: Stopped) {
        if cfg!(feature = "sabotage-no-unfinished") {
            return;
        }
        if !self.0.contains(&stopped) {
            self.0.push_back(stopped);
        }
    }

    /// Takes the source that waits longest.
    pub(super) fn pop(&mut self) -> Option<Stopped> {
        self.0.pop_front()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// True if the loop may wait.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if this connection is to be gone back to: an event for it has to wait its turn.
    pub(super) fn contains(&self, id: ConnId) -> bool {
        self.0.contains(&Stopped::Connection(id))
    }
}
