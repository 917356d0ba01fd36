//! Drives a relay as the reactor does, turn by turn, but without sockets: what would be the
//! kernel is a number of bytes that it still takes.

#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

pub(crate) mod decoder;
pub(crate) mod workers;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::moment::{Moment, Now};
use fantail::relay::peer::ListenerId;
use fantail::relay::{Admission, Reading, Relay};

/// Parts offered to the kernel at once.
const SLICES: usize = 16;

/// The server's end of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Whose it is.
    pub(crate) id: ConnId,
    /// Bytes that the kernel still takes.
    pub(crate) room: usize,
    /// The next write fails.
    pub(crate) broken: bool,
    /// Bytes that the kernel took, until somebody looks at them.
    pub(crate) taken: Vec<u8>,
    /// The write side was shut.
    pub(crate) shut: bool,
    /// A write found no room: the kernel is to tell when there is some.
    pub(crate) would_block: bool,
}

enum Write {
    Taken(usize),
    WouldBlock,
    Broken,
}

impl Socket {
    fn write(&mut self, parts: &[IoSlice<'_>], rng: &mut fastrand::Rng) -> Write {
        assert!(
            !self.shut,
            "{}: written after the write side was shut",
            self.id
        );
        if self.broken {
            return Write::Broken;
        }
        if self.room == 0 {
            self.would_block = true;
            return Write::WouldBlock;
        }
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        assert!(offered > 0, "{}: nothing to write", self.id);
        let mut count = offered.min(self.room);
        if rng.u8(..) < 24 {
            count = rng.usize(1..=count);
        }
        self.room -= count;
        let mut left = count;
        for part in parts {
            let length = left.min(part.len());
            self.taken.extend_from_slice(&part[..length]);
            left -= length;
        }
        Write::Taken(count)
    }
}

/// A relay and the sockets of its connections.
pub(crate) struct Driver {
    pub(crate) relay: Relay,
    pub(crate) now: Now,
    pub(crate) rng: fastrand::Rng,
    sockets: Vec<Option<Socket>>,
    unfinished: VecDeque<ConnId>,
    flushing: Vec<ConnId>,
    buried: Vec<ConnId>,
}

impl Driver {
    /// A relay without connections, at the beginning of the monotonic clock.
    pub(crate) fn new(relay: Relay, wall: Duration, rng: fastrand::Rng) -> Self {
        Self {
            relay,
            now: Now {
                moment: Moment::since_start(Duration::ZERO),
                wall,
            },
            rng,
            sockets: Vec::new(),
            unfinished: VecDeque::new(),
            flushing: Vec::new(),
            buried: Vec::new(),
        }
    }

    /// Lets both clocks go on.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.moment = self.now.moment + time;
        self.now.wall += time;
    }

    /// A client connects; or it is turned away with an answer.
    pub(crate) fn accept(
        &mut self,
        listener: u16,
        address: PeerAddress,
    ) -> Result<ConnId, Vec<u8>> {
        match self
            .relay
            .accept(ListenerId::new(listener), address, self.now)
        {
            Admission::TurnedAway(answer) => Err(answer),
            Admission::Admitted(id) => {
                if self.sockets.len() <= id.index() {
                    self.sockets.resize_with(id.index() + 1, || None);
                }
                let place = &mut self.sockets[id.index()];
                assert!(place.is_none(), "{id}: the index is in use");
                *place = Some(Socket {
                    id,
                    room: usize::MAX,
                    broken: false,
                    taken: Vec::new(),
                    shut: false,
                    would_block: false,
                });
                Ok(id)
            }
        }
    }

    /// The socket of a connection that lives.
    pub(crate) fn socket(&mut self, id: ConnId) -> Option<&mut Socket> {
        self.sockets
            .get_mut(id.index())?
            .as_mut()
            .filter(|socket| socket.id == id)
    }

