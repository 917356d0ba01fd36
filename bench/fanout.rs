//! Processor time of the server for each delivery of a message, beside that of the floor.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::Parser;
use support::cost;
use support::fan_out::{Case, FanOut, Pattern};
use support::options::{self, Common};
use support::rounds::{Contestant, interleave};
use support::server::Program;
use support::statistics::summary;
use support::table::{Table, against_target, with_range};
use support::{Outcome, descriptors, floor};

/// Measures how much of the processor one delivery of a message costs.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// Numbers of receivers.
    #[arg(long, value_delimiter = ',', default_value = "50,500,5000")]
    receivers: Vec<usize>,

    /// Bytes of a message.
    #[arg(long, value_delimiter = ',', default_value = "64,1024",
          value_parser = clap::value_parser!(u16).range(8..))]
    payload: Vec<u16>,

    /// How messages are sent [default: all three].
    #[arg(long, value_delimiter = ',', value_enum)]
    pattern: Vec<Pattern>,

    /// Compare receivers that take compressed messages with others, instead of with the floor.
    #[arg(long)]
    compression: bool,
}

/// How receivers take messages.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Compressed,
}

impl Contestant for Form {
    fn label(&self) -> String {
        match self {
            Self::Plain => "plain".into(),
            Self::Compressed => "compressed".into(),
        }
    }
}

impl Options {
    fn cases(&self) -> Vec<Case> {
        let patterns = match self.pattern.as_slice() {
            [] => &Pattern::ALL,
            chosen => chosen,
        };
        let mut cases = Vec::new();
        for &pattern in patterns {
            for &receivers in &self.receivers {
                for &payload in &self.payload {
                    cases.push(Case {
                        receivers,
                        payload,
                        pattern,
                    });
                }
            }
        }
        if self.compression {
            // What is shorter is never compressed.
            cases.retain(|case| case.payload >= 128);
        }
        if self.common.quick {
            cases.retain(|case| case.receivers <= 500);
        }
        cases
    }
}

/// The floor that a pattern is held against, and how much of its time a server may take.
fn target(pattern: Pattern) -> (Program, f64) {
    match pattern {
        Pattern::Single => (Program::Floor, 1.10),
        Pattern::Segment => (Program::CoalescingFloor, 1.20),
        Pattern::InFlight => (Program::Floor, 0.60),
    }
}

/// The two floors and what is held against them run at the same time.
const PROGRAMS: usize = 3;

fn main() -> Outcome<()> {
    floor::run_if_asked()?;
    let options: Options = options::parse();
    let cases = options.cases();
    let subject = Program::subject(&options.common);
    check_room(&cases)?;
    if options.compression {
        return compare_forms(&options.common, &cases, &subject);
    }

    println!("Processor time of the server for each delivery; medians (smallest to largest).\n");
    let name = format!("{} us", subject.name());
    let mut table = Table::new(&[
        "pattern",
        "receivers",
        "bytes",
        "floor us",
        "coalescing us",
        &name,
        "ratio",
        "to",
        "target",
    ]);
    for case in cases {
        eprintln!(
            "{} x {} B, {}",
            case.receivers,
            case.payload,
            case.pattern.name()
        );
        table.row(measure(&options.common, case, &subject)?);
    }
    table.print();
    Ok(())
}

fn check_room(cases: &[Case]) -> Outcome<()> {
    let most = cases
        .iter()
        .map(|case| case.receivers)
        .max()
        .unwrap_or_default();
    let clients = PROGRAMS * (most + 1);
    match descriptors::make_room_for(clients)? {
        room if room < clients => Err(format!(
            "{PROGRAMS} programs with {most} receivers each need {clients} descriptors, and this \
             process may not have so many: run it as root, or with fewer --receivers"
        )
        .into()),
        _ => Ok(()),
    }
}

fn compare_forms(options: &Common, cases: &[Case], subject: &Program) -> Outcome<()> {
    println!("Processor time of the server for each delivery; medians (smallest to largest).\n");
    let columns = [
        "pattern",
        "receivers",
        "bytes",
        "plain us",
        "compressed us",
        "ratio",
    ];
    let mut table = Table::new(&columns);
    for &case in cases {
        let forms = [Form::Plain, Form::Compressed];
        let measured = interleave(options.extent(), &forms, |form| match form {
            Form::Plain => FanOut::start(subject, case),
            Form::Compressed => FanOut::start_compressed(subject, case),
        })?;
        let [plain, compressed] = measured.as_slice() else {
            return Err("there are two forms".into());
        };
        let ratios = compressed.iter().zip(plain);
        let ratio = summary(ratios.map(|(a, b)| a.microseconds() / b.microseconds()));
        table.row(vec![
            case.pattern.name().into(),
            case.receivers.to_string(),
            case.payload.to_string(),
            cost::median(plain),
            cost::median(compressed),
            with_range(ratio),
        ]);
    }
    table.print();
    Ok(())
}

fn measure(options: &Common, case: Case, subject: &Program) -> Outcome<Vec<String>> {
    let programs = [Program::Floor, Program::CoalescingFloor, subject.clone()];
    let measured = interleave(options.extent(), &programs, |program| {
        FanOut::start(program, case)
    })?;
    let [floor, coalescing, subject] = measured.as_slice() else {
        return Err("there are three programs".into());
    };
    let (reference, target) = target(case.pattern);
    let reference_values = if reference == Program::Floor {
        floor
    } else {
        coalescing
    };
    let ratios = subject.iter().zip(reference_values);
    let ratio = summary(ratios.map(|(a, b)| a.microseconds() / b.microseconds()));
    Ok(vec![
        case.pattern.name().into(),
        case.receivers.to_string(),
        case.payload.to_string(),
        cost::median(floor),
        cost::median(coalescing),
        cost::median(subject),
        with_range(ratio),
        reference.name(),
        against_target(ratio.median, target),
    ])
}
