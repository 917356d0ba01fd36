//! Authorities who all join one channel, and each of whom then sends to all.

use super::answer::Tally;
use super::crowd::Crowd;
use super::request::Role;
use crate::support::Outcome;
use crate::support::cost::{self, Cost};
use crate::support::server::Program;
use crate::support::statistics::summary;
use crate::support::table::{Table, with_range};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What a storm took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storm {
    /// What was sent for the joins.
    pub(crate) told: Tally,
    /// Joins; their units are frames.
    joins: Cost,
    /// Broadcasts; their units are deliveries.
    pub(crate) broadcasts: Cost,
    /// Descriptors of the server at the end.
    descriptors: usize,
}

/// Lets `joiners` join, up to `window` at the same time, and send as many at the same time.
///
/// # Errors
/// If the server cannot be started, or somebody is told too little or too much.
pub(crate) fn measure(program: &Program, joiners: usize, window: usize) -> Outcome<Storm> {
    let server = program.start()?;
    let mut crowd = Crowd::new(server.address())?;
    let all = crowd.connect(joiners, Role::Authority)?;
    let at_start = server.processor_time()?;
    crowd.join(all.clone(), window)?;
    let joined = server.processor_time()?;
    let told = crowd.tally();
    crowd.broadcast(all, window)?;
    let end = server.processor_time()?;
    Ok(Storm {
        told,
        joins: Cost {
            units: told.frames,
            processor_time: joined - at_start,
        },
        broadcasts: Cost {
            units: (crowd.tally() - told).messages,
            processor_time: end - joined,
        },
        descriptors: server.open_descriptors()?,
    })
}

/// Measures storms of these sizes, in turn in each round, and prints what they took: when one
/// follows the other, and when all come at once.
///
/// # Errors
/// Those of a storm.
pub(crate) fn report(program: &Program, rounds: usize, sizes: &[usize]) -> Outcome<()> {
    println!(
        "Authorities join one channel, and each then sends to all: processor time of the server \
         in all,\nfor each frame and byte that it must send for the joins, and for each delivery \
         of the messages.\n"
    );
    let mut table = Table::new(&[
        "joins",
        "joiners",
        "descriptors",
        "ms",
        "frames",
        "MiB",
        "us/frame",
        "ns/byte",
        "us/frame to the first",
        "us/delivery",
    ]);
    for at_once in [false, true] {
        let mut storms: Vec<Vec<Storm>> = sizes.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for (&size, storms) in sizes.iter().zip(&mut storms) {
                eprintln!("round {round}: {size} joiners, at once: {at_once}");
                let window = if at_once { size } else { 1 };
                storms.push(measure(program, size, window)?);
            }
        }
        let first = storms.first().cloned().unwrap_or_default();
        for (&size, storms) in sizes.iter().zip(&storms) {
            table.row(row(at_once, size, storms, &first));
        }
    }
    table.print();
    Ok(())
}

fn row(at_once: bool, size: usize, storms: &[Storm], first: &[Storm]) -> Vec<String> {
    let median = |value: &dyn Fn(&Storm) -> f64| summary(storms.iter().map(value)).median;
    let nanoseconds = |storm: &Storm| storm.joins.processor_time.as_secs_f64() * 1e9;
    let pairs = storms.iter().zip(first);
    let growth = summary(pairs.map(|(a, b)| a.joins.microseconds() / b.joins.microseconds()));
    let broadcasts: Vec<Cost> = storms.iter().map(|storm| storm.broadcasts).collect();
    let joins: Vec<Cost> = storms.iter().map(|storm| storm.joins).collect();
    vec![
        if at_once { "at once" } else { "one at a time" }.into(),
        size.to_string(),
        format!("{:.0}", median(&|storm| storm.descriptors as f64)),
        format!("{:.0}", median(&|storm| nanoseconds(storm) / 1e6)),
        format!("{:.0}", median(&|storm| storm.told.frames as f64)),
        format!("{:.1}", median(&|storm| storm.told.bytes as f64 / MEBIBYTE)),
        cost::median(&joins),
        format!(
            "{:.2}",
            median(&|storm| nanoseconds(storm) / storm.told.bytes as f64)
        ),
        with_range(growth),
        cost::median(&broadcasts),
    ]
}
