//! How things are told: aligned tables for eyes, tab-separated lines or JSON for programs.

use crate::cli::{Failure, output};
use serde_json::{Map, Value};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// The columns of a table stand this far apart.
const GAP: &str = "  ";

/// What the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A person.
    Table,
    /// A program that takes lines and tabs.
    Plain,
    /// A program that takes JSON.
    Json,
}

impl Format {
    /// JSON if it is asked for, otherwise by whether standard output is a terminal.
    pub(super) fn choose(json: bool) -> Self {
        if json {
            Self::Json
        } else if io::stdout().is_terminal() {
            Self::Table
        } else {
            Self::Plain
        }
    }
}

/// Prints a JSON object as one line.
///
/// # Errors
/// If nobody reads it.
pub(super) fn print_object(members: &Map<String, Value>) -> Result<(), Failure> {
    let text = serde_json::to_string(members)
        .map_err(|error| Failure::Runtime(format!("cannot write JSON: {error}")))?;
    output::print(&(text + "\n"))
}

/// A value as a program takes it: texts without quotes, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Text that can neither end a line or a field, nor command a terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// Lines of fields with tabs between them.
pub(super) fn tab_separated(rows: &[Vec<String>]) -> String {
    rows.iter().map(|row| row.join("\t") + "\n").collect()
}

/// Lines of fields below one another. The columns in `right` are pushed to their right edge.
pub(super) fn aligned(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|field: &String| field.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let fields: Vec<_> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (field, &width))| {
                    if right.contains(&column) {
                        format!("{field:>width$}")
                    } else {
                        format!("{field:<width$}")
                    }
                })
                .collect();
            fields.join(GAP).trim_end().to_owned() + "\n"
        })
        .collect()
}

/// A number of bytes with a unit: `812 B`, `1.5 KiB`, `23 MiB`.
pub(super) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        // What would be written as 1024 is 1 of the next unit.
        if size < 1023.5 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    if size < 9.95 {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

/// A time as its two largest units: `3d 4h`, `12m 5s`.
pub(super) fn human_seconds(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let largest = UNITS
        .iter()
        .position(|(length, _)| seconds >= *length)
        .unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (length, name) in UNITS.iter().skip(largest).take(2) {
        let count = rest / length;
        rest %= length;
        if count > 0 || words.is_empty() {
            words.push(format!("{count}{name}"));
        }
    }
    words.join(" ")
}

/// A short time in milliseconds: `0.42 ms`.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10_200, "10 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(human_bytes(bytes), expected);
        }
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m 59s"),
            (7325, "2h 2m"),
            (86_400, "1d"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(human_seconds(seconds), expected);
        }
        assert_eq!(milliseconds(Duration::from_micros(1234)), 1.23);
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [
            ["ID", "BYTES", "NAME"],
            ["1.0", "5", "ü"],
            ["10.0", "123", ""],
        ];
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|field| (*field).to_owned()).collect())
            .collect();
        assert_eq!(
            aligned(&rows, &[1]),
            "ID    BYTES  NAME\n1.0       5  ü\n10.0    123\n"
        );
        assert_eq!(
            tab_separated(&rows),
            "ID\tBYTES\tNAME\n1.0\t5\tü\n10.0\t123\t\n"
        );
    }

    #[test]
    fn values_stay_on_their_line() {
        assert_eq!(plain(&Value::from("a\tb\n\u{1b}[2J")), r"a\tb\n\u{1b}[2J");
        assert_eq!(plain(&Value::from(7)), "7");
        assert_eq!(plain(&Value::from(vec![1, 2])), "[1,2]");
        assert_eq!(plain(&Value::Null), "");
    }
}
