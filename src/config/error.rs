//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column (in characters) count from 1. Without them, the file as such.
    File {
        /// The path as it was searched for.
        path: PathBuf,
        /// Line and column.
        position: Option<(usize, usize)>,
    },
    /// In a variable of the environment.
    Environment(String),
    /// On the command line, for this key.
    CommandLine(String),
    /// Nowhere: the value is the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, position } => {
                write!(formatter, "{}", path.display())?;
                position.map_or(Ok(()), |(line, column)| {
                    write!(formatter, ":{line}:{column}")
                })
            }
            Self::Environment(name) => write!(formatter, "environment: {}", name.escape_debug()),
            Self::CommandLine(key) => write!(formatter, "command line: {}", key.escape_debug()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What, as one sentence; never with a secret in it.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
