//! Where the store's MariaDB or MySQL is, and who logs in there.

use crate::secret::Secret;
use std::path::PathBuf;

/// The longest prefix: with it, the names of tables are within the 64 characters that a server
/// takes.
const LONGEST_PREFIX: usize = 48;

/// The keys of the `[store]` section that are for `kind = "mysql"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mysql {
    /// The host's name or IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// A Unix socket, which is taken instead; empty for none.
    pub socket: PathBuf,
    /// The name of the database.
    pub database: String,
    /// Who logs in.
    pub username: String,
    /// Their password.
    pub password: Secret,
    /// What the names of the tables begin with.
    pub prefix: String,
}

impl Default for Mysql {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 3306,
            socket: PathBuf::new(),
            database: "fantail".to_owned(),
            username: "fantail".to_owned(),
            password: Secret::default(),
            prefix: "mq_".to_owned(),
        }
    }
}

/// What names of tables may begin with: they stand in statements.
///
/// # Errors
/// What was expected.
pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.len() <= LONGEST_PREFIX && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected at most {LONGEST_PREFIX} letters, digits and underscores"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_cannot_end_the_name_that_it_begins() {
        for good in ["", "mq_", "A9_"] {
            assert_eq!(parse_prefix(good).as_deref(), Ok(good));
        }
        for bad in ["a`b", "a.b", "a b", "é", "x".repeat(49).as_str()] {
            assert!(parse_prefix(bad).is_err(), "{bad}");
        }
    }
}
