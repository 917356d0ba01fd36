//! Where the programs are that `tests/install` installs, and what happens without them.

use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

/// The path of a program that a test cannot do without.
///
/// Without it the test is to return at once: `None` has been explained on standard error. Where
/// it ought to be there, in CI or below `tests/run` after an installation that did not report it
/// missing, the test fails instead.
#[track_caller]
pub fn require(program: &str) -> Option<PathBuf> {
    let found = locate(program);
    if found.is_none() {
        explain_absence(program);
    }
    found
}

fn locate(program: &str) -> Option<PathBuf> {
    let tests = tests_directory();
    match program {
        "wstest" => existing(tests.join(".environment/autobahn/python2/bin/wstest")),
        "python-websockets" => existing(tests.join(".environment/python/bin/python")),
        "schemathesis" => existing(tests.join(".environment/schemathesis/bin/schemathesis")),
        "playwright-core" => existing(tests.join("browser/node_modules/playwright-core")),
        "ws" => existing(tests.join("browser/node_modules/ws")),
        "typescript" => existing(tests.join("browser/node_modules/typescript")),
        // Debian has daemons where the path of other users than root does not lead.
        _ => env::split_paths(&env::var_os("PATH")?)
            .chain([PathBuf::from("/usr/sbin")])
            .map(|directory| directory.join(program))
            .find(|candidate| candidate.is_file()),
    }
}

#[track_caller]
fn explain_absence(program: &str) {
    let reported = reason_reported_by_install(program);
    let reason = reported.as_deref().unwrap_or("run tests/install first");
    let in_ci = env::var("CI").is_ok_and(|value| value == "true");
    let installed = env::var_os("TESTS_INSTALLED").is_some();
    assert!(
        !in_ci && (reported.is_some() || !installed),
        "{program} is missing: {reason}"
    );
    // Not with eprintln!, which the test harness would swallow.
    let _ = writeln!(stderr(), "skipped, {program} is missing: {reason}");
}

fn reason_reported_by_install(program: &str) -> Option<String> {
    let missing = fs::read_to_string(tests_directory().join(".environment/missing")).ok()?;
    missing
        .lines()
        .find_map(|line| line.strip_prefix(program)?.strip_prefix(": "))
        .map(str::to_owned)
}

fn tests_directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}
