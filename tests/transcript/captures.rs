//! What the server made up, to be shown to it again: `{capture NAME}` in what is received stands for
//! any text up to a quotation mark, `{captured NAME}` for that text in what comes later.

use crate::support::Frame;
use std::collections::HashMap;

const CAPTURE: &str = "{capture ";
const CAPTURED: &str = "{captured ";

/// The captured texts by name.
#[derive(Debug, Default)]
pub(super) struct Captures(HashMap<String, String>);

impl Captures {
    /// The frame, with the texts that were captured before.
    pub(super) fn insert_into(&self, frame: &Frame) -> Frame {
        let mut frame = frame.clone();
        if let Ok(text) = str::from_utf8(&frame.payload) {
            frame.payload = self.insert_into_text(text).into_bytes();
        }
        frame
    }

    /// The text, with the texts that were captured before.
    pub(super) fn insert_into_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        while let Some((before, name, behind)) = split(&text, CAPTURED) {
            let captured = self.0.get(name);
            let captured = captured.unwrap_or_else(|| panic!("{name} was not captured"));
            text = format!("{before}{captured}{behind}");
        }
        text
    }

    /// Remembers what `received` has where `pattern` says so; the pattern, with a placeholder there.
    pub(super) fn take(&mut self, pattern: &Frame, received: &Frame) -> Frame {
        let mut pattern = pattern.clone();
        if let Ok(text) = str::from_utf8(&pattern.payload) {
            let received = String::from_utf8_lossy(&received.payload);
            pattern.payload = self.take_from_text(text, &received).into_bytes();
        }
        pattern
    }

    /// As [`Self::take`], of text.
    pub(super) fn take_from_text(&mut self, pattern: &str, received: &str) -> String {
        let mut pattern = pattern.to_owned();
        while let Some((before, name, behind)) = split(&pattern, CAPTURE) {
            // The member's name is what leads to it.
            let member = before.rsplit_once(',').map_or(before, |(_, member)| member);
            let earlier = before.matches(member).count().saturating_sub(1);
            let value = received.split(member).nth(earlier + 1);
            let value = value.and_then(|value| value.split('"').next());
            let value = value.unwrap_or_else(|| panic!("no {member} in {received}"));
            self.0.insert(name.to_owned(), value.to_owned());
            pattern = format!("{before}{{text}}{behind}");
        }
        pattern
    }
}

/// What is before, in and behind the first placeholder that begins so.
fn split<'a>(text: &'a str, begin: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(begin)?;
    let (name, behind) = rest.split_once('}')?;
    Some((before, name, behind))
}
