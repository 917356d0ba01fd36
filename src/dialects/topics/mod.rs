//! Topics: a channel per URL path.

pub mod settings;
