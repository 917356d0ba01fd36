//! Accepting clients, also when there are no descriptors left.
//!
//! A level-triggered server spins at that point, because the listener stays readable; an
//! edge-triggered one forgets the clients that wait, because nothing tells of them again. Hence:
//! a client that cannot be kept is accepted with the spare descriptor, told so and closed, and
//! where even that is not possible the listener is tried again soon, and whenever a connection
//! has ended.

use std::io;

use crate::limits::Limit;
use crate::reactor::Reactor;
use crate::reactor::socket::Socket;
use crate::reactor::unfinished::Stopped;
use crate::relay::Admission;
use crate::relay::address::PeerAddress;
use crate::relay::moment::Now;

/// What to do about an error of `accept`.
#[derive(Debug, PartialEq, Eq)]
enum AcceptError {
    /// Nobody is waiting.
    NobodyWaits,
    /// The client is gone, or its network broke: the next one (accept(2), "Error handling").
    NextClient,
    /// No descriptor is left, in the process or the system.
    NoDescriptor,
    /// The kernel has no memory, or a reason unknown to us: later.
    Later,
}

/// What the spare descriptor was good for.
enum TurnedAway {
    /// A client was told that the server is full.
    One,
    /// Nobody is waiting, which accept does not say while there is no descriptor.
    NobodyWaits,
    /// It did not help.
    Failed,
}

impl AcceptError {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) if code == libc::EAGAIN || code == libc::EWOULDBLOCK => Self::NobodyWaits,
            // One that was accepted and may not be here.
            None if error.kind() == io::ErrorKind::ConnectionAborted => Self::NextClient,
            Some(libc::EMFILE | libc::ENFILE) => Self::NoDescriptor,
            Some(
                libc::EINTR
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::EPERM
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::ETIMEDOUT,
            ) => Self::NextClient,
            _ => Self::Later,
        }
    }
}

impl Reactor {
    /// Accepts the clients that wait, as many as a turn may.
    pub(super) fn accept(&mut self, index: usize, now: Now) {
        for _ in 0..self.relay.settings().limits.accepts_per_turn {
            let Some(listener) = self.listeners.get_mut(index) else {
                return;
            };
            match listener.accept() {
                Ok((socket, address)) => self.admit(index, socket, address, now),
                Err(error) => match AcceptError::of(&error) {
                    AcceptError::NobodyWaits => return listener.satisfy(),
                    AcceptError::NextClient => {}
                    AcceptError::NoDescriptor => match self.turn_away(index, now) {
                        TurnedAway::One => {}
                        TurnedAway::NobodyWaits => return self.satisfy(index),
                        TurnedAway::Failed => return self.starve(index, &error, now),
                    },
                    AcceptError::Later => return self.starve(index, &error, now),
                },
            }
        }
        self.relay.count_limit(Limit::AcceptsPerTurn);
        self.unfinished.push(Stopped::Listener(index));
    }

    fn admit(&mut self, index: usize, socket: Socket, address: PeerAddress, now: Now) {
        let Some(listener) = self.listeners.get(index) else {
            return;
        };
        match self.relay.accept(listener.id, address, now) {
            Admission::Admitted(id) => {
                if let Err(error) = self.connections.insert(id, socket, self.poll.registry()) {
                    log::warn!("a connection could not be registered: {error}");
                    self.relay.lost(id, "could not be registered");
                }
            }
            Admission::TurnedAway(answer) => send_and_close(socket, &answer),
        }
    }

    /// Uses the spare descriptor to tell one client that the server is full.
    fn turn_away(&mut self, index: usize, now: Now) -> TurnedAway {
        let Some(listener) = self.listeners.get(index) else {
            return TurnedAway::Failed;
        };
        if !self.spare.give_up() {
            self.spare.restore();
            return TurnedAway::Failed;
        }
        let turned_away = match listener.accept() {
            Ok((socket, address)) => {
                let answer = self.relay.turn_away(listener.id, address, now);
                send_and_close(socket, &answer);
                TurnedAway::One
            }
            Err(error) => match AcceptError::of(&error) {
                AcceptError::NobodyWaits => TurnedAway::NobodyWaits,
                // It is gone, which is as good as told.
                AcceptError::NextClient => TurnedAway::One,
                AcceptError::NoDescriptor | AcceptError::Later => TurnedAway::Failed,
            },
        };
        self.spare.restore();
        turned_away
    }

    fn satisfy(&mut self, index: usize) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.satisfy();
        }
    }

    fn starve(&mut self, index: usize, error: &io::Error, now: Now) {
        if let Some(listener) = self.listeners.get_mut(index) {
            if listener.retry_at().is_none() {
                log::warn!("{}: clients wait: {error}", listener.address());
            }
            listener.starve(now.moment);
        }
    }

    /// Tries listeners again that may have clients waiting, when their time has come or a
    /// descriptor was freed.
    pub(super) fn retry_starved_listeners(&mut self, now: Now) {
        let freed = std::mem::take(&mut self.descriptors_freed);
        for index in 0..self.listeners.len() {
            let due = self.listeners[index]
                .retry_at()
                .is_some_and(|due| freed || due <= now.moment);
            if due {
                self.spare.restore();
                self.accept(index, now);
            }
        }
    }
}

/// Sends what the kernel takes at once. What the client has sent by now is read, so that closing
/// does not reset the connection and destroy the answer.
fn send_and_close(mut socket: Socket, answer: &[u8]) {
    // There is no descriptor to wait with, so that what fails here has failed.
    let _ = socket.write(answer);
    socket.shut_write_side();
    let mut discarded = [0; 4096];
    let _ = socket.read(&mut discarded);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_accept_has_its_answer() {
        let of = |code| AcceptError::of(&io::Error::from_raw_os_error(code));
        assert_eq!(of(libc::EAGAIN), AcceptError::NobodyWaits);
        for code in [libc::EMFILE, libc::ENFILE] {
            assert_eq!(of(code), AcceptError::NoDescriptor);
        }
        for code in [libc::ENOBUFS, libc::ENOMEM] {
            assert_eq!(of(code), AcceptError::Later);
        }
        for code in [libc::ECONNABORTED, libc::EPROTO, libc::EINTR] {
            assert_eq!(of(code), AcceptError::NextClient);
        }
    }
}
