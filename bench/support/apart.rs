//! A session in a process of its own: where the clients of two programs would need more
//! descriptors than one process may have.
//!
//! The parent writes the nanoseconds of each slice on a line; the child measures and answers with
//! units and nanoseconds on a line. When the child's input ends, so does the child.

use super::Outcome;
use super::cost::Cost;
use super::rounds::Session;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What the child says once it can measure.
const READY: &str = "ready";

/// A session in another process. When this is dropped it ends.
pub(crate) struct Apart {
    child: Child,
    /// None once the child has been told to end.
    slices: Option<ChildStdin>,
    findings: BufReader<ChildStdout>,
}

impl Apart {
    /// Starts this bench anew with `arguments`, and waits until it can measure.
    ///
    /// # Errors
    /// If it cannot be started, or ends before.
    pub(crate) fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let slices = child.stdin.take();
        let findings = child.stdout.take().ok_or("a child has no output")?;
        let mut apart = Self {
            child,
            slices,
            findings: BufReader::new(findings),
        };
        match apart.line()?.as_str() {
            READY => Ok(apart),
            line => Err(format!("a session began with {line:?}").into()),
        }
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.findings.read_line(&mut line)? {
            0 => Err("its session has ended; why is above".into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn end(&mut self) -> Outcome<()> {
        self.slices = None;
        match self.child.wait()? {
            status if status.success() => Ok(()),
            status => Err(format!("its session has ended with {status}").into()),
        }
    }
}

impl Session for Apart {
    type Finding = Cost;

    fn measure(&mut self, slice: Duration) -> Outcome<Cost> {
        let slices = self.slices.as_mut().ok_or("the session has ended")?;
        writeln!(slices, "{}", slice.as_nanos())?;
        let line = self.line()?;
        let (units, nanoseconds) = line.split_once(' ').ok_or("a session says nonsense")?;
        Ok(Cost {
            units: units.parse()?,
            processor_time: Duration::from_nanos(nanoseconds.parse()?),
        })
    }

    fn finish(mut self) -> Outcome<()> {
        self.end()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Whatever went wrong, the child says it itself.
        let _ = self.end();
    }
}

/// The child's part: measures whenever it is told to, until its input ends.
///
/// # Errors
/// Those of the session.
#[allow(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn serve(mut session: impl Session<Finding = Cost>) -> Outcome<()> {
    println!("{READY}");
    for slice in std::io::stdin().lock().lines() {
        let cost = session.measure(Duration::from_nanos(slice?.parse()?))?;
        println!("{} {}", cost.units, cost.processor_time.as_nanos());
    }
    session.finish()
}
