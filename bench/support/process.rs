//! What the kernel says about a process: its processor time, memory and descriptors.

use super::Outcome;
use std::fs;
use std::time::Duration;

/// Processor time that all threads of a process have used, user and system, in nanoseconds as
/// the scheduler counts them. The 10 ms ticks of `/proc/PID/stat` would be too coarse.
///
/// # Errors
/// If the process has ended, or the kernel keeps no such count.
pub(crate) fn processor_time(pid: u32) -> Outcome<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text
            .split_whitespace()
            .next()
            .ok_or("the kernel keeps no /proc/PID/schedstat")?
            .parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

/// Resident memory of a process in bytes: counted page by page, since the figure in
/// `/proc/PID/status` lags behind by up to some hundred pages.
///
/// # Errors
/// If the process has ended, or the kernel keeps no such count.
pub(crate) fn resident_bytes(pid: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("there is no Rss in /proc/PID/smaps_rollup")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Descriptors that a process has open.
///
/// # Errors
/// If the process has ended.
pub(crate) fn open_descriptors(pid: u32) -> Outcome<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
