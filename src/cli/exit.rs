//! How a command ends.

use crate::config::ConfigErrors;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// Something went wrong while it ran; exit code 1.
    Runtime(String),
    /// The arguments make no sense together; exit code 2.
    Usage(String),
    /// The server understood what it was asked for, and says no; exit code 3.
    NotAcknowledged {
        /// What it says, or what its no means.
        reason: String,
        /// True if standard output tells it already.
        told: bool,
    },
    /// The configuration is wrong; exit code 78 (`EX_CONFIG` of sysexits.h).
    Configuration(ConfigErrors),
    /// Nobody reads the output any more, as with `| head`. There is nothing to complain about.
    OutputClosed,
}

impl Failure {
    /// True if nothing is left to be said about it on standard error.
    pub fn is_quiet(&self) -> bool {
        matches!(
            self,
            Self::OutputClosed | Self::NotAcknowledged { told: true, .. }
        )
    }

    /// The exit code of the program.
    pub fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Runtime(_) => 1,
            Self::Usage(_) => 2,
            Self::NotAcknowledged { .. } => 3,
            Self::Configuration(_) => 78,
        }
    }

    /// As [`Failure::code`], for `main`.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// What a failed write to standard output means.
    pub fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Runtime(format!("cannot write to standard output: {error}"))
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Configuration(errors)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(message) | Self::Usage(message) => formatter.write_str(message),
            Self::NotAcknowledged { reason, .. } => {
                write!(formatter, "not acknowledged: {}", reason.escape_debug())
            }
            Self::Configuration(errors) => errors.fmt(formatter),
            Self::OutputClosed => formatter.write_str("the output is closed"),
        }
    }
}

impl std::error::Error for Failure {}
