//! The command line: one file per command.

mod check;
mod client;
mod completions;
mod config;
mod config_file;
mod configuration;
mod ctl;
mod exit;
mod import;
mod man;
mod output;
mod passwd;
mod publish;
pub mod random;
pub mod serve;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
mod store;
mod stores;
mod subscribe;
mod token;

pub use configuration::Arguments as ConfigurationArguments;
pub use exit::Failure;

use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Without a command, fantail serves. Every key of the configuration is also a variable of the
environment: limits.message is FANTAIL_LIMITS_MESSAGE. `fantail config` shows all of them.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 not acknowledged (ctl), 78 wrong configuration.";

/// A WebSocket relay: one message in, the same message out to everybody else on the topic
#[derive(Debug, Parser)]
#[command(
    name = "fantail",
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; what fantail does without a command
    Serve(serve::Arguments),
    /// Test the configuration and say what would be served
    Check(check::Arguments),
    /// Print a commented configuration file with all defaults, or change the file
    Config(config::Arguments),
    /// Take over the settings of another server
    Import(import::Arguments),
    /// Send messages to a topic
    #[command(name = "pub", visible_alias = "publish")]
    Publish(publish::Arguments),
    /// Print the messages of a topic
    #[command(name = "sub", visible_alias = "subscribe")]
    Subscribe(subscribe::Arguments),
    /// Make what clients prove with who they are
    Token(token::Arguments),
    /// Control a running server: send messages, see who is connected, and more
    Ctl(ctl::Arguments),
    /// Tell how a running server is; what `fantail ctl status` does
    Status(ctl::Connecting),
    /// Make a line of htpasswd, or check a password
    Passwd(passwd::Arguments),
    /// See, move or delete the messages that are kept
    #[cfg(any(feature = "sqlite", feature = "mysql"))]
    Store(store::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Print the manual page (roff)
    Man,
}

/// Runs the program. The first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                output::complain(&failure.to_string());
            }
            failure.exit_code()
        }
    }
}

/// Help and version go to standard output with 0, complaints to standard error with 2.
fn answer(error: &clap::Error) -> ExitCode {
    // A closed output leaves nobody to tell.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Subscribe(arguments) => subscribe::run(&arguments),
        Command::Token(arguments) => token::run(arguments),
        Command::Ctl(arguments) => ctl::run(&arguments),
        Command::Status(connecting) => ctl::status(&connecting),
        Command::Passwd(arguments) => passwd::run(&arguments),
        #[cfg(any(feature = "sqlite", feature = "mysql"))]
        Command::Store(arguments) => store::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments, Cli::command()),
        Command::Man => man::run(Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_keys() {
        let cli = Cli::try_parse_from([
            "fantail",
            "-l",
            "tcp://127.0.0.1:1",
            "--listen=tcp://127.0.0.1:2=echo",
            "--set",
            "limits.message=2MiB",
            "--log-level",
            "debug",
        ])
        .unwrap();
        assert!(cli.command.is_none());
        let expected = [
            ("listen", "tcp://127.0.0.1:1"),
            ("listen", "tcp://127.0.0.1:2=echo"),
            ("log.level", "debug"),
            ("limits.message", "2MiB"),
        ];
        let flags = cli.serve.into_sources().flags;
        let flags: Vec<_> = flags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(flags, expected);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for arguments in [
            vec!["fantail", "serv"],
            vec!["fantail", "--liste", "x"],
            vec!["fantail", "--set", "limits.message"],
            vec!["fantail", "--set", "=1"],
            vec!["fantail", "pub"],
            vec!["fantail", "completions", "cmd"],
        ] {
            let error = Cli::try_parse_from(&arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
