//! The foreign protocols, one per file or folder.

pub mod echo;
pub mod topics;

/// The names under which a listener's `serve` knows them.
pub const NAMES: &[&str] = &["topics", "echo"];
