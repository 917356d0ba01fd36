//! The receivers of a fan-out, all in one thread, each of which checks every byte it gets.
//!
//! Message number n is the same for everybody, so a receiver needs only its place in the stream:
//! how many messages it has had and how far it is in the next one. A message that is lost,
//! doubled, swapped or broken differs from what is expected there.

use super::Outcome;
use super::client;
use super::frame;
use super::inflated::Inflated;
use super::numbered::Numbered;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Longer than all that can be in flight to one receiver.
const READ_BUFFER: usize = 256 * 1024;

const EVENTS: usize = 1024;

/// The next message that somebody expects, framed as the server sends it.
struct Expected(Numbered);

impl Expected {
    fn new(message: &Numbered) -> Self {
        let mut head = Vec::new();
        frame::put_server_head(&mut head, message.length());
        Self(message.behind(&head))
    }

    fn message(&mut self, number: u64) -> &[u8] {
        self.0.bytes(number)
    }
}

/// How far a receiver is.
#[derive(Default)]
struct Place {
    /// Messages received.
    messages: u64,
    /// Bytes received of the next message's frame.
    bytes: usize,
}

impl Place {
    /// Checks bytes that have arrived and tells the number of each message that they end.
    fn take(
        &mut self,
        mut arrived: &[u8],
        expected: &mut Expected,
        arrival: &mut impl FnMut(u64),
    ) -> Outcome<()> {
        while !arrived.is_empty() {
            let rest = expected
                .message(self.messages)
                .get(self.bytes..)
                .unwrap_or_default();
            let length = rest.len().min(arrived.len());
            let (now, later) = arrived.split_at(length);
            if !rest.starts_with(now) {
                return Err(wrong_bytes(self.messages, now));
            }
            arrived = later;
            self.bytes += length;
            if length == rest.len() {
                arrival(self.messages);
                self.messages += 1;
                self.bytes = 0;
            }
        }
        Ok(())
    }
}

#[cold]
fn wrong_bytes(number: u64, arrived: &[u8]) -> Box<dyn std::error::Error> {
    let start = arrived.get(..arrived.len().min(32)).unwrap_or_default();
    format!("where message {number} was expected, a receiver got {start:02x?}...").into()
}

struct Receiver {
    stream: TcpStream,
    place: Place,
    /// The beginning of a compressed message.
    partial: Vec<u8>,
}

/// All receivers of one server.
pub(crate) struct Audience {
    poll: Poll,
    events: Events,
    receivers: Vec<Receiver>,
    expected: Expected,
    /// There if messages come compressed.
    inflated: Option<Inflated>,
    buffer: Box<[u8]>,
}

impl Audience {
    /// Connects `count` receivers of a topic's messages with this many bytes of payload.
    ///
    /// # Errors
    /// If one of them isn't let in.
    pub(crate) fn connect(address: SocketAddr, count: usize, payload_length: u16) -> Outcome<Self> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            streams.push(client::open(address, None, client::RECEIVER_PATH)?);
        }
        Self::of(streams, &Numbered::plain(payload_length))
    }

    /// As [`Self::connect`], with receivers that take compressed messages, of which up to `window`
    /// are on their way.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) fn connect_compressed(
        address: SocketAddr,
        count: usize,
        payload_length: u16,
        window: usize,
    ) -> Outcome<Self> {
        let open = |_| client::open_compressed(address, client::RECEIVER_PATH);
        let streams = (0..count).map(open).collect::<Outcome<Vec<_>>>()?;
        let message = Numbered::plain(payload_length);
        Ok(Self {
            inflated: Some(Inflated::new(&message, window)),
            ..Self::of(streams, &message)?
        })
    }

    /// The receivers at the ends of these streams; `message` is what they get.
    ///
    /// # Errors
    /// If the kernel doesn't watch a stream.
    pub(crate) fn of(streams: Vec<TcpStream>, message: &Numbered) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut receivers = Vec::with_capacity(streams.len());
        for (index, stream) in streams.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            let fd = stream.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), Token(index), Interest::READABLE)?;
            receivers.push(Receiver {
                stream,
                place: Place::default(),
                partial: Vec::new(),
            });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            receivers,
            expected: Expected::new(message),
            inflated: None,
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
        })
    }

    /// How many receivers there are.
    pub(crate) fn len(&self) -> usize {
        self.receivers.len()
    }

    /// Reads what has arrived, waiting for up to `timeout`; `arrival` is told the number of each
    /// message at each receiver. False if nothing has arrived.
    ///
    /// # Errors
    /// If a connection has ended, or other bytes have arrived than were expected next.
    pub(crate) fn receive(
        &mut self,
        timeout: Duration,
        mut arrival: impl FnMut(u64),
    ) -> Outcome<bool> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        for event in &self.events {
            let Some(receiver) = self.receivers.get_mut(event.token().0) else {
                continue;
            };
            loop {
                let read = match receiver.stream.read(&mut self.buffer) {
                    Ok(0) => return Err("the server has closed a connection".into()),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let arrived = self.buffer.get(..read).unwrap_or_default();
                let place = &mut receiver.place;
                if let Some(inflated) = &mut self.inflated {
                    receiver.partial.extend_from_slice(arrived);
                    let messages = inflated.take(place.messages, &mut receiver.partial)?;
                    (place.messages..place.messages + messages).for_each(&mut arrival);
                    place.messages += messages;
                } else {
                    place.take(arrived, &mut self.expected, &mut arrival)?;
                }
                // A short read has emptied the socket; what comes later is another event.
                if read < READ_BUFFER {
                    break;
                }
            }
        }
        Ok(!self.events.is_empty())
    }
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    const PAYLOAD: u16 = 300;

    /// The bytes of these messages, as a server sends them.
    fn stream(numbers: &[u64]) -> Vec<u8> {
        let mut expected = Expected::new(&Numbered::plain(PAYLOAD));
        let messages = numbers
            .iter()
            .map(|number| expected.message(*number).to_vec());
        messages.collect::<Vec<_>>().concat()
    }

    fn take(place: &mut Place, bytes: &[u8]) -> Result<Vec<u64>, String> {
        let mut arrivals = Vec::new();
        place
            .take(
                bytes,
                &mut Expected::new(&Numbered::plain(PAYLOAD)),
                &mut |number| {
                    arrivals.push(number);
                },
            )
            .map_err(|error| error.to_string())?;
        Ok(arrivals)
    }

    #[test]
    fn messages_in_order_arrive_however_they_are_split() {
        let bytes = stream(&[0, 1, 2]);
        for split in 0..=bytes.len() {
            let (start, end) = bytes.split_at(split);
            let mut place = Place::default();
            let mut arrivals = take(&mut place, start).unwrap();
            arrivals.extend(take(&mut place, end).unwrap());
            assert_eq!(arrivals, [0, 1, 2], "split at {split}");
        }
    }

    #[test]
    fn a_message_lost_doubled_swapped_or_broken_is_an_error() {
        let mut broken = stream(&[0, 1]);
        broken.pop();
        broken.push(0xff);
        let cases = [
            ("lost", stream(&[0, 2]), 1),
            ("doubled", stream(&[0, 1, 1]), 2),
            ("swapped", stream(&[1, 0]), 0),
            ("broken", broken, 1),
        ];
        for (fault, bytes, number) in cases {
            let error = take(&mut Place::default(), &bytes).unwrap_err();
            let expected = format!("where message {number} was expected");
            assert!(error.contains(&expected), "{fault}: {error}");
        }
    }
}
