//! Fantail, a WebSocket relay: one message in, N identical frames out.
//!
//! The parts and who may use whom:
//!
//! | module | what it is | uses |
//! |---|---|---|
//! | [`protocol`] | bytes to values and back | |
//! | [`relay`] | decisions: who is connected, who gets what, when to close | `protocol` |
//! | [`dialects`] | the foreign protocols, one per file or folder | `relay`, `protocol` |
//! | [`passwords`] | htpasswd, verified where it may take its time | `relay` |
//! | [`reactor`] | the loop: the only mio, sockets, clock and signals | `relay`, `config` |
//! | [`store`] | messages that are kept | `relay` |
//! | [`config`], [`limits`], [`secret`], [`logging`] | what the server is told | |
//! | [`cli`] | the commands, and the assembly of the server | all |
//!
//! A byte comes from the kernel into the one buffer of [`reactor`], goes through
//! [`relay::Relay::receive`] to [`protocol::ws_receiver`], which unmasks it in place, and as part
//! of a message to a dialect. The dialect publishes: the message is encoded once, and a reference
//! to it is pushed into the outbox of each receiver ([`relay::outboxes`]). The reactor writes
//! the outboxes when there is nothing more to read.
//!
//! `docs/architecture.md` tells it at length, with the invariants.

pub mod cli;
pub mod config;
pub mod dialects;
pub mod limits;
pub mod logging;
pub mod passwords;
pub mod protocol;
pub mod reactor;
pub mod relay;
pub mod secret;
pub mod store;
