//! DRC: what a big channel costs beside a topic of the same size, and what it costs to join one.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a bench finds out is what it prints"
)]

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use clap::{Parser, ValueEnum};
use support::apart::{self, Apart};
use support::cost;
use support::drc::request::Role;
use support::drc::{broadcast, entries, storm};
use support::fan_out::{Case, FanOut, Pattern};
use support::options::{self, Common};
use support::rounds::{Contestant, interleave};
use support::server::Program;
use support::statistics::summary;
use support::table::{Table, against_target, with_range};
use support::{Outcome, descriptors};

/// How much more of the processor a delivery may take than a topic's.
const TARGET: f64 = 1.3;

/// Measures big channels of DRC.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: Common,

    /// What is measured [default: all three].
    #[arg(long, value_delimiter = ',', value_enum)]
    part: Vec<Part>,

    /// Members of the channel of one broadcaster.
    #[arg(long, default_value_t = 10_000)]
    members: usize,

    /// How many of them are authorities.
    #[arg(long, default_value_t = 1_000)]
    authorities: usize,

    /// What the others are.
    #[arg(
        long,
        value_delimiter = ',',
        value_enum,
        default_value = "receivers,senders"
    )]
    others: Vec<Others>,

    /// Bytes of a message as it arrives.
    #[arg(long, value_delimiter = ',', default_value = "128",
          value_parser = clap::value_parser!(u16).range(128..))]
    payload: Vec<u16>,

    /// How messages are sent [default: all three].
    #[arg(long, value_delimiter = ',', value_enum)]
    pattern: Vec<Pattern>,

    /// Authorities who join one channel and send to it.
    #[arg(long, value_delimiter = ',', default_value = "250,500,1000,2000")]
    joiners: Vec<usize>,

    /// Members of the channels that somebody joins.
    #[arg(long, value_delimiter = ',', default_value = "0,100,1000,10000")]
    lists: Vec<usize>,

    /// Only holds this side of the broadcast; a bench starts itself so.
    #[arg(long, value_enum, hide = true)]
    side: Option<Side>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A channel with one broadcaster, beside a topic.
    Broadcast,
    /// Authorities who join one channel, and each of whom sends to all.
    Storm,
    /// Joins into a channel with members.
    Joins,
}

/// The members of a channel that are no authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Others {
    /// They came by grants of mode 0.
    Receivers,
    /// They came by grants of mode 2.
    Senders,
}

impl Others {
    fn role(self) -> Role {
        match self {
            Self::Receivers => Role::Receiver,
            Self::Senders => Role::Sender,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Receivers => "receivers",
            Self::Senders => "senders",
        }
    }
}

/// What is compared in the broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Topic,
    Channel,
}

impl Contestant for Side {
    fn label(&self) -> String {
        match self {
            Self::Topic => "topic".into(),
            Self::Channel => "channel".into(),
        }
    }
}

fn main() -> Outcome<()> {
    let mut options: Options = options::parse();
    let subject = Program::subject(&options.common);
    if subject == Program::Floor {
        return Err("the floor speaks no DRC".into());
    }
    if options.common.quick {
        options.members = options.members.min(200);
        options.authorities = options.authorities.min(20);
        options.joiners = vec![50, 100];
        options.lists = vec![0, 200];
    }
    let most = options.joiners.iter().chain(&options.lists);
    let most = most.copied().max().unwrap_or_default().max(options.members) + 100;
    if descriptors::make_room_for(most)? < most {
        return Err(format!(
            "{most} clients need as many descriptors; this process may not have them"
        )
        .into());
    }
    if let Some(side) = options.side {
        return hold(&options, &subject, side);
    }
    let asked = |part| options.part.is_empty() || options.part.contains(&part);
    if asked(Part::Broadcast) {
        compare_broadcasts(&options)?;
    }
    if asked(Part::Storm) {
        storm::report(&subject, options.common.extent().rounds, &options.joiners)?;
    }
    if asked(Part::Joins) {
        entries::report(&subject, options.common.extent().rounds, &options.lists)?;
    }
    Ok(())
}

/// The only case of a process that holds one side.
fn hold(options: &Options, subject: &Program, side: Side) -> Outcome<()> {
    let only = "a side has one case";
    let case = Case {
        receivers: options.members,
        payload: *options.payload.first().ok_or(only)?,
        pattern: *options.pattern.first().ok_or(only)?,
    };
    let role = options.others.first().ok_or(only)?.role();
    apart::serve(match side {
        Side::Topic => FanOut::start(subject, case)?,
        Side::Channel => broadcast::start(subject, case, role, options.authorities)?,
    })
}

fn compare_broadcasts(options: &Options) -> Outcome<()> {
    println!(
        "One of {} authorities sends to all {} members: processor time of the server for each \
         delivery,\nin the channel and in a topic of the same size.\n",
        options.authorities, options.members
    );
    let mut table = Table::new(&[
        "others",
        "pattern",
        "bytes",
        "topic us",
        "channel us",
        "ratio",
        "target",
    ]);
    let patterns = match options.pattern.as_slice() {
        [] => &Pattern::ALL,
        chosen => chosen,
    };
    for &others in &options.others {
        for &pattern in patterns {
            for &payload in &options.payload {
                table.row(compare(options, others, pattern, payload)?);
            }
        }
    }
    table.print();
    Ok(())
}

fn compare(
    options: &Options,
    others: Others,
    pattern: Pattern,
    payload: u16,
) -> Outcome<Vec<String>> {
    eprintln!("{}, {}, {payload} B", others.name(), pattern.name());
    let measured = interleave(
        options.common.extent(),
        &[Side::Topic, Side::Channel],
        |side| {
            let server = options
                .common
                .server
                .as_ref()
                .map(|path| format!("--server={}", path.display()));
            let arguments = [
                format!("--side={}", word(side)),
                format!("--members={}", options.members),
                format!("--authorities={}", options.authorities),
                format!("--others={}", word(&others)),
                format!("--pattern={}", word(&pattern)),
                format!("--payload={payload}"),
            ];
            Apart::start(arguments.iter().chain(&server).map(String::as_str))
        },
    )?;
    let [topic, channel] = measured.as_slice() else {
        return Err("there are two sides".into());
    };
    let ratios = channel.iter().zip(topic);
    let ratio = summary(ratios.map(|(a, b)| a.microseconds() / b.microseconds()));
    Ok(vec![
        others.name().into(),
        pattern.name().into(),
        payload.to_string(),
        cost::median(topic),
        cost::median(channel),
        with_range(ratio),
        against_target(ratio.median, TARGET),
    ])
}

/// What the command line calls a value.
fn word(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
