//! `fantail man`: the manual page.
//!
//! One page for everything: the commands below a command have a section each behind the page that
//! is made for the program itself.

use super::{Failure, output};
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::io::Write;

/// Prints the page.
pub(super) fn run(mut command: Command) -> Result<(), Failure> {
    command.build();
    let mut page = Vec::new();
    let nested = nested_commands(&command);
    Man::new(command)
        .render(&mut page)
        .and_then(|()| page.write_all(nested.to_roff().as_bytes()))
        .map_err(|error| Failure::of_output(&error))?;
    output::print_bytes(&page)
}

/// The sections for the commands of each command that has some.
fn nested_commands(command: &Command) -> Roff {
    let mut page = Roff::new();
    for group in command.get_subcommands() {
        let mut commands = group.get_subcommands().peekable();
        if commands.peek().is_none() {
            continue;
        }
        let name = group.get_bin_name().unwrap_or(group.get_name());
        page.control("SH", [name.to_uppercase().as_str()]);
        page.text([roman(text(group.get_after_help()))]);
        options(&mut page, group, |_| true);
        for command in commands {
            section(&mut page, command);
        }
    }
    page
}

fn section(page: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    page.control("SS", [usage]);
    page.text([roman(text(command.get_about()))]);
    // What all commands of the group share stands above them.
    options(page, command, |argument| !argument.is_global_set());
}

fn options(page: &mut Roff, command: &Command, wanted: impl Fn(&Arg) -> bool) {
    let shown = |argument: &&Arg| {
        let own = !matches!(argument.get_id().as_str(), "help" | "version");
        own && !argument.is_hide_set() && wanted(argument)
    };
    for argument in command.get_arguments().filter(shown) {
        page.control("TP", []);
        page.text(heading(argument));
        page.text([roman(text(argument.get_help()))]);
    }
}

fn heading(argument: &Arg) -> Vec<Inline> {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let mut heading = vec![bold(names.join(", "))];
    if argument.is_positional() || argument.get_action().takes_values() {
        let values = argument.get_value_names().unwrap_or_default();
        let values: Vec<_> = values.iter().map(|name| format!("<{name}>")).collect();
        if !names.is_empty() {
            heading.push(roman(" "));
        }
        heading.push(italic(values.join(" ")));
    }
    heading
}

fn text(help: Option<&impl ToString>) -> String {
    help.map(ToString::to_string).unwrap_or_default()
}
