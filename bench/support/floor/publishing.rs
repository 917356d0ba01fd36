//! From the bytes of the publisher to the sockets of the receivers.

use super::connections::Connections;
use crate::support::Outcome;
use crate::support::frame;
use std::io::{IoSlice, Write};

/// When messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Each as soon as it is read: a write for each message and socket.
    MessageByMessage,
    /// All that were read together: a `writev` for each batch and socket.
    Coalesced,
}

/// The state of the publisher's stream.
pub(super) struct Publishing {
    output: Output,
    /// The beginning of a frame whose end has not arrived.
    partial: Vec<u8>,
    /// Finished frames of one batch, end to end.
    frames: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Publishing {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            partial: Vec::new(),
            frames: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Takes bytes of the publisher and sends on each message that they end.
    pub(super) fn publish(&mut self, read: &mut [u8], to: &Connections) -> Outcome<()> {
        if self.partial.is_empty() {
            let used = self.encode_all(read);
            self.partial
                .extend_from_slice(read.get(used..).unwrap_or_default());
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(read);
            let used = self.encode_all(&mut bytes);
            bytes.drain(..used);
            self.partial = bytes;
        }
        self.write(to)
    }

    /// Makes frames for the receivers of all whole frames; says how many bytes these took.
    fn encode_all(&mut self, bytes: &mut [u8]) -> usize {
        self.frames.clear();
        self.ends.clear();
        let mut used = 0;
        loop {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let Some(found) = frame::parse_client_frame(rest) else {
                return used;
            };
            let payload = rest.get_mut(found.payload..found.end).unwrap_or_default();
            frame::apply_mask(payload, found.mask);
            frame::put_server_head(&mut self.frames, payload.len() as u16);
            self.frames.extend_from_slice(payload);
            self.ends.push(self.frames.len());
            used += found.end;
        }
    }

    fn write(&self, to: &Connections) -> Outcome<()> {
        let mut start = 0;
        let frames = self.ends.iter().map(|end| {
            let frame = self.frames.get(start..*end).unwrap_or_default();
            start = *end;
            frame
        });
        match self.output {
            Output::MessageByMessage => {
                for frame in frames {
                    for mut receiver in to.receivers() {
                        check(receiver.write(frame)?, frame.len())?;
                    }
                }
            }
            Output::Coalesced => {
                let frames: Vec<IoSlice<'_>> = frames.map(IoSlice::new).collect();
                if !frames.is_empty() {
                    for mut receiver in to.receivers() {
                        check(receiver.write_vectored(&frames)?, self.frames.len())?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn check(written: usize, length: usize) -> Outcome<()> {
    if written == length {
        return Ok(());
    }
    Err("a receiver is too slow for a server that keeps no output".into())
}
