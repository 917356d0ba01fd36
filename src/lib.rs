//! Fantail: a WebSocket relay.

pub mod dialects;
pub mod limits;
pub mod protocol;
pub mod relay;
pub mod secret;
