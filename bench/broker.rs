//! The message broker: kept messages a second, each confirmed when it is on the disk, beside SQLite
//! alone and mosquitto; and what live messages feel of a flood of logins and of a locked store.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

#[path = "support/broker/mod.rs"]
mod broker;

use broker::failing_disk::{FULL, NOT_SYNCHRONISED};
use broker::kept::{BYTES, Kept, Senders};
use broker::live::{Live, Times};
use broker::login::Flood;
use broker::mosquitto::{Mosquitto, Saving};
use broker::sqlite_floor::SqliteFloor;
use broker::{Broker, BrokerClient};
use clap::{Parser, ValueEnum};
use std::time::{Duration, Instant};
use support::Outcome;
use support::options::{self, Common};
use support::server::Program;
use support::statistics::summary;
use support::table::{Table, with_range};

/// One program is measured for so long before it is another's turn.
const SLICE: Duration = Duration::from_millis(100);

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Messages that are kept.
    Kept,
    /// Live messages during a flood of logins.
    Logins,
    /// Live messages while the store is locked, or its disk fails.
    Faults,
}

/// Measures the message broker.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// What to measure [default: all].
    #[arg(long, value_delimiter = ',', value_enum)]
    part: Vec<Part>,

    /// Connections of senders, and messages that each has on their way.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1x1,1x64,16x1,16x16,64x16"
    )]
    senders: Vec<String>,

    /// Receivers of live messages.
    #[arg(long, default_value_t = 10)]
    receivers: usize,

    /// Live messages a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,

    /// Bad logins a second.
    #[arg(long, default_value_t = 1000)]
    logins: u32,

    /// Leaves out mosquitto.
    #[arg(long)]
    no_mosquitto: bool,
}

fn main() -> Outcome<()> {
    let options: Options = options::parse();
    let subject = Program::subject(&options.common);
    if !matches!(subject, Program::Relay(_)) {
        return Err("the floor of this bench is SQLite".into());
    }
    let wants = |part: Part| options.part.is_empty() || options.part.contains(&part);
    if wants(Part::Kept) {
        kept(&options, &subject)?;
    }
    if wants(Part::Logins) {
        logins(&options, &subject)?;
    }
    if wants(Part::Faults) {
        faults(&options, &subject)?;
    }
    Ok(())
}

fn parse_senders(text: &str) -> Outcome<(usize, usize)> {
    let (connections, window) = text.split_once('x').ok_or("such as 16x64")?;
    Ok((connections.parse()?, window.parse()?))
}

fn kept(options: &Options, subject: &Program) -> Outcome<()> {
    println!(
        "Messages of {BYTES} bytes that nobody receives: kept and confirmed a second. SQLite does the \
         same in\ntransactions of the size that the broker's had, and is told nothing.\n"
    );
    let name = subject.name();
    let mut table = Table::new(&[
        "connections",
        "each on their way",
        "in a transaction",
        &format!("{name}/s"),
        "SQLite/s",
        &format!("{name} to SQLite"),
        "us of processor",
        "mosquitto/s, in memory",
        &format!("{name} to it"),
        "mosquitto/s, saving",
    ]);
    let extent = options.common.extent();
    for case in &options.senders {
        let (connections, window) = parse_senders(case)?;
        eprintln!("{connections} x {window}");
        let (mut brokers, mut floors, mut memory, mut saving) = (vec![], vec![], vec![], vec![]);
        let mut processor = Vec::new();
        for _ in 0..extent.rounds {
            let mut senders = Senders::start(subject, connections, window)?;
            let mut floor = SqliteFloor::start()?;
            let (mut broker, mut sqlite) = (Kept::default(), Kept::default());
            let before = senders.processor_time()?;
            while broker.time < extent.duration {
                broker.add(senders.measure(SLICE)?);
                sqlite.add(floor.measure(SLICE, broker.batch().round() as usize)?);
            }
            let time = senders.processor_time()?.saturating_sub(before);
            processor.push(time.as_secs_f64() * 1e6 / broker.messages as f64);
            brokers.push(broker);
            floors.push(sqlite);
            drop(senders);
            if !options.no_mosquitto && Mosquitto::is_there() {
                let messages = if options.common.quick { 500 } else { 20_000 };
                let mosquitto = Mosquitto::start(Saving::AtEnd)?;
                memory.push(mosquitto.measure(connections, window, messages)?);
                let mosquitto = Mosquitto::start(Saving::EachChange)?;
                saving.push(mosquitto.measure(connections, window, messages / 10)?);
            }
        }
        let rates = |kept: &[Kept]| format!("{:.0}", summary(kept.iter().map(Kept::rate)).median);
        let ratio = |others: &[Kept]| {
            let pairs = brokers.iter().zip(others);
            match others {
                [] => "-".to_owned(),
                _ => with_range(summary(pairs.map(|(a, b)| a.rate() / b.rate()))),
            }
        };
        table.row(vec![
            connections.to_string(),
            window.to_string(),
            format!("{:.1}", summary(brokers.iter().map(Kept::batch)).median),
            rates(&brokers),
            rates(&floors),
            ratio(&floors),
            format!("{:.1}", summary(processor).median),
            rates(&memory),
            ratio(&memory),
            rates(&saving),
        ]);
    }
    table.print();
    Ok(())
}

