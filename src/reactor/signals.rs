//! Signals, as events of the loop.

use std::collections::VecDeque;
use std::io;

use mio::event::Source as _;
use mio::{Interest, Registry};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::reactor::sources::Source;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// TERM, INT: close all connections and exit.
    Stop,
    /// HUP: read the configuration again.
    Reload,
}

/// The signals that the server listens to.
pub(super) struct Signals {
    delivery: signal_hook_mio::v1_0::Signals,
    pending: VecDeque<Signal>,
}

impl Signals {
    /// Takes the signals over from their default action.
    pub(super) fn register(registry: &Registry) -> io::Result<Self> {
        let mut delivery = signal_hook_mio::v1_0::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        delivery.register(registry, Source::Signals.token(), Interest::READABLE)?;
        Ok(Self {
            delivery,
            pending: VecDeque::new(),
        })
    }

    /// Takes one that has come.
    pub(super) fn next(&mut self) -> Option<Signal> {
        if self.pending.is_empty() {
            self.pending
                .extend(self.delivery.pending().map(|number| match number {
                    SIGHUP => Signal::Reload,
                    _ => Signal::Stop,
                }));
        }
        self.pending.pop_front()
    }
}
