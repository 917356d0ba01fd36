//! Names of event sources, as the kernel carries them for us.

use mio::Token;

use crate::relay::conn_id::ConnId;

/// Bits of a token that are the connection's index; above them is its generation, as much of it
/// as fits. 2^32 connections where a pointer has 64 bits, a million where it has 32.
const INDEX_BITS: u32 = if usize::BITS >= 64 { 32 } else { 20 };

const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;

/// The highest indexes stand for the sources that are no connections.
const SIGNALS: usize = INDEX_MASK;
const WORKERS: usize = INDEX_MASK - 1;
const LISTENERS: usize = INDEX_MASK - 1024;

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The listener of this number.
    Listener(usize),
    /// A signal has come.
    Signals,
    /// A thread has done something.
    Workers,
    /// A connection; its token has to be compared with the one that lives at its index.
    Connection(ConnectionToken),
}

/// The token of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionToken(usize);

impl ConnectionToken {
    /// The token of a connection.
    pub(super) fn of(id: ConnId) -> Self {
        Self((id.generation() as usize) << INDEX_BITS | id.index())
    }

    /// The index of the connection.
    pub(super) fn index(self) -> usize {
        self.0 & INDEX_MASK
    }

    /// For registration.
    pub(super) fn token(self) -> Token {
        Token(self.0)
    }
}

impl Source {
    /// The source that was registered with this token.
    pub(super) fn of(token: Token) -> Self {
        match token.0 {
            SIGNALS => Self::Signals,
            WORKERS => Self::Workers,
            number if (LISTENERS..WORKERS).contains(&number) => Self::Listener(number - LISTENERS),
            number => Self::Connection(ConnectionToken(number)),
        }
    }

    /// The token to register the source with.
    pub(super) fn token(self) -> Token {
        match self {
            Self::Listener(index) => Token(LISTENERS + index),
            Self::Signals => Token(SIGNALS),
            Self::Workers => Token(WORKERS),
            Self::Connection(token) => token.token(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back_from_its_token() {
        let sources = [
            Source::Listener(0),
            Source::Listener(1000),
            Source::Signals,
            Source::Workers,
            Source::Connection(ConnectionToken::of(ConnId::from_parts(0, 0))),
            Source::Connection(ConnectionToken::of(ConnId::from_parts(5, 7))),
            Source::Connection(ConnectionToken::of(ConnId::from_parts(99_999, u32::MAX))),
        ];
        for source in sources {
            assert_eq!(Source::of(source.token()), source);
        }
        let token = ConnectionToken::of(ConnId::from_parts(5, 7));
        assert_eq!(token.index(), 5);
        assert_ne!(token, ConnectionToken::of(ConnId::from_parts(5, 8)));
    }
}
