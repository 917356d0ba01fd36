//! dSock's `/send`: processor time of the server for each request and each delivery, and requests a
//! second, beside nginx with an answer that is always the same.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::Parser;
use support::Outcome;
use support::options::{self, Common};
use support::rounds::interleave;
use support::send::sending::{Load, Sending, Throughput};
use support::send::side::{SEND, Side};
use support::send::wrk::{self, Kind};
use support::server::Program;
use support::statistics::{Summary, summary};
use support::table::{Table, with_range};

/// Connections of wrk.
const WRK_CONNECTIONS: usize = 64;

/// Measures requests to send a text of 64 bytes.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// How requests are sent [default: all three].
    #[arg(long, value_delimiter = ',', value_enum)]
    load: Vec<Load>,

    /// Members of the channel that is sent to.
    #[arg(long, value_delimiter = ',', default_value = "0,1,100")]
    receivers: Vec<usize>,

    /// Leaves out the table of wrk.
    #[arg(long)]
    no_wrk: bool,
}

fn main() -> Outcome<()> {
    let options: Options = options::parse();
    let subject = Program::subject(&options.common);
    if subject == Program::Floor {
        return Err("the floor of this bench is nginx".into());
    }
    compare(&options, &subject)?;
    if options.no_wrk {
        return Ok(());
    }
    by_wrk(&options.common, &subject)
}

fn compare(options: &Options, subject: &Program) -> Outcome<()> {
    println!(
        "POST /send of 64 bytes: processor time of the server for each request with its deliveries, \
         and for\neach delivery beyond the request; nginx answers without sending to anybody.\n"
    );
    let name = subject.name();
    let mut table = Table::new(&[
        "requests on",
        "receivers",
        "nginx us",
        &format!("{name} us"),
        "ratio",
        "us a delivery",
        "nginx requests/s",
        &format!("{name} requests/s"),
        "ratio",
    ]);
    let loads = match options.load.as_slice() {
        [] => &Load::ALL,
        chosen => chosen,
    };
    for &load in loads {
        eprintln!("{}", load.name());
        let relays = options.receivers.iter().copied();
        let relays = relays.map(|receivers| Side::Relay(subject.clone(), receivers));
        let sides: Vec<Side> = [Side::Nginx].into_iter().chain(relays).collect();
        let measured = interleave(options.common.extent(), &sides, |side| {
            Sending::start(side, load)
        })?;
        let Some((nginx, relays)) = measured.split_first() else {
            return Err("there is at least nginx".into());
        };
        let quiet = options.receivers.iter().zip(relays);
        let quiet = quiet.clone().find(|(receivers, _)| **receivers == 0);
        for (&receivers, found) in options.receivers.iter().zip(relays) {
            let deliveries = match quiet {
                Some((_, quiet)) if receivers > 0 => for_a_delivery(found, quiet, receivers),
                _ => "-".into(),
            };
            let mut row = vec![load.name().into(), receivers.to_string()];
            row.extend(beside(nginx, found, Throughput::microseconds, 2));
            row.push(deliveries);
            row.extend(beside(nginx, found, Throughput::rate, 0));
            table.row(row);
        }
    }
    table.print();
    Ok(())
}

/// Both medians, and the ratio of the second to the first.
fn beside(
    first: &[Throughput],
    second: &[Throughput],
    value: impl Fn(&Throughput) -> f64,
    decimals: usize,
) -> [String; 3] {
    let median = |found: &[Throughput]| {
        let Summary { median, .. } = summary(found.iter().map(&value));
        format!("{median:.decimals$}")
    };
    let pairs = first.iter().zip(second);
    let ratio = summary(pairs.map(|(first, second)| value(second) / value(first)));
    [median(first), median(second), with_range(ratio)]
}

/// What a delivery costs beyond a request that nobody receives.
fn for_a_delivery(found: &[Throughput], quiet: &[Throughput], receivers: usize) -> String {
    let pairs = found.iter().zip(quiet);
    let costs = pairs
        .map(|(found, quiet)| (found.microseconds() - quiet.microseconds()) / receivers as f64);
    format!("{:.3}", summary(costs).median)
}

fn by_wrk(common: &Common, subject: &Program) -> Outcome<()> {
    println!("The same by wrk with {WRK_CONNECTIONS} connections, without receivers.\n");
    let name = subject.name();
    let relay = Side::Relay(subject.clone(), 0);
    let cases = [
        ("nginx, POST", &Side::Nginx, SEND, Kind::Post),
        (&format!("{name}, POST /send"), &relay, SEND, Kind::Post),
        ("nginx, GET", &Side::Nginx, "/ping", Kind::Get),
        (&format!("{name}, GET /ping"), &relay, "/ping", Kind::Get),
    ];
    let mut measured: Vec<Vec<Throughput>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..common.extent().rounds {
        for ((_, side, target, kind), found) in cases.iter().zip(&mut measured) {
            match wrk::measure(side, target, *kind, WRK_CONNECTIONS, 1)? {
                Some(throughput) => found.push(throughput),
                None => {
                    println!("There is no wrk here.");
                    return Ok(());
                }
            }
        }
    }
    let mut table = Table::new(&[
        "requests",
        "us a request",
        "requests/s",
        "ratio of requests/s",
    ]);
    for (pair, found) in cases.chunks(2).zip(measured.chunks(2)) {
        let ([(nginx_name, ..), (relay_name, ..)], [nginx, relay]) = (pair, found) else {
            return Err("cases come in pairs".into());
        };
        let [nginx_us, relay_us, _] = beside(nginx, relay, Throughput::microseconds, 2);
        let [nginx_rate, relay_rate, ratio] = beside(nginx, relay, Throughput::rate, 0);
        table.row(vec![
            nginx_name.to_string(),
            nginx_us,
            nginx_rate,
            "1".into(),
        ]);
        table.row(vec![relay_name.to_string(), relay_us, relay_rate, ratio]);
    }
    table.print();
    Ok(())
}
