//! Values out of rows. What has another type than was asked for, or is NULL, is empty or 0: tables
//! that others have made may hold anything.

use mysql::{Row, Value};

/// The whole number in a column.
pub(super) fn number(row: &Row, column: usize) -> i64 {
    match row.as_ref(column) {
        Some(Value::Int(number)) => *number,
        Some(Value::UInt(number)) => i64::try_from(*number).unwrap_or(i64::MAX),
        Some(Value::Bytes(digits)) => std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0),
        _ => 0,
    }
}

/// The size in a column.
pub(super) fn size(row: &Row, column: usize) -> usize {
    usize::try_from(number(row, column)).unwrap_or(0)
}

/// The bytes in a column, if it is not NULL.
pub(super) fn bytes(row: &Row, column: usize) -> Option<&[u8]> {
    match row.as_ref(column) {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// The text in a column.
pub(super) fn text(row: &Row, column: usize) -> String {
    let bytes = bytes(row, column).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text in a column, if it is not NULL.
pub(super) fn optional_text(row: &Row, column: usize) -> Option<String> {
    bytes(row, column).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
