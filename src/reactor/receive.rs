//! Reading from connections, within a budget per connection and turn.

use std::io::ErrorKind;

use mio::event::Event;

use crate::limits::Limit;
use crate::reactor::Reactor;
use crate::reactor::sources::ConnectionToken;
use crate::reactor::unfinished::Stopped;
use crate::relay::Reading;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::Now;

impl Reactor {
    /// Something happened to a connection.
    pub(super) fn connection_event(&mut self, token: ConnectionToken, event: &Event, now: Now) {
        // The only place where an event for a dead connection is dropped.
        let Some(id) = self.connections.id_of(token) else {
            return;
        };
        if event.is_writable() {
            self.relay.outboxes().unblock(id);
        }
        if event.is_read_closed() {
            self.connections.set_read_closed(id);
        }
        // One that is unfinished has its turn already, and perhaps held input that comes first.
        if (event.is_readable() || event.is_read_closed() || event.is_error())
            && !self.unfinished.contains(id)
            && !self.relay.is_paused(id)
        {
            self.read(id, now);
        }
    }

    /// Goes back to the sources that were stopped in earlier turns.
    pub(super) fn resume_unfinished(&mut self, now: Now) {
        while let Some(id) = self.relay.pop_resumed() {
            self.unfinished.push(Stopped::Connection(id));
        }
        for _ in 0..self.unfinished.len() {
            match self.unfinished.pop() {
                Some(Stopped::Listener(index)) => self.accept(index, now),
                Some(Stopped::Connection(id)) => match self.relay.resume(id, now) {
                    Reading::Continue | Reading::Over => self.read(id, now),
                    Reading::Again => self.unfinished.push(Stopped::Connection(id)),
                    Reading::Paused => {}
                },
                None => break,
            }
        }
    }

    /// The kernel says that a connection is over.
    pub(super) fn broke(&mut self, id: ConnId, kind: ErrorKind) {
        match kind {
            // ETIMEDOUT: sent bytes were not acknowledged for so long (tcp(7)).
            ErrorKind::TimedOut => self.relay.lost_for_limit(id, Limit::TcpUserTimeout),
            kind => self.relay.lost(id, describe(kind)),
        }
    }

    /// Reads once. One read is a turn's budget; only if it filled the buffer there may be more,
    /// for on a stream a short read means that the kernel has no more (epoll(7), question 9),
    /// unless its end has come already and would not be told of again.
    fn read(&mut self, id: ConnId, now: Now) {
        loop {
            let Some(socket) = self.connections.socket(id) else {
                return;
            };
            let read = match socket.read(&mut self.buffer) {
                Ok(0) => return self.relay.end_of_input(id, now),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.broke(id, error.kind()),
            };
            match self.relay.receive(id, &mut self.buffer[..read], now) {
                Reading::Again => return self.unfinished.push(Stopped::Connection(id)),
                Reading::Paused => return,
                Reading::Continue | Reading::Over => {
                    let filled = read == self.buffer.len();
                    if filled {
                        self.relay.count_limit(Limit::ReadPerTurn);
                    }
                    if filled || self.connections.is_read_closed(id) {
                        self.unfinished.push(Stopped::Connection(id));
                    }
                    return;
                }
            }
        }
    }
}

/// How a connection broke, for the log.
fn describe(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionReset => "reset by the client",
        ErrorKind::BrokenPipe => "the client is gone",
        _ => "the connection broke",
    }
}
