//! A client, as the model sees it: what it sent, what it must receive, and what may end it.

use std::collections::VecDeque;
use std::rc::Rc;

use fantail::protocol::ws_deflate::Window;
use fantail::relay::conn_id::ConnId;
use fantail::relay::moment::Moment;
use fantail::relay::output_policy::OutputPolicy;

use super::driver::decoder::Decoder;
use super::places::{Place, TOPICS};
use super::settings::Serves;
use super::wire::{Message, Pipe, Sent};

/// How the relay takes a client's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// As requests.
    Http,
    /// As frames.
    Open(Place),
    /// Not at all.
    Over,
}

/// What a client at a topic may do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Access {
    /// Nothing yet.
    Unproven,
    /// Send and receive until then.
    Granted(f64),
    /// Nothing any more.
    Ended,
}

/// A message frame that waits for the client.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A message of somebody, or its own from an echo.
    Message(Rc<Message>),
    /// The answer to a token that was good: these bytes.
    Granted(String),
    /// The answer to a bad token.
    Denied,
}

impl Pending {
    /// True for what a topic's policy may drop: not for the answer to a token.
    fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Message(_))
    }

    /// The length of the frame; that of a denial is not known, but nothing comes behind it.
    fn frame_length(&self, window: Option<Window>) -> usize {
        match self {
            Self::Message(message) => message.frame_length(window),
            Self::Granted(text) => text.len() + if text.len() > 125 { 4 } else { 2 },
            Self::Denied => 0,
        }
    }
}

/// An answer that is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) statuses: &'static [u16],
    pub(crate) head_only: bool,
    pub(crate) body: Option<String>,
}

/// Why a connection may end or lack something without having been told before.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    /// It sent what nobody may.
    pub(crate) garbage: bool,
    /// It sent too many control frames: which of the last were answered is not known.
    pub(crate) control_frames: bool,
    /// It has ended its input.
    pub(crate) end_of_input: bool,
    /// It was reset, or a write to it failed.
    pub(crate) reset: bool,
    /// Messages for it passed the output limit of a topic that closes slow clients.
    pub(crate) overflow: bool,
    /// Answers to it passed twice the output limit.
    pub(crate) unread_answers: bool,
    /// It was past the soft limit of such a topic.
    pub(crate) soft: bool,
    /// Its token was bad or has ended.
    pub(crate) token: bool,
    /// A request of it was refused, or was its last.
    pub(crate) last_answer: bool,
    /// It sent a close frame with this code, and the relay has read it.
    pub(crate) close: Option<Option<u16>>,
}

/// What became of a message for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offered {
    /// It counts as a receiver.
    pub(crate) received: bool,
    /// Messages dropped.
    pub(crate) dropped: u64,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ConnId,
    pub(crate) serves: Serves,
    /// It comes from the address of a trusted proxy, or from a Unix socket.
    pub(crate) trusted: bool,
    /// It answers pings and close frames.
    pub(crate) polite: bool,
    /// It does nothing any more, and nobody knows.
    pub(crate) killed: bool,
    /// What it sent and the relay has not been given.
    pub(crate) pipe: Pipe,
    /// What the bytes mean, by the number of bytes at which it is complete.
    pub(crate) sent: VecDeque<(u64, Sent)>,
    /// Where it asked to become a WebSocket: what it sends since are frames.
    pub(crate) upgraded: Option<Place>,
    /// How far it looks back in compressed messages, if that is agreed upon there.
    pub(crate) window: Option<Window>,
    /// It will send nothing more.
    pub(crate) silent: bool,
    /// Its end of input is to follow its last byte.
    pub(crate) ends_input: bool,
    /// Bytes that the relay has been given.
    pub(crate) delivered: u64,
    /// Bytes of them that belong to what is complete.
    pub(crate) complete: u64,
    pub(crate) decoder: Decoder,
    pub(crate) phase: Phase,
    pub(crate) access: Access,
    /// The relay takes nothing more for it.
    pub(crate) refusing: bool,
    /// Bytes in its outbox.
    pub(crate) waiting: usize,
    pub(crate) answers: VecDeque<Due>,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) pongs: VecDeque<Vec<u8>>,
    pub(crate) reports: bool,
    pub(crate) closed: bool,
    pub(crate) shut: bool,
    pub(crate) excuses: Excuses,
    /// When the relay last heard of it.
    pub(crate) heard: Moment,
    /// When it was accepted, or sent its last complete request or token.
    pub(crate) progress: Moment,
    /// Since when something incomplete is there.
    pub(crate) incomplete_since: Option<Moment>,
}

