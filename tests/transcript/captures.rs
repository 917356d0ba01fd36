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
        while let Some((before, name, behind)) = split(&frame.payload, CAPTURED) {
            let text = self.0.get(name);
            let text = text.unwrap_or_else(|| panic!("{name} was not captured"));
            frame.payload = format!("{before}{text}{behind}").into_bytes();
        }
        frame
    }

    /// Remembers what `received` has where `pattern` says so; the pattern, with a placeholder there.
    pub(super) fn take(&mut self, pattern: &Frame, received: &Frame) -> Frame {
        let mut pattern = pattern.clone();
        while let Some((before, name, behind)) = split(&pattern.payload, CAPTURE) {
            // The member's name is what leads to it.
            let member = before.rsplit_once(',').map_or(before, |(_, member)| member);
            let text = String::from_utf8_lossy(&received.payload);
            let value = text.split_once(member).map(|(_, value)| value);
            let value = value.and_then(|value| value.split('"').next());
            let value = value.unwrap_or_else(|| panic!("no {member} in {text}"));
            self.0.insert(name.to_owned(), value.to_owned());
            pattern.payload = format!("{before}{{text}}{behind}").into_bytes();
        }
        pattern
    }
}

/// What is before, in and behind the first placeholder that begins so.
fn split<'a>(payload: &'a [u8], begin: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = str::from_utf8(payload).ok()?.split_once(begin)?;
    let (name, behind) = rest.split_once('}')?;
    Some((before, name, behind))
}
