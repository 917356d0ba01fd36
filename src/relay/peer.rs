//! The life of a connection, as a table of states.
//!
//! | stage     | takes                        | leaves to                                          |
//! |-----------|------------------------------|----------------------------------------------------|
//! | Http      | requests                     | Open (upgrade), Verdict, Finishing (refusal, last answer) |
//! | Verdict   | nothing; input waits         | Open (admitted), Finishing (not), Dead (time)      |
//! | Control   | commands, see `operator`     | Finishing (quit, malformed), Dead (end of stream)  |
//! | Open      | messages, control frames     | CloseSent (we close), Finishing (the client closes)|
//! | CloseSent | frames, to find the answer   | Finishing (answer or time)                         |
//! | Finishing | nothing; output is flushed   | Lingering (all written), Dead (time)               |
//! | Lingering | nothing; input is discarded  | Dead (end of stream or time)                       |
//! | Dead      | nothing                      | buried at the end of the turn                      |
//!
//! A stage only ever moves downwards. Each has a deadline, looked at by the sweep.

use crate::protocol::ws_deflate::Agreement;
use crate::protocol::ws_receiver::{Receiver, Role};
use crate::relay::address::PeerAddress;
use crate::relay::dialect::DialectId;
use crate::relay::http_input::HttpInput;
use crate::relay::moment::{Moment, Tick};
use crate::relay::operator::ControlInput;
use crate::relay::rate::RateState;

/// The number of a listener in the relay's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(u16);

impl ListenerId {
    /// The listener at this place of the table.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The place in the table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection.
#[derive(Debug)]
pub struct Peer {
    /// The client's address.
    pub address: PeerAddress,
    /// The listener that accepted it.
    pub listener: ListenerId,
    /// The dialect that it speaks, once it has upgraded.
    pub dialect: Option<DialectId>,
    /// True if it is counted for its address.
    pub counted: bool,
    /// True if the dialect and the hub have been told that it is going.
    pub forgotten: bool,
    /// True if the client sends nothing more.
    pub end_of_input: bool,
    /// True if it was accepted beyond the limit, to be told so.
    pub surplus: bool,
    /// True once a request was answered and the connection kept.
    pub answered: bool,
    /// True for a control connection.
    pub operator: bool,
    /// When its last byte came.
    pub heard: Tick,
    /// When the sweep has something to do for it.
    pub deadline: Tick,
    /// Where in its life it is.
    pub stage: Stage,
}

impl Peer {
    /// Something came from the client: it is alive, and owes no pong.
    pub(super) fn hear(&mut self, now: Moment) {
        self.heard = Tick::of(now);
        if let Stage::Open(open) = &mut self.stage {
            open.pinged = Tick::NEVER;
        }
    }
}

/// Where in its life a connection is; see the table above.
#[derive(Debug)]
pub enum Stage {
    /// Reading requests; the box is there while one is incomplete.
    Http(Option<Box<HttpInput>>),
    /// A handshake of which it is not known yet whether it succeeds.
    Verdict(Box<PendingHandshake>),
    /// A program that controls the server.
    Control(Box<ControlInput>),
    /// A WebSocket.
    Open(Open),
    /// A close frame is sent, the answer is awaited.
    CloseSent(Receiver),
    /// The last bytes are being written.
    Finishing,
    /// The write side is shut.
    Lingering,
    /// To be buried.
    Dead,
}

/// A handshake of which it is not known yet whether it succeeds.
#[derive(Debug)]
pub struct PendingHandshake {
    /// Who decides.
    pub dialect: DialectId,
    /// The client's address.
    pub address: PeerAddress,
    /// The answer.
    pub switching_protocols: Vec<u8>,
    /// What that says about compression.
    pub agreement: Option<Agreement>,
}

/// A WebSocket that is open.
#[derive(Debug)]
pub struct Open {
    /// The receiving state.
    pub receiver: Receiver,
    /// It sends too fast: it is not read for a while.
    pub paused: bool,
    /// The rate of its control frames.
    pub control_frames: RateState,
    /// The rate of its messages.
    pub messages: RateState,
    /// When it was pinged without having answered.
    pub pinged: Tick,
    /// When the message began that is not complete.
    pub message_since: Tick,
}

impl Open {
    /// A WebSocket right after its handshake.
    pub fn new() -> Self {
        Self::with_receiver(Receiver::new(Role::Server))
    }

    /// A WebSocket right after its handshake, with compression.
    pub fn with_deflate() -> Self {
        Self::with_receiver(Receiver::new(Role::Server).with_deflate())
    }

    fn with_receiver(receiver: Receiver) -> Self {
        Self {
            receiver,
            paused: false,
            control_frames: RateState::default(),
            messages: RateState::default(),
            pinged: Tick::NEVER,
            message_since: Tick::NEVER,
        }
    }
}

impl Default for Open {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Bytes buffered for what is incomplete.
    pub fn buffered(&self) -> usize {
        match self {
            Self::Http(input) => input.as_ref().map_or(0, |input| input.buffered()),
            Self::Control(control) => control.buffered(),
            Self::Open(open) => open.receiver.buffered(),
            Self::CloseSent(receiver) => receiver.buffered(),
            Self::Verdict(_) | Self::Finishing | Self::Lingering | Self::Dead => 0,
        }
    }

    /// True if nothing of what the client sends matters any more.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finishing | Self::Lingering | Self::Dead)
    }

    /// The name in the log and in tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Verdict(_) => "verdict",
            Self::Control(_) => "control",
            Self::Open(_) => "open",
            Self::CloseSent(_) => "close-sent",
            Self::Finishing => "finishing",
            Self::Lingering => "lingering",
            Self::Dead => "dead",
        }
    }
}

const _: () = assert!(
    size_of::<Peer>() <= 112,
    "a peer grew: see docs/performance.md"
);
