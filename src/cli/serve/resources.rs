//! What the machine has to give: descriptors and memory.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Service;
use crate::limits::{Limits, RESERVED_DESCRIPTORS, SPARE_DESCRIPTORS};

/// What an idle WebSocket costs at most, in bytes (see docs/performance.md).
const BYTES_PER_CONNECTION: usize = 350;

/// The same for a WebSocket of dSock's with a session and two channels.
const BYTES_PER_DSOCK_CONNECTION: usize = 1_250;

/// The part of the machine's memory that all buffers may take.
const MEMORY_PART: usize = 4;

/// What is taken for the memory of a machine that does not tell.
const UNKNOWN_MEMORY: usize = 512 * 1024 * 1024;

/// Fills in the limits that are 0, which stands for what the machine has.
pub(super) fn fill_in(limits: &mut Limits) {
    let descriptors = raise_descriptor_limit();
    let available = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS + SPARE_DESCRIPTORS)
        .max(1);
    if limits.connections == 0 {
        limits.connections = available;
    } else if limits.connections > available {
        log::warn!(
            "limits.connections is {}, but the descriptor limit allows for {available} beside \
             the {} that are kept back",
            limits.connections,
            RESERVED_DESCRIPTORS + SPARE_DESCRIPTORS
        );
    }
    if limits.memory == 0 {
        limits.memory = machine_memory() / MEMORY_PART;
    }
}

/// A line that says what the server may come to need for what it serves.
pub(super) fn describe(limits: &Limits, serves: impl Fn(Service) -> bool) -> String {
    const MIB: usize = 1024 * 1024;
    let each = if serves(Service::Dsock) {
        BYTES_PER_DSOCK_CONNECTION
    } else {
        BYTES_PER_CONNECTION
    };
    let mut line = format!("at most {} connections x {each} B", limits.connections);
    let mut sum = limits.connections.saturating_mul(each);
    for (counts, bytes, what) in [
        (true, limits.memory, "buffers"),
        (
            serves(Service::Dsock),
            limits.dsock_claims_memory,
            "claims of dSock",
        ),
        (serves(Service::Drc), limits.drc_memory, "grants of DRC"),
    ] {
        if counts {
            // Writing to a string cannot fail.
            let _ = write!(line, " + {} MiB of {what}", bytes / MIB);
            sum = sum.saturating_add(bytes);
        }
    }
    let _ = write!(line, " = {} MiB", sum / MIB);
    line
}

/// Raises the soft descriptor limit to the hard one; the limit in force.
#[allow(unsafe_code, reason = "std has no rlimits")]
fn raise_descriptor_limit() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes to the struct that it is given a pointer to, which lives.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 1024;
    }
    let wanted = libc::rlimit {
        rlim_cur: limit.rlim_max,
        ..limit
    };
    // SAFETY: setrlimit reads from the struct that it is given a pointer to, which lives.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) } == 0 {
        limit = wanted;
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// The memory of the control group or the machine, whichever is less, in bytes.
fn machine_memory() -> usize {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| mem_total(&text));
    let group = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|text| control_group_limit(Path::new("/sys/fs/cgroup"), &text));
    [machine, group]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(UNKNOWN_MEMORY)
}

fn mem_total(meminfo: &str) -> Option<usize> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The least `memory.max` of the process's control group and those above it (version 2).
fn control_group_limit(root: &Path, membership: &str) -> Option<usize> {
    let group = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))?;
    let mut path: PathBuf = root.join(group);
    let mut least = None;
    while path.starts_with(root) {
        let limit = fs::read_to_string(path.join("memory.max"))
            .ok()
            .and_then(|text| text.trim().parse::<usize>().ok());
        least = [least, limit].into_iter().flatten().min();
        if !path.pop() {
            break;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_counted_and_nothing_else() {
        const MIB: usize = 1024 * 1024;
        let limits = Limits {
            connections: 10_000,
            memory: 100 * MIB,
            ..Limits::default()
        };
        for (served, expected) in [
            (
                &[Service::Topics][..],
                "at most 10000 connections x 350 B + 100 MiB of buffers = 103 MiB",
            ),
            (
                &[Service::Topics, Service::Dsock, Service::Drc],
                "at most 10000 connections x 1250 B + 100 MiB of buffers + 256 MiB of claims of \
                 dSock + 64 MiB of grants of DRC = 431 MiB",
            ),
        ] {
            let line = describe(&limits, |service| served.contains(&service));
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn the_machine_says_how_much_memory_it_has() {
        let text = "MemTotal:       24534816 kB\nMemFree:        1 kB\n";
        assert_eq!(mem_total(text), Some(24_534_816 * 1024));
        assert_eq!(mem_total("nothing"), None);
    }

    #[test]
    fn the_least_limit_of_the_control_groups_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("system.slice/fantail.service");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        fs::write(root.path().join("system.slice/memory.max"), "1000\n").unwrap();
        let limit = control_group_limit(root.path(), "0::/system.slice/fantail.service\n");
        assert_eq!(limit, Some(1000));
        assert_eq!(control_group_limit(root.path(), "1:name=x:/\n"), None);
    }
}
