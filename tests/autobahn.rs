//! The Autobahn test suite for RFC 6455 and RFC 7692 against the real binary: sections 1 to 10, and
//! of sections 12 and 13, compression, a sixth; all of these with
//! `FANTAIL_AUTOBAHN_COMPRESSION=all cargo test --test autobahn`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Server, require, run_within};

/// Some of the cases. The suite ends in order even if it has run fewer.
struct Selection {
    /// The name of the directory for the reports.
    name: &'static str,
    cases: &'static [&'static str],
    excluded: &'static [&'static str],
    /// How many cases these are.
    count: usize,
    time_limit: Duration,
}

/// All but sections 12 and 13.
const PROTOCOL: Selection = Selection {
    name: "autobahn",
    cases: &["*"],
    excluded: &["12.*", "13.*"],
    count: 301,
    time_limit: Duration::from_secs(300),
};

/// Each set of parameters with messages of 1 KiB, of 32 KiB, and of 8 KiB in fragments.
const COMPRESSION: Selection = Selection {
    name: "autobahn-compression",
    cases: &["12.*.[48]$", "12.*.11$", "13.*.[48]$", "13.*.11$"],
    excluded: &[],
    count: 36,
    time_limit: Duration::from_secs(300),
};

/// Each set of parameters with messages of every size.
const ALL_COMPRESSION: Selection = Selection {
    name: "autobahn-all-compression",
    cases: &["12.*", "13.*"],
    excluded: &[],
    count: 216,
    time_limit: Duration::from_secs(7200),
};

/// Where RFC 6455 leaves the behaviour open, so that the suite only tells what it saw.
const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

/// Section 9 sends messages of 16 MiB and messages of 65,536 fragments.
const SETTINGS: [(&str, &str); 6] = [
    ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=echo"),
    ("FANTAIL_LIMITS_MESSAGE", "17MiB"),
    ("FANTAIL_LIMITS_FRAGMENTS", "70000"),
    ("FANTAIL_LIMITS_OUTPUT", "64MiB"),
    ("FANTAIL_LIMITS_OUTPUT_SOFT", "64MiB"),
    ("FANTAIL_LIMITS_MEMORY", "256MiB"),
];

#[test]
fn all_cases_of_sections_1_to_10_pass() {
    all_pass(&PROTOCOL);
}

#[test]
fn the_cases_of_compression_pass() {
    match std::env::var("FANTAIL_AUTOBAHN_COMPRESSION").as_deref() {
        Ok("all") => all_pass(&ALL_COMPRESSION),
        Ok(other) => panic!("FANTAIL_AUTOBAHN_COMPRESSION is \"all\" or not set, not {other:?}"),
        Err(_) => all_pass(&COMPRESSION),
    }
}

fn all_pass(selection: &Selection) {
    let Some(wstest) = require("wstest") else {
        return;
    };
    let server = Server::start(&SETTINGS);
    let directory = empty_report_directory(selection.name);
    let spec = write_spec(&directory, &server.url("/"), selection);

    let outcome = run_within(
        selection.time_limit,
        Command::new(wstest)
            .args(["--mode", "fuzzingclient", "--spec"])
            .arg(spec)
            .current_dir(&directory),
    );
    // A success says only that the suite itself did not break.
    outcome.expect_success();

    let results = read_results(&directory);
    let count = selection.count;
    assert_eq!(results.len(), count, "cases; {}", outcome.stdout);
    let failures: Vec<String> = results.iter().filter_map(failure).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} cases; reports are in {}\n{}",
        failures.len(),
        directory.display(),
        failures.join("\n")
    );
}

/// What one case found.
struct CaseResult {
    name: String,
    behavior: String,
    close_behavior: String,
}

/// A line about a case that is not as it must be. NON-STRICT is not as it must be.
fn failure(result: &CaseResult) -> Option<String> {
    let informational = INFORMATIONAL.contains(&result.name.as_str());
    let expected = if informational { "INFORMATIONAL" } else { "OK" };
    let close_is_right =
        result.close_behavior == "OK" || informational && result.close_behavior == "INFORMATIONAL";
    (result.behavior != expected || !close_is_right).then(|| {
        format!(
            "case {}: {} instead of {expected}, close: {}",
            result.name, result.behavior, result.close_behavior
        )
    })
}

/// Reports of an earlier run would be taken for those of this one.
fn empty_report_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the old reports can be removed");
    }
    fs::create_dir_all(&directory).expect("a directory for the reports can be made");
    directory
}

fn write_spec(directory: &Path, url: &str, selection: &Selection) -> PathBuf {
    let mut spec: Value =
        serde_json::from_str(include_str!("autobahn/spec.json")).expect("the template is JSON");
    spec["outdir"] = json!(directory);
    spec["servers"][0]["url"] = json!(url);
    spec["cases"] = json!(selection.cases);
    spec["exclude-cases"] = json!(selection.excluded);
    let path = directory.join("spec.json");
    fs::write(&path, spec.to_string()).expect("the directory is writable");
    path
}

fn read_results(directory: &Path) -> Vec<CaseResult> {
    let index = fs::read_to_string(directory.join("index.json")).expect("the suite wrote an index");
    let index: Value = serde_json::from_str(&index).expect("the index is JSON");
    let Some(cases) = index["fantail"].as_object() else {
        panic!("no results, the server was not reached: {index}");
    };
    let text = |value: &Value| value.as_str().unwrap_or("missing").to_owned();
    cases
        .iter()
        .map(|(name, case)| CaseResult {
            name: name.clone(),
            behavior: text(&case["behavior"]),
            close_behavior: text(&case["behaviorClose"]),
        })
        .collect()
}
