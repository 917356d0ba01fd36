//! Who may use whom, and where the world comes in: read from the source, so that the map in
//! `docs/architecture.md` stays true.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate, and what of the other parts it may use; a star is one name. `cli` and
/// `main` may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("secret", &[]),
    ("logging", &[]),
    ("protocol", &["limits", "secret"]),
    ("relay", &["protocol", "limits", "secret"]),
    ("dialects", &["relay", "protocol", "limits", "secret"]),
    ("passwords", &["relay::task", "secret"]),
    ("store", &["relay::task", "limits", "secret"]),
    (
        "reactor",
        &["relay", "protocol", "config", "limits", "secret"],
    ),
    (
        "config",
        &[
            "dialects::*::settings",
            "protocol::origin",
            "relay::output_policy",
            "limits",
            "logging",
            "secret",
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
        &["reactor", "cli", "logging", "store"],
    ),
    (
        "files",
        &["std::fs", "File::", "OpenOptions"],
        &["reactor", "cli", "config", "passwords", "store"],
    ),
    ("threads", &["thread::", "Mutex"], &["reactor", "cli"]),
    ("databases", &["rusqlite::", "use mysql::"], &["store"]),
    (
        "unsafe code",
        &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"],
        &["reactor", "cli"],
    ),
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

/// Where a file below `src` belongs: its part, or the dialect that it is of.
fn module_of(path: &Path) -> String {
    let mut names = path
        .iter()
        .map(|name| name.to_string_lossy().trim_end_matches(".rs").to_owned());
    let part = names.next().expect("a path has a first component");
    match names.next() {
        Some(dialect) if part == "dialects" && dialect != "mod" => format!("{part}::{dialect}"),
        _ => part,
    }
}

/// True if `path` is `pattern` or within it.
fn is_within(path: &str, pattern: &str) -> bool {
    let mut names = path.split("::");
    pattern.split("::").all(|wanted| {
        names
            .next()
            .is_some_and(|name| wanted == "*" || wanted == name)
    })
}

/// The lines of code: neither comments nor what is only there for tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("mod tests {"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// What a file of `module` uses and may not.
fn violations(module: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let part = module.split("::").next().unwrap_or(module);
    for line in code(text) {
        if let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part) {
            for used in line.split("crate::").skip(1) {
                let end = used.find(|c: char| !c.is_ascii_lowercase() && c != '_' && c != ':');
                let used = used[..end.unwrap_or(used.len())].trim_end_matches(':');
                if !is_within(used, module) && !allowed.iter().any(|path| is_within(used, path)) {
                    found.push(format!("{module} may not use {used}: {}", line.trim()));
                }
            }
            // Upwards by more than a level it would leave its part unseen.
            if line.contains("super::super::") {
                found.push(format!("{module} may not climb: {}", line.trim()));
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
        let module = module_of(relative);
        assert!(
            ["cli", "lib", "main"].contains(&module.as_str())
                || MAY_USE.iter().any(|(name, _)| is_within(&module, name)),
            "{module} is a new part: say in MAY_USE what it may use"
        );
        // A file of tests only.
        if relative.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        for violation in violations(&module, &text) {
            found.push(format!("src/{}: {violation}", relative.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_may_not_be_used_is_noticed() {
    for (module, line) in [
        ("protocol", "use crate::relay::Relay;"),
        ("dialects::echo", "use crate::dialects::topics::Topics;"),
        ("dialects::echo", "use crate::dialects::{echo, topics};"),
        ("config", "use crate::dialects::topics::Topics;"),
        ("config", "use crate::relay::Relay;"),
        ("relay", "use super::super::reactor::Reactor;"),
        ("relay", "    unsafe { libc::abort() }"),
        (
            "relay",
            "    let topics = crate::dialects::topics::Topics::new();",
        ),
        ("reactor", "use crate::dialects::echo::Echo;"),
        ("dialects::topics", "use std::net::TcpStream;"),
        ("relay", "let now = std::time::Instant::now();"),
        ("protocol", "use std::fs;"),
        ("relay", "std::thread::spawn(work);"),
        ("store", "use crate::relay::Relay;"),
        (
            "store",
            "use crate::dialects::message_broker::MessageBroker;",
        ),
        ("reactor", "use crate::store::sqlite::SqliteStore;"),
        ("dialects::message_broker", "use rusqlite::Connection;"),
        ("reactor", "use mysql::Conn;"),
    ] {
        assert_eq!(violations(module, line).len(), 1, "{module}: {line}");
    }
    for (module, line) in [
        ("protocol", "use crate::protocol::peer_fault::PeerFault;"),
        (
            "dialects::topics",
            "use crate::dialects::topics::place::{Direction, Place};",
        ),
        ("config", "use crate::dialects::topics::settings::Settings;"),
        (
            "relay",
            "//! As crate::dialects says, Instant is for the reactor.",
        ),
        ("relay", "mod tests {\nuse crate::dialects::echo::Echo;"),
        ("reactor", "use std::time::Instant;"),
        ("store", "use crate::relay::task::Task;"),
    ] {
        assert_eq!(violations(module, line), [""; 0], "{module}: {line}");
    }
}