impl Client {
    /// A client that was just accepted.
    pub(crate) fn new(id: ConnId, serves: Serves, trusted: bool, now: Moment) -> Self {
        Self {
            id,
            serves,
            trusted,
            polite: true,
            killed: false,
            pipe: Pipe::default(),
            sent: VecDeque::new(),
            upgraded: None,
            window: None,
            silent: false,
            ends_input: false,
            delivered: 0,
            complete: 0,
            decoder: Decoder::default(),
            phase: Phase::Http,
            access: Access::Unproven,
            refusing: false,
            waiting: 0,
            answers: VecDeque::new(),
            pending: VecDeque::new(),
            pongs: VecDeque::new(),
            reports: false,
            closed: false,
            shut: false,
            excuses: Excuses::default(),
            heard: now,
            progress: now,
            incomplete_since: None,
        }
    }

    /// The topic whose messages it gets.
    pub(crate) fn member_of(&self) -> Option<usize> {
        match (self.phase, self.access) {
            (Phase::Open(Place::Topic(topic)), Access::Granted(_)) if !self.refusing => Some(topic),
            _ => None,
        }
    }

    /// An answer is due.
    pub(crate) fn expect(
        &mut self,
        statuses: &'static [u16],
        head_only: bool,
        body: Option<String>,
    ) {
        if !self.refusing {
            self.answers.push_back(Due {
                statuses,
                head_only,
                body,
            });
        }
    }

    /// A frame that passes every policy is due.
    pub(crate) fn expect_reply(&mut self, reply: Pending) {
        if !self.refusing {
            self.pending.push_back(reply);
        }
    }

    /// A message for the client, under the policy of its topic. It is `behind` if the kernel takes
    /// no more for it.
    pub(crate) fn offer(
        &mut self,
        topic: usize,
        message: &Rc<Message>,
        (soft, hard): (usize, usize),
        behind: bool,
    ) -> Offered {
        let policy = TOPICS[topic].policy;
        let length = message.frame_length(self.window);
        let mut dropped = 0;
        if self.waiting + length > soft || behind && policy == OutputPolicy::Latest {
            // The frame of which some bytes are out stays.
            let begun = matches!(self.decoder.begun(), Some(0x81 | 0x82 | 0xc1 | 0xc2));
            let first = usize::from(begun && self.decoder.is_websocket());
            let fits = |client: &Self| {
                client.waiting + length <= hard
                    || !client.pending.iter().any(Pending::may_be_dropped)
            };
            while policy == OutputPolicy::Latest || policy == OutputPolicy::DropOld && !fits(self) {
                let oldest =
                    (first..self.pending.len()).find(|place| self.pending[*place].may_be_dropped());
                let Some(oldest) = oldest.and_then(|place| self.pending.remove(place)) else {
                    break;
                };
                self.waiting -= oldest.frame_length(self.window);
                dropped += 1;
            }
            if !fits(self) {
                if policy == OutputPolicy::Close {
                    self.refusing = true;
                    self.excuses.overflow = true;
                } else {
                    dropped += 1;
                }
                return Offered {
                    received: false,
                    dropped,
                };
            }
            self.excuses.soft |= policy == OutputPolicy::Close;
        }
        self.waiting += length;
        self.pending.push_back(Pending::Message(Rc::clone(message)));
        Offered {
            received: true,
            dropped,
        }
    }
}
