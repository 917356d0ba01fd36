//! What the benches share: the servers that are measured, the clients that measure them, and
//! the arithmetic and the tables in between.
//!
//! Nothing here uses the relay's own code. A codec that is wrong on both sides would agree with
//! itself.

pub(crate) mod affinity;
pub(crate) mod apart;
pub(crate) mod audience;
pub(crate) mod client;
pub(crate) mod cost;
pub(crate) mod descriptors;
pub(crate) mod drc;
pub(crate) mod fan_out;
pub(crate) mod floor;
pub(crate) mod frame;
pub(crate) mod inflated;
pub(crate) mod nginx;
pub(crate) mod numbered;
pub(crate) mod options;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod rounds;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod statistics;
pub(crate) mod table;

use std::error::Error;

/// The result of a bench or of a part of one: the error is a sentence for whoever ran it.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;
