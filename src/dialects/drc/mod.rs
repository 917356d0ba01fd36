//! DRC: channels that authorities own, and grants that they give to others.

pub mod settings;
