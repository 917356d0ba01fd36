//! Sizes and times: how they are written and read.

use super::node::quoted;
use std::time::Duration;

/// The largest size: sums of a few of them cannot overflow.
const LARGEST_SIZE: u64 = if usize::BITS < 64 { 1 << 30 } else { 1 << 40 };

/// The longest time: it fits into the milliseconds of every system call that takes one, and the
/// end of it can be computed from any point in time.
const LONGEST_PERIOD: Duration = Duration::from_secs(14 * 24 * 3600);

/// The largest plain number: rates can be multiplied in 64 bits.
const LARGEST_COUNT: u64 = 1 << 31;

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a size: `4096`, `64KiB`, `1 MiB`, `10MB`.
///
/// # Errors
/// A sentence that says what was expected, for anything else and for more than 1 TiB (1 GiB on
/// 32-bit systems).
pub(super) fn parse_bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        BYTE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, factor)| *factor)
    };
    let (Some(factor), false) = (factor, digits.is_empty()) else {
        return Err(format!(
            "expected a size such as 4096, 64KiB or 1MiB, not {}",
            quoted(text)
        ));
    };
    let too_large = || {
        format!(
            "expected a size of at most {}, not {}",
            format_bytes(bounded_usize(LARGEST_SIZE)),
            quoted(text)
        )
    };
    let number: u64 = digits.parse().map_err(|_| too_large())?;
    match number.checked_mul(factor) {
        Some(bytes) if bytes <= LARGEST_SIZE => Ok(bounded_usize(bytes)),
        _ => Err(too_large()),
    }
}

fn bounded_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Writes a size so that [`parse_bytes`] reads the same number: `4000`, `64KiB`.
pub(super) fn format_bytes(bytes: usize) -> String {
    let bytes = bytes as u64;
    BYTE_UNITS
        .iter()
        .filter(|(name, _)| name.ends_with("iB"))
        .find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor))
        .map_or_else(
            || bytes.to_string(),
            |(name, factor)| format!("{}{name}", bytes / factor),
        )
}

/// Reads a time: `500ms`, `10s`, `2m`, `1h`, `1m 30s`.
///
/// # Errors
/// A sentence that says what was expected, for anything else, for parts of a millisecond and for
/// more than 14 days.
pub(super) fn parse_period(text: &str) -> Result<Duration, String> {
    let found = || quoted(text);
    let period = humantime::parse_duration(text.trim())
        .map_err(|_| format!("expected a time such as 500ms, 10s or 2m, not {}", found()))?;
    if !period.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(format!("expected whole milliseconds, not {}", found()));
    }
    if period > LONGEST_PERIOD {
        return Err(format!(
            "expected a time of at most 14days, not {}",
            found()
        ));
    }
    Ok(period)
}

/// Writes a time so that [`parse_period`] reads the same one.
pub(super) fn format_period(period: Duration) -> String {
    humantime::format_duration(period).to_string()
}

/// Checks a plain number.
///
/// # Errors
/// A sentence for negative numbers and for more than 2,147,483,648.
pub(super) fn parse_count(number: i64) -> Result<usize, String> {
    u64::try_from(number)
        .ok()
        .filter(|number| *number <= LARGEST_COUNT)
        .map(bounded_usize)
        .ok_or_else(|| format!("expected a whole number from 0 to {LARGEST_COUNT}, not {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64KiB", 65_536),
            ("64 kib", 65_536),
            ("1MiB", 1_048_576),
            ("2GiB", 2_147_483_648),
            ("10MB", 10_000_000),
            ("7B", 7),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for text in [
            "",
            "KiB",
            "-1",
            "1.5MiB",
            "64K",
            "1 MiB 2",
            "0x10",
            "1e3",
            "٣",
            "2000GiB",
            "99999999999999999999",
            "18446744073709551615GiB",
        ] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_survive_writing_and_reading() {
        for bytes in [0, 1, 1000, 1023, 1024, 1025, 65_536, 1 << 20, 3 << 29] {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes), "{bytes}");
        }
        assert_eq!(format_bytes(10 << 20), "10MiB");
    }

    #[test]
    fn times_are_read() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1m 30s", 90_000),
            ("14days", 1_209_600_000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_period(text), Ok(expected), "{text}");
            assert_eq!(
                parse_period(&format_period(expected)),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_times_are_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "10x",
            "500us",
            "15days",
            "9999999years",
        ] {
            assert!(parse_period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(parse_count(0), Ok(0));
        assert_eq!(parse_count(1 << 31), Ok(1 << 31));
        assert!(parse_count(-1).is_err());
        assert!(parse_count((1 << 31) + 1).is_err());
    }
}
