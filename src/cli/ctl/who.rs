//! `who`: a line for each connection.

use super::acknowledgement::conclude;
use super::arguments::Connecting;
use super::format::{Format, aligned, human_bytes, human_seconds, one_line, plain, tab_separated};
use super::link::Link;
use crate::cli::{Failure, output};
use clap::Args;
use serde_json::{Map, Value};

/// What every connection has, in the order of the columns. Everything else is of its dialect.
const COLUMNS: [&str; 5] = ["id", "dialect", "peer", "connected", "waiting"];

/// The arguments of `who`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Only connections that all of these fit: name=value, such as dialect=wson or user=42, or any
    /// text in what is said about them
    filter: Vec<String>,
}

impl Arguments {
    /// Lists them.
    ///
    /// # Errors
    /// If the server does not tell.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let answer = link.request(b'w', self.filter.join(" ").as_bytes())?;
        if answer.letter != b'W' {
            return conclude(&answer, (b'W', b'n'), "the server does not tell", format);
        }
        match format {
            Format::Json if answer.payload.is_empty() => Ok(()),
            Format::Json => output::print(&(answer.text().trim_end().to_owned() + "\n")),
            Format::Plain => output::print(&tab_separated(&rows(&answer.text(), format)?)),
            Format::Table => {
                let mut table = vec![heading()];
                table.extend(rows(&answer.text(), format)?);
                output::print(&aligned(&table, &[3, 4]))
            }
        }
    }
}

fn heading() -> Vec<String> {
    COLUMNS
        .iter()
        .chain(&["about"])
        .map(|name| name.to_uppercase())
        .collect()
}

fn rows(lines: &str, format: Format) -> Result<Vec<Vec<String>>, Failure> {
    lines
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map(|connection| row(connection, format))
                .map_err(|error| Failure::Runtime(format!("the server gave no JSON: {error}")))
        })
        .collect()
}

fn row(mut connection: Map<String, Value>, format: Format) -> Vec<String> {
    let mut fields: Vec<_> = COLUMNS
        .iter()
        .map(|name| {
            let value = connection.remove(*name).unwrap_or_default();
            match (format, *name, value.as_f64()) {
                (Format::Table, "connected", Some(seconds)) => human_seconds(seconds as u64),
                (Format::Table, "waiting", Some(bytes)) => human_bytes(bytes as u64),
                _ => plain(&value),
            }
        })
        .collect();
    let about: Vec<_> = connection
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{}={}", one_line(name), plain(value)))
        .collect();
    fields.push(about.join(" "));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"id":"12.0","dialect":"topics","peer":"127.0.0.1:5000","connected":75,"waiting":2048,"topic":"/a\tb"}
{"id":"3.1","dialect":"wson","peer":"unix","connected":1,"waiting":0,"token":"t","user":null}
"#;

    #[test]
    fn programs_get_numbers() {
        assert_eq!(
            tab_separated(&rows(TWO, Format::Plain).unwrap()),
            "12.0\ttopics\t127.0.0.1:5000\t75\t2048\ttopic=/a\\tb\n\
             3.1\twson\tunix\t1\t0\ttoken=t\n"
        );
    }

    #[test]
    fn people_get_a_table() {
        let mut table = vec![heading()];
        table.extend(rows(TWO, Format::Table).unwrap());
        assert_eq!(
            aligned(&table, &[3, 4]),
            "ID    DIALECT  PEER            CONNECTED  WAITING  ABOUT\n\
             12.0  topics   127.0.0.1:5000     1m 15s  2.0 KiB  topic=/a\\tb\n\
             3.1   wson     unix                   1s      0 B  token=t\n"
        );
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        assert!(rows("nothing", Format::Plain).is_err());
    }
}
