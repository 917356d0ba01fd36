//! Writing: every dirty outbox, with one system call each while the kernel takes all.

use std::io::{ErrorKind, IoSlice};

use crate::reactor::Reactor;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::Now;

/// Frames written with one system call.
const SLICES: usize = 64;

impl Reactor {
    /// Writes every dirty outbox.
    pub(super) fn flush(&mut self, now: Now) {
        let mut flushing = std::mem::take(&mut self.flushing);
        self.relay.outboxes().take_dirty(&mut flushing);
        for id in flushing.drain(..) {
            self.flush_one(id, now);
        }
        self.flushing = flushing;
    }

    fn flush_one(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self.connections.socket(id) else {
            return;
        };
        let outboxes = self.relay.outboxes();
        loop {
            let written = if let Some(bytes) = outboxes.single(id) {
                socket.write(bytes)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                match outboxes.slices(id, &mut slices) {
                    0 => break,
                    count => socket.write_vectored(&slices[..count]),
                }
            };
            match written {
                // The kernel takes nothing for a reason that it does not give.
                Ok(0) => return self.broke(id, ErrorKind::WriteZero),
                Ok(count) => {
                    if outboxes.written(id, count) == 0 {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return outboxes.block(id);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.broke(id, error.kind()),
            }
        }
        if outboxes.is_finished(id) {
            socket.shut_write_side();
            self.relay.write_side_shut(id, now);
        }
    }
}
