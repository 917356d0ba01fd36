//! The systemd units are understood by systemd, and shut the service in as far as it can be.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Outcome, require, run_within};
use tempfile::TempDir;

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What `systemd-analyze security` may find, in tenths (100 is no protection at all).
const EXPOSURE_LIMIT: &str = "15";

/// A file system root with the units and what they refer to, so that the test depends neither on
/// an installed Fantail nor on the units of this machine.
fn root() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let units = root.path().join("etc/systemd/system");
    fs::create_dir_all(&units).expect("the directory is new");
    for unit in ["fantail.service", "fantail.socket"] {
        fs::copy(unit_path(unit), units.join(unit)).expect("the unit can be copied");
    }
    for (directory, program) in [("usr/bin", "fantail"), ("bin", "kill")] {
        let directory = root.path().join(directory);
        fs::create_dir_all(&directory).expect("the directory is new");
        let program = directory.join(program);
        fs::write(&program, "").expect("the directory is writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    root
}

fn unit_path(unit: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("systemd")
        .join(unit)
}

fn analyze(root: &TempDir, arguments: &[&str]) -> Option<Outcome> {
    let mut command = Command::new(require("systemd-analyze")?);
    command
        .arg(format!("--root={}", root.path().display()))
        .args(arguments);
    Some(run_within(TIME_LIMIT, &mut command))
}

#[test]
fn systemd_understands_the_units() {
    let root = root();
    let verify = [
        "verify",
        "--man=no",
        "--recursive-errors=no",
        "fantail.service",
        "fantail.socket",
    ];
    let Some(outcome) = analyze(&root, &verify) else {
        return;
    };
    outcome.expect_success();
    // Keys that it does not know are only warned about.
    assert_eq!(outcome.stderr, "");
}

#[test]
fn the_service_is_shut_in() {
    let threshold = format!("--threshold={EXPOSURE_LIMIT}");
    let security = [
        "security",
        "--offline=true",
        "--no-pager",
        &threshold,
        "fantail.service",
    ];
    if let Some(outcome) = analyze(&root(), &security) {
        outcome.expect_success();
    }
}
