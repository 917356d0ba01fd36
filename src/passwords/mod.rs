//! Passwords: lines of htpasswd, and whether a password is a user's.
//!
//! A password is verified where that may take its time: with bcrypt it is meant to be slow.

pub mod htpasswd;

mod apr1;
mod verifier;

pub use verifier::Verifier;
