//! Fantail: a WebSocket relay.

pub mod cli;
pub mod config;
pub mod dialects;
pub mod limits;
pub mod logging;
pub mod protocol;
pub mod reactor;
pub mod relay;
pub mod secret;
