//! What the bench of DRC needs: its requests, a crowd of clients in one channel, and what is
//! measured with them.

pub(crate) mod answer;
pub(crate) mod broadcast;
pub(crate) mod crowd;
pub(crate) mod entries;
pub(crate) mod granter;
pub(crate) mod request;
pub(crate) mod storm;
