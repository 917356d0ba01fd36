//! Processor time of the server for each handshake, beside that of the floor.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::Parser;
use std::io::Write;
use std::time::{Duration, Instant};
use support::cost::Cost;
use support::options::{self, Common};
use support::rounds::{Session, interleave};
use support::server::{Program, Server};
use support::statistics::summary;
use support::table::{Table, against_target, with_range};
use support::{Outcome, client, floor};

/// How much of the floor's time a server may take.
const TARGET: f64 = 1.3;

/// Measures how much of the processor a handshake costs, with all before and after it: accept,
/// read, answer, close.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// Clients that connect at the same time.
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    concurrency: Vec<usize>,
}

/// A server, and clients that come and go.
struct Handshakes {
    server: Server,
    request: String,
    concurrency: usize,
}

impl Handshakes {
    fn start(program: &Program, concurrency: usize) -> Outcome<Self> {
        let server = program.start()?;
        let request = client::request(server.address(), client::RECEIVER_PATH);
        let handshakes = Self {
            server,
            request,
            concurrency,
        };
        handshakes.together()?;
        Ok(handshakes)
    }

    /// Some clients connect, then all ask, then all read the answer, then all go.
    fn together(&self) -> Outcome<()> {
        let mut clients = Vec::with_capacity(self.concurrency);
        for _ in 0..self.concurrency {
            clients.push(client::connect(self.server.address(), None)?);
        }
        for stream in &mut clients {
            stream.write_all(self.request.as_bytes())?;
        }
        for stream in &mut clients {
            client::read_answer(stream)?;
        }
        Ok(())
    }
}

impl Session for Handshakes {
    type Finding = Cost;

    fn measure(&mut self, slice: Duration) -> Outcome<Cost> {
        let time = self.server.processor_time()?;
        let start = Instant::now();
        let mut units = 0;
        while start.elapsed() < slice {
            self.together()?;
            units += self.concurrency as u64;
        }
        Ok(Cost {
            units,
            processor_time: self.server.processor_time()? - time,
        })
    }
}

fn main() -> Outcome<()> {
    floor::run_if_asked()?;
    let options: Options = options::parse();
    let subject = Program::subject(&options.common);

    println!("Processor time of the server for each handshake; medians (smallest to largest).\n");
    let name = format!("{} us", subject.name());
    let mut table = Table::new(&["at the same time", "floor us", &name, "ratio", "target"]);
    for concurrency in options.concurrency {
        let programs = [Program::Floor, subject.clone()];
        let measured = interleave(options.common.extent(), &programs, |program| {
            Handshakes::start(program, concurrency)
        })?;
        let [floor, subject] = measured.as_slice() else {
            return Err("there are two programs".into());
        };
        let pairs = floor.iter().zip(subject);
        let ratio =
            summary(pairs.map(|(floor, subject)| subject.microseconds() / floor.microseconds()));
        table.row(vec![
            concurrency.to_string(),
            microseconds(floor),
            microseconds(subject),
            with_range(ratio),
            against_target(ratio.median, TARGET),
        ]);
    }
    table.print();
    Ok(())
}

fn microseconds(costs: &[Cost]) -> String {
    format!(
        "{:.2}",
        summary(costs.iter().map(Cost::microseconds)).median
    )
}
