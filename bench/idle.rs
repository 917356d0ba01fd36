//! Memory of the server for each idle connection, beside that of the floor; its size on disk and
//! at start, and the processor time that it uses with nothing to do.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::Parser;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::thread;
use std::time::Duration;
use support::options::{self, Common};
use support::server::Program;
use support::table::{Table, against_target};
use support::{Outcome, client, descriptors, floor};

/// Resident bytes that an idle connection may take.
const BYTES_PER_CONNECTION: f64 = 350.0;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Resident mebibytes at start, and of the program's file.
const MEBIBYTES: f64 = 4.0;

/// Connections from one source address.
const PER_SOURCE: usize = 10_000;

/// The first of the ports that they come from: all below those that the kernel gives out.
const FIRST_PORT: u16 = 20_000;

/// Lets a server finish what the connecting has left to do.
const SETTLE: Duration = Duration::from_secs(1);

/// Measures the memory of connections that do nothing.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// Numbers of connections.
    #[arg(long, value_delimiter = ',', default_value = "10000,50000")]
    connections: Vec<usize>,

    /// Seconds for which the idle server is watched.
    #[arg(long, default_value_t = 5.0)]
    watch: f64,
}

/// What one program takes.
struct Finding {
    bytes_at_start: u64,
    bytes: u64,
    connections: usize,
    /// Of one core, in percent.
    processor_percent: f64,
}

impl Finding {
    fn bytes_per_connection(&self) -> f64 {
        let more = self.bytes.saturating_sub(self.bytes_at_start);
        more as f64 / self.connections.max(1) as f64
    }
}

fn main() -> Outcome<()> {
    floor::run_if_asked()?;
    let options: Options = options::parse();
    let subject = Program::subject(&options.common);

    println!("Resident memory and processor time with idle WebSocket connections.\n");
    let mut table = Table::new(&[
        "program",
        "connections",
        "MiB at start",
        "target",
        "MiB",
        "bytes/connection",
        "target",
        "processor %",
    ]);
    let watch = if options.common.quick {
        0.1
    } else {
        options.watch
    };
    let watch = Duration::from_secs_f64(watch.clamp(0.1, 60.0));
    for connections in possible(&options)? {
        for program in [&Program::Floor, &subject] {
            eprintln!("{connections} connections, {}", program.name());
            let finding = measure(program, connections, watch)
                .map_err(|error| format!("{}: {error}", program.name()))?;
            table.row(row(program, &finding));
        }
    }
    table.print();
    print_size(&subject)
}

/// The numbers of connections asked for, as far as this process may open so many.
fn possible(options: &Options) -> Outcome<Vec<usize>> {
    if options.common.quick {
        return Ok(vec![descriptors::make_room_for(500)?]);
    }
    let mut possible = Vec::new();
    for &wanted in &options.connections {
        let room = descriptors::make_room_for(wanted)?;
        if room < wanted {
            eprintln!(
                "{wanted} connections need a limit of open descriptors (ulimit -Hn) that this \
                 process may not set; {room} are measured in their place"
            );
        }
        possible.push(room);
    }
    possible.dedup();
    Ok(possible)
}

fn measure(program: &Program, connections: usize, watch: Duration) -> Outcome<Finding> {
    let server = program.start()?;
    thread::sleep(SETTLE);
    let bytes_at_start = server.resident_bytes()?;
    let clients = connect(server.address(), connections)?;
    thread::sleep(SETTLE);
    let before = server.processor_time()?;
    thread::sleep(watch);
    let processor_time = server.processor_time()? - before;
    let bytes = server.resident_bytes()?;
    check_that_all_are_open(&clients)?;
    Ok(Finding {
        bytes_at_start,
        bytes,
        connections,
        processor_percent: processor_time.as_secs_f64() / watch.as_secs_f64() * 100.0,
    })
}

fn connect(address: SocketAddr, connections: usize) -> Outcome<Vec<TcpStream>> {
    let mut clients = Vec::with_capacity(connections);
    for index in 0..connections {
        let host = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + index / PER_SOURCE)?);
        let port = FIRST_PORT + u16::try_from(index % PER_SOURCE)?;
        let source = SocketAddrV4::new(host, port);
        let client = client::open(address, Some(source), client::RECEIVER_PATH)
            .map_err(|error| format!("connection {index}, from {source}: {error}"))?;
        clients.push(client);
    }
    Ok(clients)
}

/// An open connection has nothing to read; one that the server has closed reads its end.
fn check_that_all_are_open(clients: &[TcpStream]) -> Outcome<()> {
    for (index, client) in clients.iter().enumerate() {
        client.set_nonblocking(true)?;
        if client.peek(&mut [0]).is_ok_and(|read| read == 0) {
            return Err(format!("the server has closed connection {index}").into());
        }
    }
    Ok(())
}

fn row(program: &Program, finding: &Finding) -> Vec<String> {
    let at_start = finding.bytes_at_start as f64 / MEBIBYTE;
    let each = finding.bytes_per_connection();
    let (start_target, each_target) = match program {
        Program::Relay(_) => (
            against_target(at_start, MEBIBYTES),
            against_target(each, BYTES_PER_CONNECTION),
        ),
        Program::Floor | Program::CoalescingFloor => (String::new(), String::new()),
    };
    vec![
        program.name(),
        finding.connections.to_string(),
        format!("{at_start:.2}"),
        start_target,
        format!("{:.2}", finding.bytes as f64 / MEBIBYTE),
        format!("{each:.0}"),
        each_target,
        format!("{:.2}", finding.processor_percent),
    ]
}

fn print_size(program: &Program) -> Outcome<()> {
    if let Program::Relay(path) = program {
        let size = fs::metadata(path)?.len() as f64 / MEBIBYTE;
        let verdict = against_target(size, MEBIBYTES);
        println!("The program's file has {size:.2} MiB ({verdict}).");
    }
    Ok(())
}
