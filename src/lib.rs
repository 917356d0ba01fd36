//! Fantail: a WebSocket relay.

pub mod limits;
pub mod protocol;
