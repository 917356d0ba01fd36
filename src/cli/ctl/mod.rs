//! `fantail ctl`: the control port from the command line, one subcommand for each letter.
//!
//! Every command says with its exit code whether the server acknowledged it, prints tables where
//! somebody looks at them and tab-separated lines or JSON where a program reads them, and gives
//! up after `--timeout`.

mod acknowledgement;
mod arguments;
mod events;
mod format;
mod kick;
mod link;
mod message;
mod messages;
mod place;
mod publish;
mod raw;
mod server;
mod status;
mod stream;
mod who;

pub(super) use arguments::Connecting;

use super::Failure;
use clap::{Args, Subcommand};
use link::Link;

const AFTER_HELP: &str = "\
The letters in parentheses are those of the control port, which is also easy to speak by hand:
printf '5bhello' | nc -U SOCKET

Exit codes: 0 acknowledged, 3 not acknowledged, 1 no connection or an error, 2 wrong arguments,
78 wrong configuration.";

/// The arguments of `fantail ctl`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(super) struct Arguments {
    #[command(flatten)]
    connecting: Connecting,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Send a message to all ws(s)on clients (letters b, B)
    Broadcast(messages::Broadcast),
    /// Send a message to the ws(s)on client with a token (letters c, C, d, D)
    Send(messages::Send),
    /// Ask whether the ws(s)on client with a token is there (letter c)
    Ask(messages::Ask),
    /// Send standard input to a ws(s)on client as one message in fragments, as it comes (letters
    /// l, f, F, i, I, s, S)
    Stream(stream::Arguments),
    /// Publish a message to a channel of any dialect (letters t, T)
    Publish(publish::Arguments),
    /// List who is connected (letter w)
    Who(who::Arguments),
    /// Tell how the server is (letter g)
    Status,
    /// Disconnect a client (letter k)
    Kick(kick::Arguments),
    /// Print what happens, one JSON object a line, until interrupted (letter u)
    Events(events::Arguments),
    /// Name the WebSocket listener that has the fewest connections (letter m)
    Domain,
    /// Let the server read its configuration again (letter r)
    Reload,
    /// Let the server close all connections in order, and end (letter e)
    Drain,
    /// Measure the way to the server and back (letters p, P)
    Ping,
    /// List the letters that the server knows (letter z)
    Letters(server::Letters),
    /// Send one frame with any letter, and print the answers (letters q, Q and all others)
    Raw(raw::Arguments),
}

/// Runs one command.
///
/// # Errors
/// [`Failure::NotAcknowledged`] if the server says no; otherwise why it could not be asked.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let connecting = &arguments.connecting;
    let format = connecting.format();
    match &arguments.command {
        Command::Broadcast(broadcast) => broadcast.run(connecting, format),
        Command::Send(send) => send.run(connecting, format),
        Command::Ask(ask) => ask.run(connecting, format),
        Command::Stream(stream) => stream.run(connecting, format),
        Command::Publish(publish) => publish.run(connecting, format),
        Command::Who(who) => who.run(connecting, format),
        Command::Status => status(connecting),
        Command::Kick(kick) => kick.run(connecting, format),
        Command::Events(events) => events.run(connecting),
        Command::Domain => server::domain(&Link::open(connecting)?, format),
        Command::Reload => server::reload(&Link::open(connecting)?, format),
        Command::Drain => server::drain(&Link::open(connecting)?, format),
        Command::Ping => server::ping(&Link::open(connecting)?, format),
        Command::Letters(letters) => letters.run(connecting, format),
        Command::Raw(raw) => raw.run(connecting),
    }
}

/// `fantail status`, which is `fantail ctl status`.
///
/// # Errors
/// Why the server could not be asked.
pub(super) fn status(connecting: &Connecting) -> Result<(), Failure> {
    status::run(&Link::open(connecting)?, connecting.format())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// Both tables of the control port's description.
    const LETTERS: &str = "bBcCdDlfFiIsSmpPqQgwktTurez";

    /// The letters that the help of a command names.
    fn letters_of(command: &clap::Command) -> Vec<char> {
        let about = command.get_about().unwrap().to_string().replace('\n', " ");
        let (_, inside) = about.rsplit_once("(letter").unwrap();
        inside
            .trim_end_matches(')')
            .split([' ', ','])
            .filter(|word| word.len() == 1 && *word != "s")
            .filter_map(|word| word.chars().next())
            .chain(inside.contains(" s, ").then_some('s'))
            .collect()
    }

    #[test]
    fn every_letter_has_a_command() {
        let cli = Cli::command();
        let mut known: Vec<_> = cli.get_subcommands().flat_map(letters_of).collect();
        known.sort_unstable();
        known.dedup();
        let mut expected: Vec<_> = LETTERS.chars().collect();
        expected.sort_unstable();
        assert_eq!(known, expected);
    }

    #[test]
    fn commands_are_understood() {
        for line in [
            "broadcast hello",
            "broadcast --binary",
            "send TOKEN hello",
            "send -c TOKEN",
            "send --no-confirm TOKEN -- -1",
            "ask TOKEN",
            "ask -TOKEN",
            "send --json -TOKEN -b hello",
            "stream -b --TOKEN",
            "kick -bTOKEN",
            "stream TOKEN",
            "publish /demo hello",
            "who",
            "who topics",
            "who dialect=wson user=42",
            "events -v text",
            "status --json",
            "--json status",
            "kick #1.2",
            "events",
            "events text,close -n 3",
            "domain",
            "reload",
            "drain",
            "ping --timeout 1s",
            "letters",
            "letters bB",
            "raw g",
            "--socket tcp://127.0.0.1:8098 --secret-file secret raw b hello",
        ] {
            let arguments = ["ctl"].into_iter().chain(line.split(' '));
            Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in [
            "",
            "nothing",
            "send",
            "send --confirm --no-confirm TOKEN",
            "kick",
            "kick #",
            "events text,else",
            "events -n 0",
            "raw",
            "raw gg",
            "raw 1",
            "raw ü",
            "--socket 127.0.0.1:8098 status",
            "--socket unix://relative status",
            "--timeout never status",
            "--timeout 0s status",
        ] {
            let arguments = ["ctl"].into_iter().chain(line.split_whitespace());
            assert!(Cli::try_parse_from(arguments).is_err(), "{line}");
        }
    }
}
