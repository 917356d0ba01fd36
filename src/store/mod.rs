//! Where messages are kept that nobody was there to receive, and the last ones of topics.
//!
//! A store is a worker: it is told what to do in batches, and a batch is one transaction. What it
//! says that it has kept is on the disk, and what it says that it has not is not in it.

#[cfg(feature = "sqlite")]
pub mod inspect;
#[cfg(feature = "sqlite")]
pub mod inspect_topics;
pub mod inspection;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "sqlite")]
pub mod temporary;
#[cfg(feature = "sqlite")]
pub mod topics_apart;

#[cfg(any(feature = "sqlite", feature = "mysql"))]
mod counts;
#[cfg(feature = "sqlite")]
mod migrations;
#[cfg(feature = "sqlite")]
mod sender_ids;
#[cfg(feature = "sqlite")]
mod topic_messages;
