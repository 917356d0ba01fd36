//! `fantail passwd`: lines of htpasswd, and whether a password fits one.

mod input;

use super::{Failure, output};
use crate::passwords::htpasswd::{COSTS, DEFAULT_COST, Htpasswd, Scheme, line};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::{Path, PathBuf};

/// The arguments of `fantail passwd`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The user; the password is read from the terminal, or from standard input
    user: String,

    /// How the password is hidden
    #[arg(short, long, value_enum, default_value_t = SchemeName::Bcrypt)]
    scheme: SchemeName,

    /// How hard bcrypt makes it: 2 to this power
    #[arg(long, default_value_t = DEFAULT_COST, value_parser = read_cost)]
    cost: u32,

    /// Say whether the password is that of the user in this file: 0 if it is, else 1
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["scheme", "cost"])]
    check: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemeName {
    /// Slow on purpose: $2y$
    Bcrypt,
    /// What htpasswd makes unless told otherwise, and old servers understand: $apr1$
    Apr1,
    /// Without a salt, for what understands nothing else: {SHA}
    Sha,
}

fn read_cost(text: &str) -> Result<u32, String> {
    let expected = || {
        format!(
            "expected a number from {} to {}",
            COSTS.start(),
            COSTS.end()
        )
    };
    let cost = text.parse().map_err(|_| expected())?;
    if COSTS.contains(&cost) {
        Ok(cost)
    } else {
        Err(expected())
    }
}

/// Prints a line for the user, or checks one.
///
/// # Errors
/// If there is no password, if it does not fit, or if a user cannot be called that.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.check {
        return check(path, &arguments.user);
    }
    let password = input::new_password().map_err(Failure::Runtime)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::Runtime(format!("no random numbers: {error}")))?;
    let scheme = match arguments.scheme {
        SchemeName::Bcrypt => Scheme::Bcrypt {
            cost: arguments.cost,
        },
        SchemeName::Apr1 => Scheme::Apr1,
        SchemeName::Sha => Scheme::Sha,
    };
    let line = line(&arguments.user, password.as_bytes(), scheme, random);
    output::print(&format!("{}\n", line.map_err(Failure::Runtime)?))
}

fn check(path: &Path, user: &str) -> Result<(), Failure> {
    let lines = fs::read_to_string(path)
        .map_err(|error| Failure::Runtime(format!("cannot read {}: {error}", path.display())))?;
    let mut users = Htpasswd::default();
    users.add(&lines);
    let password = input::password("Password: ").map_err(Failure::Runtime)?;
    if users.verify(user, password.as_bytes()) {
        output::print("it fits\n")
    } else {
        Err(Failure::Runtime("it does not fit".to_owned()))
    }
}
