//! The stores: what each must do, whatever it is made of, and what is particular to MariaDB, which
//! these tests start themselves.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]
#![cfg(any(feature = "sqlite", feature = "mysql"))]

#[path = "../support/mod.rs"]
mod support;

mod conformance;
#[cfg(feature = "mysql")]
mod mysql_process;
#[cfg(feature = "mysql")]
mod mysql_tables;
#[cfg(feature = "mysql")]
mod mysql_worker;
mod tasks;

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_does_what_a_store_must() {
    let directory = tempfile::tempdir().expect("it can be made");
    conformance::run_all(&|case| {
        let path = directory.path().join(format!("{case}.db"));
        let store = fantail::store::sqlite::SqliteStore::open(&path);
        Box::new(store.expect("it can be opened"))
    });
}
