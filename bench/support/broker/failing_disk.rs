//! A disk below the store that fails when it is told to: the shim of `tests/power_loss`, which the
//! server is started with.

#[path = "../../../tests/power_loss/disk.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the tests of durability need the rest of it"
)]
mod disk;

use crate::support::Outcome;
use disk::{DATABASE, Disk};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `ENOSPC` of Linux, for a call that writes.
pub(crate) const FULL: (&str, i32) = ("write", 28);

/// `EIO` of Linux, for a call that synchronises.
pub(crate) const NOT_SYNCHRONISED: (&str, i32) = ("fsync", 5);

/// The disk of a database.
pub(crate) struct FailingDisk {
    disk: Disk,
    environment: [(&'static str, String); 2],
    /// How many of the calls that are to fail there were before.
    calls_before: Cell<usize>,
}

impl FailingDisk {
    /// Below a database that is yet to be made; its path must be the real one.
    ///
    /// # Errors
    /// If the shim cannot be built.
    pub(crate) fn below(database: &Path) -> Outcome<Self> {
        let disk = Disk::of(database);
        std::fs::create_dir(disk.directory())?;
        let library = build()?.to_string_lossy().into_owned();
        let database = database.to_string_lossy().into_owned();
        Ok(Self {
            disk,
            environment: [("LD_PRELOAD", library), (DATABASE, database)],
            calls_before: Cell::new(0),
        })
    }

    /// What the server needs in its environment.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (*name, &**value))
    }

    /// Has a call fail from now on.
    ///
    /// # Errors
    /// If the server cannot be told so.
    pub(crate) fn fail(&self, fault: (&str, i32)) -> Outcome<()> {
        self.calls_before.set(self.disk.counted(fault.0));
        Ok(self.disk.set_faults(&[fault])?)
    }

    /// What is measured must have happened.
    ///
    /// # Errors
    /// If the server has not made the call that was to fail.
    pub(crate) fn check_failed(&self, fault: (&str, i32)) -> Outcome<()> {
        if self.disk.counted(fault.0) > self.calls_before.get() {
            return Ok(());
        }
        Err(format!("the server has not called {}", fault.0).into())
    }
}

fn build() -> Outcome<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_loss/shim.rs");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power_loss_for_benches.so");
    let built = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"))
        .args(["--edition", "2024", "-O", "--crate-type", "cdylib", "-o"])
        .args([&library, &source])
        .status()?;
    if built.success() {
        Ok(library)
    } else {
        Err(format!("{} cannot be built", source.display()).into())
    }
}
