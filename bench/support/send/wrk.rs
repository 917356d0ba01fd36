//! The same requests by wrk, a load generator of other people.

use super::TEXT;
use super::sending::Throughput;
use super::side::{Side, authorization};
use crate::support::Outcome;
use std::fs;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `GET` without a body.
    Get,
    /// `POST` of the text.
    Post,
}

/// Lets wrk send as much as it can on so many connections, for some whole seconds. None if there is
/// no wrk.
///
/// # Errors
/// If the server or wrk fails, or an answer has another status than 200.
pub(crate) fn measure(
    side: &Side,
    target: &str,
    kind: Kind,
    connections: usize,
    seconds: u64,
) -> Outcome<Option<Throughput>> {
    let running = side.start()?;
    let directory = tempfile::tempdir()?;
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")]);
    command.args(["-H", &authorization()]);
    if kind == Kind::Post {
        let script = directory.path().join("post.lua");
        let text = String::from_utf8_lossy(&TEXT);
        fs::write(
            &script,
            format!("wrk.method = \"POST\"\nwrk.body = \"{text}\"\n"),
        )?;
        command.arg("-s").arg(script);
    }
    command.arg(format!("http://{}{target}", running.server.address()));
    let before = running.server.processor_time()?;
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let processor_time = running.server.processor_time()? - before;
    let report = String::from_utf8_lossy(&output.stdout);
    let (requests, rate) = read(&report).ok_or_else(|| format!("wrk says: {report}"))?;
    Ok(Some(Throughput {
        requests,
        deliveries: 0,
        processor_time,
        time: Duration::from_secs_f64(requests as f64 / rate),
    }))
}

/// Requests, and requests a second; none if some have failed.
fn read(report: &str) -> Option<(u64, f64)> {
    if report.contains("Non-2xx") || report.contains("Socket errors") {
        return None;
    }
    let requests = report.split_once(" requests in ")?.0;
    let requests = requests.split_whitespace().last()?.parse().ok()?;
    let rate = report.split_once("Requests/sec:")?.1;
    let rate: f64 = rate.split_whitespace().next()?.parse().ok()?;
    (rate > 0.0).then_some((requests, rate))
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_wrk_is_read() {
        let report = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  \
            102042 requests in 1.00s, 15.28MB read\nRequests/sec: 101993.05\nTransfer/sec: 15MB\n";
        assert_eq!(read(report), Some((102_042, 101_993.05)));
        let refused = report.replace("Requests/sec", "Non-2xx or 3xx responses: 3\nRequests/sec");
        assert_eq!(read(&refused), None);
        assert_eq!(read("unable to connect"), None);
    }
}
