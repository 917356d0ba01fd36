//! Who may use whom, and where the world comes in: read from the source, so that the map in
//! `docs/architecture.md` stays true.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate, and the other parts that it may use. `cli` and `main` may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("secret", &[]),
    ("logging", &[]),
    ("protocol", &["limits", "secret"]),
    ("relay", &["protocol", "limits", "secret"]),
    ("dialects", &["relay", "protocol", "limits", "secret"]),
    (
        "reactor",
        &["relay", "protocol", "config", "limits", "secret"],
    ),
    (
        "config",
        &[
            "dialects", "relay", "protocol", "limits", "logging", "secret",
        ],
    ),
];

/// What comes from outside of the program, the words that betray it, and the parts that may use
/// it. A simulator can stand in for the world only where the rest of it is kept out.
const WORLD: &[(&str, &[&str], &[&str])] = &[
    (
        "sockets",
        &[
            "mio::",
            "socket2::",
            "TcpListener",
            "TcpStream",
            "UdpSocket",
            "UnixListener",
            "UnixStream",
        ],
        &["reactor", "cli"],
    ),
    (
        "clocks",
        &["Instant", "SystemTime"],
        &["reactor", "cli", "logging"],
    ),
    (
        "files",
        &["std::fs", "File::", "OpenOptions"],
        &["reactor", "cli", "config"],
    ),
    ("threads", &["thread::", "Mutex"], &["cli"]),
    ("random numbers", &["getrandom::"], &["cli"]),
    ("the environment", &["env::"], &["config", "cli", "main"]),
];

/// The source files of a directory and those below it.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the source is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The part that a file below `src` belongs to.
fn part_of(path: &Path) -> String {
    let first = path.iter().next().expect("a path has a first component");
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The lines of code: neither comments nor what is only there for tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("mod tests {"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// What a file of `part` uses and may not.
fn violations(part: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code(text) {
        if let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part) {
            for used in line.split("crate::").skip(1) {
                let end = used.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                let used = &used[..end.unwrap_or(used.len())];
                if used != part && !allowed.contains(&used) {
                    found.push(format!("{part} may not use {used}: {}", line.trim()));
                }
            }
        }
        for (what, words, parts) in WORLD {
            if !parts.contains(&part) && words.iter().any(|word| line.contains(word)) {
                found.push(format!("{part} may not use {what}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn imports_go_one_way_and_the_world_comes_in_where_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).expect("it is below src");
        let part = part_of(relative);
        assert!(
            ["cli", "lib", "main"].contains(&part.as_str())
                || MAY_USE.iter().any(|(name, _)| *name == part),
            "{part} is a new part: say in MAY_USE what it may use"
        );
        // A file of tests only.
        if relative.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        for violation in violations(&part, &text) {
            found.push(format!("src/{}: {violation}", relative.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_may_not_be_used_is_noticed() {
    for (part, line) in [
        ("protocol", "use crate::relay::Relay;"),
        (
            "relay",
            "    let topics = crate::dialects::topics::Topics::new();",
        ),
        ("reactor", "use crate::dialects::echo::Echo;"),
        ("dialects", "use std::net::TcpStream;"),
        ("relay", "let now = std::time::Instant::now();"),
        ("protocol", "use std::fs;"),
        ("reactor", "std::thread::spawn(work);"),
    ] {
        assert_eq!(violations(part, line).len(), 1, "{part}: {line}");
    }
    for (part, line) in [
        ("protocol", "use crate::protocol::peer_fault::PeerFault;"),
        (
            "relay",
            "//! As crate::dialects says, Instant is for the reactor.",
        ),
        ("relay", "mod tests {\nuse crate::dialects::echo::Echo;"),
        ("reactor", "use std::time::Instant;"),
    ] {
        assert_eq!(violations(part, line), [""; 0], "{part}: {line}");
    }
}
