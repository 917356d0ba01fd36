//! Standard input, taken apart into messages.

use crate::cli::Failure;
use crate::cli::client::LONGEST_MESSAGE;
use std::io::{self, BufRead, Read};

/// The longest part of an input without end, in bytes.
const PART: usize = 64 * 1024;

/// Reads all of an input as one message.
///
/// # Errors
/// If it cannot be read, is too long, or is no text where that is wanted.
pub(in crate::cli) fn read_whole(input: impl Read, text: bool) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    input
        .take(LONGEST_MESSAGE as u64 + 1)
        .read_to_end(&mut message)
        .map_err(|error| unreadable(&error))?;
    if message.len() > LONGEST_MESSAGE {
        return Err(Failure::Runtime(format!(
            "standard input is longer than {LONGEST_MESSAGE} bytes"
        )));
    }
    if text && str::from_utf8(&message).is_err() {
        return Err(Failure::Runtime(
            "standard input is not UTF-8; send it with --binary".to_owned(),
        ));
    }
    Ok(message)
}

/// Reads an input that may have no end: each part as it comes is a message.
pub(in crate::cli) fn parts(
    mut input: impl Read,
) -> impl Iterator<Item = Result<Vec<u8>, Failure>> {
    let mut buffer = vec![0; PART];
    std::iter::from_fn(move || {
        loop {
            return match input.read(&mut buffer) {
                Ok(0) => None,
                Ok(read) => Some(Ok(buffer[..read].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Some(Err(unreadable(&error))),
            };
        }
    })
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::Runtime(format!("cannot read standard input: {error}"))
}

/// The lines of an input, without their ends.
pub(super) struct Lines<R> {
    input: R,
    text: bool,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`, which must be UTF-8 if it is `text`.
    pub(super) fn new(input: R, text: bool) -> Self {
        Self {
            input,
            text,
            number: 0,
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let most = LONGEST_MESSAGE as u64 + 1;
        let taken = (&mut self.input)
            .take(most)
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(&error))?;
        if taken == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.len() > LONGEST_MESSAGE {
            return Err(Failure::Runtime(format!(
                "line {} is longer than {LONGEST_MESSAGE} bytes",
                self.number
            )));
        }
        if line.ends_with(b"\n") {
            line.pop();
            if self.text && line.ends_with(b"\r") {
                line.pop();
            }
        }
        if self.text && str::from_utf8(&line).is_err() {
            return Err(Failure::Runtime(format!(
                "line {} is not UTF-8; send it with --binary",
                self.number
            )));
        }
        Ok(Some(line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Vec<u8>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], text: bool) -> Vec<Result<Vec<u8>, String>> {
        Lines::new(input, text)
            .map(|line| line.map_err(|failure| failure.to_string()))
            .collect()
    }

    #[test]
    fn lines_lose_their_ends_only() {
        let text: Vec<_> = lines(b"a\r\n\n b \nend", true)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(text, [&b"a"[..], b"", b" b ", b"end"]);
        let binary: Vec<_> = lines(b"\xff\r\n", false)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(binary, [b"\xff\r"]);
    }

    #[test]
    fn what_is_not_text_is_named_with_its_line() {
        assert_eq!(
            lines(b"a\n\xff\n", true)[1],
            Err("line 2 is not UTF-8; send it with --binary".to_owned())
        );
    }

    #[test]
    fn an_input_without_end_is_sent_part_by_part() {
        let parts: Vec<_> = parts(&b"x".repeat(PART + 1)[..])
            .map(Result::unwrap)
            .collect();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [PART, 1]);
    }
}
