//! The time that a message takes to each receiver at a fixed moderate rate, beside that
//! through the floor.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::Parser;
use std::ops::AddAssign;
use std::time::{Duration, Instant};
use support::audience::Audience;
use support::options::{self, Common};
use support::publisher::Publisher;
use support::rounds::{Session, interleave};
use support::server::{Program, Server};
use support::statistics::{percentile, summary};
use support::table::{Table, against_target, with_range};
use support::{Outcome, floor};

/// How much of the floor's 99th percentile a server may take.
const TARGET: f64 = 1.2;

const PAYLOAD: u16 = 64;

/// A message that takes longer is lost.
const LOST: Duration = Duration::from_secs(5);

/// Measures how long a message takes from the publisher's send to each receiver's read.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// Receivers and messages a second.
    #[arg(long, value_delimiter = ',', default_value = "50x1000,500x100", value_parser = load)]
    load: Vec<Load>,
}

#[derive(Debug, Clone, Copy)]
struct Load {
    receivers: usize,
    /// Messages a second.
    rate: u32,
}

fn load(text: &str) -> Result<Load, String> {
    let parts = text.split_once('x');
    let numbers = parts.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match numbers {
        Some((receivers, rate)) if receivers > 0 && rate > 0 => Ok(Load { receivers, rate }),
        _ => Err("is not RECEIVERSxRATE, as in 50x1000".into()),
    }
}

/// Delivery times in nanoseconds.
#[derive(Default)]
struct Times(Vec<u32>);

impl AddAssign for Times {
    fn add_assign(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.0
            .push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
    }

    /// The time in microseconds that `percent` percent of the deliveries take at most.
    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        f64::from(percentile(&sorted, percent)) / 1000.0
    }
}

/// A server, its clients, and when each message was sent.
struct Deliveries {
    /// Held, so that it runs.
    _server: Server,
    publisher: Publisher,
    audience: Audience,
    period: Duration,
    sent_at: Vec<Instant>,
}

impl Deliveries {
    fn start(program: &Program, load: Load) -> Outcome<Self> {
        let server = program.start()?;
        let mut deliveries = Self {
            audience: Audience::connect(server.address(), load.receivers, PAYLOAD)?,
            publisher: Publisher::connect(server.address(), PAYLOAD)?,
            _server: server,
            period: Duration::from_secs(1) / load.rate,
            sent_at: Vec::new(),
        };
        deliveries.measure(deliveries.period * 3)?;
        Ok(deliveries)
    }

    /// Reads without sleeping, so that waking this process up is no part of what is measured.
    fn receive(&mut self, times: &mut Times) -> Outcome<()> {
        let sent_at = &self.sent_at;
        self.audience.receive(Duration::ZERO, |number| {
            if let Some(sent_at) = sent_at.get(number as usize) {
                times.add(sent_at.elapsed());
            }
        })?;
        Ok(())
    }
}

impl Session for Deliveries {
    type Finding = Times;

    fn measure(&mut self, slice: Duration) -> Outcome<Times> {
        let mut times = Times::default();
        let start = Instant::now();
        let mut due = Duration::ZERO;
        let mut awaited = 0;
        while due < slice || times.0.len() < awaited {
            if due < slice && start.elapsed() >= due {
                self.sent_at.push(Instant::now());
                self.publisher.send(1)?;
                awaited += self.audience.len();
                due += self.period;
            }
            self.receive(&mut times)?;
            if start.elapsed() > slice + LOST {
                let lacking = awaited - times.0.len();
                return Err(format!("{lacking} deliveries have not come in {LOST:?}").into());
            }
        }
        Ok(times)
    }
}

fn main() -> Outcome<()> {
    floor::run_if_asked()?;
    let options: Options = options::parse();
    let subject = Program::subject(&options.common);

    println!("Time from send to receipt in microseconds; medians (smallest to largest).\n");
    let (p50, p99) = (
        format!("{} p50", subject.name()),
        format!("{} p99", subject.name()),
    );
    let mut table = Table::new(&[
        "receivers",
        "messages/s",
        "floor p50",
        "floor p99",
        &p50,
        &p99,
        "ratio of p50",
        "ratio of p99",
        "target",
    ]);
    for load in &options.load {
        table.row(measure(&options.common, *load, &subject)?);
    }
    table.print();
    Ok(())
}

fn measure(options: &Common, load: Load, subject: &Program) -> Outcome<Vec<String>> {
    let programs = [Program::Floor, subject.clone()];
    let measured = interleave(options.extent(), &programs, |program| {
        Deliveries::start(program, load)
    })?;
    let [floor, subject] = measured.as_slice() else {
        return Err("there are two programs".into());
    };
    let median = |times: &[Times], percent| {
        let values = times.iter().map(|times| times.percentile(percent));
        format!("{:.1}", summary(values).median)
    };
    let ratio = |percent| {
        let pairs = floor.iter().zip(subject);
        summary(pairs.map(|(a, b)| b.percentile(percent) / a.percentile(percent)))
    };
    Ok(vec![
        load.receivers.to_string(),
        load.rate.to_string(),
        median(floor, 50),
        median(floor, 99),
        median(subject, 50),
        median(subject, 99),
        with_range(ratio(50)),
        with_range(ratio(99)),
        against_target(ratio(99).median, TARGET),
    ])
}
