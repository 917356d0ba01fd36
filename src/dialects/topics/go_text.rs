//! Text as the Go programs before Fantail wrote it, since their clients compare it.

use std::time::Duration;

use serde_json::Value;

pub use crate::protocol::go_json::quote;

/// A JSON value as `%s` prints it.
pub fn display(value: &Value) -> String {
    match value {
        Value::Null => "%!s(<nil>)".to_owned(),
        Value::Bool(bool) => format!("%!s(bool={bool})"),
        Value::Number(number) => format!("%!s(float64={number})"),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(display).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{name}:{}", display(value)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// A time span as `time.Duration` prints it: `201.766263ms`, `1m2.5s`, `1h0m5s`.
pub fn duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, size) in [("ns", 1_u128), ("µs", 1_000), ("ms", 1_000_000)] {
        if nanoseconds < size * 1_000 {
            return format!("{}{unit}", decimal(nanoseconds, size));
        }
    }
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(nanoseconds % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// `number / unit` without trailing zeros; `unit` is a power of ten.
fn decimal(number: u128, unit: u128) -> String {
    let whole = number / unit;
    let fraction = number % unit;
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// A moment as `time.Time` prints it, with the reading of the monotonic clock:
/// `2026-11-20 21:35:00.624162515 +0000 UTC m=+0.571956164`.
pub fn time(wall: Duration, monotonic: Duration) -> String {
    let (year, month, day) = civil_date(wall.as_secs() / 86_400);
    let second = wall.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = match wall.subsec_nanos() {
        0 => String::new(),
        nanoseconds => format!(".{nanoseconds:09}")
            .trim_end_matches('0')
            .to_owned(),
    };
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC \
         m=+{}.{:09}",
        monotonic.as_secs(),
        monotonic.subsec_nanos()
    )
}

/// The date of a day since 1970-01-01 in the Gregorian calendar: eras of 400 years, in years
/// that begin in March so that the leap day is the last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values() {
        let cases = [
            (json!(null), "%!s(<nil>)"),
            (
                json!(["https://aud.example/expt"]),
                "[https://aud.example/expt]",
            ),
            (json!("x"), "x"),
            (json!(true), "%!s(bool=true)"),
            (json!(["a", null]), "[a %!s(<nil>)]"),
            (json!({"a": "b"}), "map[a:b]"),
        ];
        for (value, text) in cases {
            assert_eq!(display(&value), text);
        }
    }

    #[test]
    fn durations() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (201_766_263, "201.766263ms"),
            (2_000_000_000, "2s"),
            (62_500_000_000, "1m2.5s"),
            (3_605_000_000_000, "1h0m5s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn times() {
        let wall = Duration::new(1_795_210_500, 624_162_515);
        assert_eq!(
            time(wall, Duration::new(0, 571_956_164)),
            "2026-11-20 21:35:00.624162515 +0000 UTC m=+0.571956164"
        );
        let leap_day = Duration::from_secs(951_782_400);
        assert_eq!(
            time(leap_day, Duration::ZERO),
            "2000-02-29 00:00:00 +0000 UTC m=+0.000000000"
        );
    }
}