/// One row: the same without and with something else, in turn.
fn beside(name: &str, plain: &[Times], disturbed: &[Times]) -> Vec<String> {
    let median = |times: &[Times], percent| {
        let values = times.iter().map(|times| times.percentile(percent));
        format!("{:.0}", summary(values).median)
    };
    let longest = |times: &[Times]| {
        let values = times.iter().map(Times::longest);
        format!("{:.0}", summary(values).median)
    };
    let pairs = plain.iter().zip(disturbed);
    let ratios = pairs.map(|(plain, other)| other.percentile(99) / plain.percentile(99));
    vec![
        name.to_owned(),
        median(plain, 50),
        median(disturbed, 50),
        median(plain, 99),
        median(disturbed, 99),
        with_range(summary(ratios)),
        longest(plain),
        longest(disturbed),
    ]
}

const COLUMNS: [&str; 8] = [
    "meanwhile",
    "p50 us",
    "p50 then",
    "p99 us",
    "p99 then",
    "ratio of p99",
    "longest us",
    "longest then",
];

fn logins(options: &Options, subject: &Program) -> Outcome<()> {
    println!(
        "{} live messages a second to {} receivers, without and with {} bad logins a second.\n",
        options.rate, options.receivers, options.logins
    );
    let extent = options.common.extent();
    let (mut plain, mut flooded) = (Vec::new(), Vec::new());
    let (mut sent, mut time) = (0, Duration::ZERO);
    for _ in 0..extent.rounds {
        let mut live = Live::start(subject, options.receivers, options.rate)?;
        let address = live.broker.server.address();
        let (mut quiet, mut loud) = (Times::default(), Times::default());
        for _ in 0..4 {
            quiet.add(live.measure(extent.duration / 4, || Ok(()))?);
            let mut flood = Flood::new(address, options.logins);
            let start = Instant::now();
            loud.add(live.measure(extent.duration / 4, || flood.step())?);
            time += start.elapsed();
            sent += flood.sent;
            // What the server still verifies belongs to the flood.
            drop(flood);
            std::thread::sleep(Duration::from_secs(2));
        }
        plain.push(quiet);
        flooded.push(loud);
    }
    let mut table = Table::new(&COLUMNS);
    let rate = sent as f64 / time.as_secs_f64();
    table.row(beside(&format!("{rate:.0} logins/s"), &plain, &flooded));
    table.print();
    Ok(())
}

fn faults(options: &Options, subject: &Program) -> Outcome<()> {
    println!(
        "{} live messages a second to {} receivers, without and with a fault of the store, while \
         messages\nare to be kept.\n",
        options.rate, options.receivers
    );
    let mut table = Table::new(&COLUMNS);
    for (name, fault) in [
        ("locked", None),
        ("disk is full", Some(FULL)),
        ("not synchronised", Some(NOT_SYNCHRONISED)),
    ] {
        let extent = options.common.extent();
        let (mut plain, mut faulty) = (Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            let broker = Broker::start_on_failing_disk(subject)?;
            let mut live = Live::with(broker, options.receivers, options.rate)?;
            let mut sender = BrokerClient::open(live.broker.server.address())?;
            let mut next = Instant::now();
            // A hundred a second, as before and after the fault.
            let mut keep = || {
                if Instant::now() >= next {
                    next = Instant::now() + Duration::from_millis(10);
                    let command = r#"{"command":"send-message","channel":"kept","data":["x"]}"#;
                    sender.send(command, 1)?;
                }
                Ok(())
            };
            plain.push(live.measure(extent.duration, &mut keep)?);
            let end = begin_fault(&live.broker, fault)?;
            faulty.push(live.measure(extent.duration, &mut keep)?);
            drop(end);
            if let (Some(disk), Some(fault)) = (&live.broker.disk, fault) {
                disk.check_failed(fault)?;
            }
        }
        table.row(beside(name, &plain, &faulty));
    }
    table.print();
    Ok(())
}

/// Has the disk fail, or another program lock the database, which it does as long as the connection
/// lives.
fn begin_fault(
    broker: &Broker,
    fault: Option<(&str, i32)>,
) -> Outcome<Option<rusqlite::Connection>> {
    if let (Some(disk), Some(fault)) = (&broker.disk, fault) {
        disk.fail(fault)?;
        return Ok(None);
    }
    let other = rusqlite::Connection::open(broker.directory.path().join("fantail.db"))?;
    other.busy_timeout(Duration::from_secs(10))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    Ok(Some(other))
}
