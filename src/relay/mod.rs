//! The decisions: who is connected, who gets what, when to close. Pure: bytes and the time come
//! in, frames and requests go out.

pub mod output_policy;
