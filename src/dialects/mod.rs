//! The foreign protocols, one per file or folder.

pub mod drc;
pub mod dsock;
pub mod echo;
pub mod message_broker;
pub mod topics;
pub mod wson;
