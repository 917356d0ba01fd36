//! What the server and the way to it can do wrong, in words and in kinds.

use std::io::ErrorKind;

use mysql::{DriverError, Error};

/// Numbers of errors that a server that works has now and then while it starts, stops or is busy.
mod temporary {
    pub(super) const TOO_MANY_CONNECTIONS: u16 = 1040;
    pub(super) const SHUTDOWN: u16 = 1053;
    pub(super) const TOO_MANY_OF_USER: u16 = 1203;
}

const LOCK_WAIT: u16 = 1205;
const DEADLOCK: u16 = 1213;
/// `ER_CONNECTION_KILLED`, of MariaDB.
const KILLED: u16 = 1927;
/// Another has remembered the same name of a sender in the same moment.
const DUPLICATE: u16 = 1062;
/// The user lacks a privilege.
const COMMAND_DENIED: u16 = 1142;
/// A row was changed by others since the transaction began.
const CHANGED: u16 = 1020;
/// `ER_TRUNCATED_WRONG_VALUE_FOR_FIELD`: text that the column's character set does not have.
const NOT_IN_CHARACTER_SET: u16 = 1366;

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenFault {
    /// The server is not there, or not yet.
    Unreachable(String),
    /// It is there, and will not do until somebody changes something.
    Refused(String),
}

impl OpenFault {
    /// For the log, and for whoever starts the program.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Unreachable(reason) | Self::Refused(reason) => reason,
        }
    }

    /// For clients, who need not know where the database is and who logs in there.
    pub(super) fn told(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "the database cannot be reached",
            Self::Refused(_) => "the database refuses",
        }
    }
}

impl From<Error> for OpenFault {
    fn from(error: Error) -> Self {
        let text = describe(&error);
        match error {
            Error::IoError(_)
            | Error::DriverError(
                DriverError::CouldNotConnect(_)
                | DriverError::ConnectTimeout
                | DriverError::Timeout,
            ) => Self::Unreachable(text),
            Error::MySqlError(error)
                if [
                    temporary::TOO_MANY_CONNECTIONS,
                    temporary::SHUTDOWN,
                    temporary::TOO_MANY_OF_USER,
                ]
                .contains(&error.code) =>
            {
                Self::Unreachable(text)
            }
            _ => Self::Refused(text),
        }
    }
}

/// The error as a part of a sentence.
pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::MySqlError(error) if error.code == LOCK_WAIT => "the database is locked".to_owned(),
        Error::MySqlError(error) => format!("{} (error {})", error.message, error.code),
        Error::IoError(error)
            if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) =>
        {
            "the database does not answer".to_owned()
        }
        Error::IoError(error) => format!("the connection to the database was lost: {error}"),
        Error::DriverError(DriverError::CouldNotConnect(Some((_, reason, _)))) => reason.clone(),
        Error::DriverError(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// True if transactions were in each other's way: another attempt may well succeed.
pub(super) fn is_conflict(error: &Error) -> bool {
    let codes = [DEADLOCK, CHANGED, DUPLICATE];
    matches!(error, Error::MySqlError(error) if codes.contains(&error.code))
}

/// True if the connection has ended, which is no fault if it was an old one. One that is silent has
/// been waited for already.
pub(super) fn is_disconnection(error: &Error) -> bool {
    match error {
        Error::IoError(error) => {
            ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind())
        }
        Error::DriverError(_) | Error::CodecError(_) => true,
        Error::MySqlError(error) => error.code == KILLED,
        _ => false,
    }
}

/// True if the user may not do this.
pub(super) fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::MySqlError(error) if error.code == COMMAND_DENIED)
}

/// True if a row was refused since its column cannot hold the text.
pub(super) fn is_not_in_character_set(error: &Error) -> bool {
    matches!(error, Error::MySqlError(error) if error.code == NOT_IN_CHARACTER_SET)
}
