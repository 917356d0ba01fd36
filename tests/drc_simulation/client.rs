//! A client: what it has sent, and what it must be sent.

use std::collections::VecDeque;

use fantail::relay::conn_id::ConnId;

use super::driver::decoder::Decoder;
use super::model::Due;
use super::wire::{Pipe, frame_length};

/// Why a client's connection ends, as far as the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It sent a close frame with this code.
    Close(u16),
    /// It sent what nobody may send.
    Garbage,
    /// The connection broke, or ended without a close frame.
    Lost,
}

/// What may be wrong with a client, so that the server may close it and give up what waits.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    /// More waits for it than may.
    pub(crate) output: bool,
    /// It is past the soft limit.
    pub(crate) soft: bool,
    /// The server has little memory.
    pub(crate) memory: bool,
    /// It showed too many wrong tokens.
    pub(crate) wrong_tokens: bool,
    /// The next write to it fails.
    pub(crate) broken: bool,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ConnId,
    /// Whose address it has, as the server sees it.
    pub(crate) address: usize,
    /// Its number, once it has shaken hands.
    pub(crate) number: Option<u64>,
    pub(crate) pipe: Pipe,
    /// It sends nothing more.
    pub(crate) silent: bool,
    /// When all is sent, so is the end of the input.
    pub(crate) ends_input: bool,
    pub(crate) ending: Option<Ending>,
    pub(crate) excuses: Excuses,
    /// The server takes nothing more for it.
    pub(crate) cut: bool,
    /// The dialect was told of its end.
    pub(crate) gone: bool,
    /// Its handshake was refused.
    pub(crate) refused: bool,
    /// It has read a close frame.
    pub(crate) closed: bool,
    pub(crate) decoder: Decoder,
    pub(crate) due: VecDeque<Due>,
    /// Bytes of all that was ever due, at most.
    pub(crate) due_bytes: usize,
    /// Bytes that it has read.
    pub(crate) read_bytes: usize,
}

impl Client {
    pub(crate) fn new(id: ConnId, address: usize) -> Self {
        Self {
            id,
            address,
            number: None,
            pipe: Pipe::default(),
            silent: false,
            ends_input: false,
            ending: None,
            excuses: Excuses::default(),
            cut: false,
            gone: false,
            refused: false,
            closed: false,
            decoder: Decoder::default(),
            due: VecDeque::new(),
            due_bytes: 0,
            read_bytes: 0,
        }
    }

    /// It must be sent this.
    pub(crate) fn owe(&mut self, due: Due) {
        if self.cut || self.ending.is_some() {
            return;
        }
        self.due_bytes += match &due {
            Due::Handshake => 400,
            Due::Frame(_, text) => frame_length(text.len()),
            Due::Pong(payload) => frame_length(payload.len()),
            Due::Granted { names, .. } => frame_length(names.len() + 200),
            Due::Left { gone, .. } => gone.iter().map(|text| frame_length(text.len())).sum(),
        };
        self.due.push_back(due);
    }

    /// Bytes that it was not yet sent, at most.
    pub(crate) fn waiting(&self) -> usize {
        self.due_bytes - self.read_bytes
    }

    /// Whether it was sent all that it must be.
    pub(crate) fn has_all(&self) -> bool {
        let may_lack = |due: &Due| matches!(due, Due::Left { may_lack: true, .. });
        self.due.iter().all(may_lack)
    }

    /// Whether what waits for it may have been given up.
    pub(crate) fn may_lack(&self) -> bool {
        let excuses = &self.excuses;
        self.cut || excuses.output || excuses.soft || excuses.memory || excuses.broken
    }
}