    /// All sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.sockets.iter().flatten()
    }

    /// True if the reactor would read from this connection now.
    pub(crate) fn may_read(&self, id: ConnId) -> bool {
        !self.unfinished.contains(&id) && !self.relay.is_paused(id)
    }

    /// Bytes of a client; only where [`Self::may_read`].
    pub(crate) fn receive(&mut self, id: ConnId, bytes: &mut [u8]) -> Reading {
        let reading = self.relay.receive(id, bytes, self.now);
        if reading == Reading::Again {
            self.unfinished.push_back(id);
        }
        reading
    }

    /// The connections that a turn begins with, because they were stopped in an earlier one.
    pub(crate) fn unfinished(&mut self) -> Vec<ConnId> {
        while let Some(id) = self.relay.pop_resumed() {
            if !self.unfinished.contains(&id) {
                self.unfinished.push_back(id);
            }
        }
        self.unfinished.iter().copied().collect()
    }

    /// Goes on with a connection out of [`Self::unfinished`].
    pub(crate) fn resume(&mut self, id: ConnId) -> Reading {
        self.unfinished.retain(|other| *other != id);
        let reading = self.relay.resume(id, self.now);
        if reading == Reading::Again {
            self.unfinished.push_back(id);
        }
        reading
    }

    /// A client sends nothing more; only where [`Self::may_read`].
    pub(crate) fn end_of_input(&mut self, id: ConnId) {
        self.relay.end_of_input(id, self.now);
    }

    /// A connection is reset.
    pub(crate) fn lost(&mut self, id: ConnId) {
        self.relay.lost(id, "reset by the client");
    }

    /// The kernel takes bytes again.
    pub(crate) fn writable(&mut self, id: ConnId) {
        if let Some(socket) = self.socket(id) {
            socket.would_block = false;
        }
        self.relay.outboxes().unblock(id);
    }

    /// The turn but for its input. The sockets of those that were buried.
    pub(crate) fn finish_turn(&mut self) -> Vec<Socket> {
        self.relay.expire(self.now);
        self.relay.settle(self.now);
        self.flush();
        self.relay.settle(self.now);
        self.relay.bury(&mut self.buried);
        if let Err(fault) = self.relay.check_invariants() {
            panic!("{fault}");
        }
        let mut closed = Vec::new();
        for id in self.buried.drain(..) {
            let socket = self
                .sockets
                .get_mut(id.index())
                .and_then(|place| place.take_if(|socket| socket.id == id));
            closed.push(socket.unwrap_or_else(|| panic!("{id} was buried but did not live")));
        }
        self.unfinished.retain(|id| {
            self.sockets[id.index()]
                .as_ref()
                .is_some_and(|s| s.id == *id)
        });
        let living = self.sockets.iter().flatten().count();
        assert_eq!(self.relay.connections(), living, "connections");
        closed
    }

    fn flush(&mut self) {
        let mut flushing = std::mem::take(&mut self.flushing);
        self.relay.outboxes().take_dirty(&mut flushing);
        for id in flushing.drain(..) {
            self.flush_one(id);
        }
        self.flushing = flushing;
    }

    fn flush_one(&mut self, id: ConnId) {
        let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .and_then(Option::as_mut)
            .filter(|socket| socket.id == id)
        else {
            return;
        };
        let outboxes = self.relay.outboxes();
        loop {
            let written = if let Some(part) = outboxes.single(id) {
                socket.write(&[IoSlice::new(part)], &mut self.rng)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                match outboxes.slices(id, &mut slices) {
                    0 => break,
                    count => socket.write(&slices[..count], &mut self.rng),
                }
            };
            match written {
                Write::Taken(count) => {
                    if outboxes.written(id, count) == 0 {
                        break;
                    }
                }
                Write::WouldBlock => return outboxes.block(id),
                Write::Broken => return self.relay.lost(id, "the client is gone"),
            }
        }
        if outboxes.is_finished(id) {
            socket.shut = true;
            self.relay.write_side_shut(id, self.now);
        }
    }
}
