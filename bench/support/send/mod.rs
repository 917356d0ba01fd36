//! Messages sent by HTTP requests: a back end posts a text to a channel of dSock, and its members
//! get it.

pub(crate) mod callers;
pub(crate) mod listeners;
pub(crate) mod sending;
pub(crate) mod side;
pub(crate) mod wrk;

/// What is posted, and what arrives.
pub(crate) const TEXT: [u8; 64] =
    *b"A text of sixty-four bytes, as a back end may send it to people.";
