//! Conversations written down as text (see `tests/transcripts/README.md`), and playing them against
//! whatever transports bytes: the real binary over sockets, or the relay core in a simulation.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod captures;
mod control;
mod escapes;
mod over_tcp;
mod placeholders;
mod player;
mod script;
mod simulated;

pub(crate) use over_tcp::{ControlAddress, OverTcp};
pub(crate) use placeholders::expand;
pub(crate) use player::play;
pub(crate) use script::Script;
pub(crate) use simulated::Simulated;

use std::time::Duration;

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// The server has closed its side.
    End,
    /// Nothing, although there was time enough.
    Nothing,
}

/// Something that connects clients with a server.
pub(crate) trait Transport {
    /// A new client; its number.
    fn connect(&mut self) -> usize;
    /// A new client of the control port; its number.
    fn connect_to_control(&mut self) -> usize;
    /// Sends bytes. That the server takes no more is no error: it may have said why.
    fn send(&mut self, client: usize, bytes: &[u8]);
    /// Waits for what comes next.
    fn receive(&mut self, client: usize) -> Arrival;
    /// The client sends nothing more.
    fn finish(&mut self, client: usize);
    /// The client goes without a word.
    fn close(&mut self, client: usize);
    /// Lets time pass.
    fn wait(&mut self, time: Duration);
    /// The wall clock, in whole seconds since 1970.
    fn epoch_seconds(&self) -> u64;
}
