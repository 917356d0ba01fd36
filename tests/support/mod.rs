//! What the integration tests share: the real binary as a child process, a client that speaks
//! bytes, and the other programs that take part.
//!
//! Nothing here uses the crate's own codec, so that a fault in it cannot hide itself.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "every test binary compiles this module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod browser;
mod canaries;
mod child;
mod control_client;
mod frame;
mod http_response;
mod mariadb;
mod nginx;
mod node_script;
mod php;
mod process;
mod programs;
mod raw_client;
mod seeded_random;
mod server;
mod wait;

pub use browser::Browser;
pub use canaries::{canary, note};
pub use child::{Outcome, run_with_input, run_within};
pub use control_client::ControlClient;
pub use frame::{Frame, Opcode};
pub use http_response::HttpResponse;
pub use mariadb::{MARIADB_PASSWORD, MARIADB_USER, Mariadb};
pub use nginx::Nginx;
pub use node_script::NodeScript;
pub use php::{Page, Php, SCRIPT_LIMIT, Script, free_address, root};
pub use process::{cpu_time, open_descriptors, resident_bytes, signal};
pub use programs::require;
pub use raw_client::{End, RawClient};
pub use seeded_random::SeededRandom;
pub use server::{Server, fantail};
pub use wait::wait_until;
