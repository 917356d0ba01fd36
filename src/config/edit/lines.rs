//! Changes to the lines of a file, made all at once.

use std::ops::Range;

/// Pieces of a text that are replaced.
pub(super) struct Patches<'a> {
    text: &'a str,
    pieces: Vec<(Range<usize>, String)>,
}

impl<'a> Patches<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text,
            pieces: Vec::new(),
        }
    }

    /// Puts `new` in the place of what stands there.
    pub(super) fn replace(&mut self, range: Range<usize>, new: String) {
        self.pieces.push((range, new));
    }

    /// Takes away all lines that `range` touches.
    pub(super) fn remove_lines(&mut self, range: &Range<usize>) {
        let lines = line_start(self.text, range.start)..line_end(self.text, range.end);
        self.pieces.push((lines, String::new()));
    }

    /// Puts a line behind the one in which `position` is.
    pub(super) fn insert_line(&mut self, position: usize, line: &str) {
        let end = line_end(self.text, position);
        let newline = newline(self.text);
        let is_open = !self.text.get(..end).unwrap_or("").ends_with('\n');
        let new = if is_open && end > 0 {
            format!("{newline}{line}{newline}")
        } else {
            format!("{line}{newline}")
        };
        self.pieces.push((end..end, new));
    }

    /// The text with the changes. Pieces at the same place come in the order in which they were
    /// given.
    pub(super) fn apply(mut self) -> String {
        self.pieces.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(self.text.len());
        let mut done = 0;
        for (range, new) in &self.pieces {
            text.push_str(self.text.get(done..range.start).unwrap_or(""));
            text.push_str(new);
            done = done.max(range.end);
        }
        text.push_str(self.text.get(done..).unwrap_or(""));
        text
    }
}

/// Where the line begins in which `position` is.
pub(super) fn line_start(text: &str, position: usize) -> usize {
    let before = text.get(..position).unwrap_or("");
    before.rfind('\n').map_or(0, |end| end + 1)
}

/// Behind the line break of the line in which `position` is.
fn line_end(text: &str, position: usize) -> usize {
    let rest = text.get(position..).unwrap_or("");
    rest.find('\n').map_or(text.len(), |end| position + end + 1)
}

/// How lines end in this text.
pub(super) fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}
