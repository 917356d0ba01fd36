//! Events: what clients do, told to the control connections that asked. A reader that is too
//! slow is cut off at its output limit like any other peer; nothing waits for it.

use std::fmt;

use crate::protocol::control_frame::encode;
use crate::relay::conn_id::ConnId;
use crate::relay::operator::command::quote;
use crate::relay::outboxes::Outboxes;

/// Something that a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It connected.
    Open,
    /// It sent text.
    Text,
    /// It sent bytes.
    Binary,
    /// It is gone.
    Close,
}

impl Event {
    const ALL: [Self; 4] = [Self::Open, Self::Text, Self::Binary, Self::Close];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
        }
    }

    fn letter(self) -> u8 {
        match self {
            Self::Open => b'O',
            Self::Text => b'U',
            Self::Binary => b'Y',
            Self::Close => b'X',
        }
    }
}

/// Some of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selection(u8);

/// An event that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEvent(String);

impl fmt::Display for UnknownEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Event::ALL.iter().map(|event| event.name()).collect();
        write!(
            formatter,
            "unknown event {}; known: {}",
            quote(&self.0),
            known.join(", ")
        )
    }
}

impl Selection {
    /// Reads a list such as `open,text`; empty for none.
    ///
    /// # Errors
    /// The first that does not exist.
    pub fn parse(text: &str) -> Result<Self, UnknownEvent> {
        let mut selection = Self::default();
        for name in text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match Event::ALL.into_iter().find(|event| event.name() == name) {
                Some(event) => selection.0 |= 1 << event as u8,
                None => return Err(UnknownEvent(name.to_owned())),
            }
        }
        Ok(selection)
    }

    fn has(self, event: Event) -> bool {
        self.0 & 1 << event as u8 != 0
    }
}

/// Who wants to be told of what.
#[derive(Debug, Default)]
pub struct Events(Vec<(ConnId, Selection)>);

impl Events {
    /// From now on, a control connection wants these; none ends it.
    pub fn subscribe(&mut self, id: ConnId, selection: Selection) {
        self.unsubscribe(id);
        if selection != Selection::default() {
            self.0.push((id, selection));
        }
    }

    /// A control connection wants nothing any more.
    pub fn unsubscribe(&mut self, id: ConnId) {
        self.0.retain(|(subscriber, _)| *subscriber != id);
    }

    /// True if somebody wants to know; if not, nothing needs to be put together.
    pub fn wants(&self, event: Event) -> bool {
        self.0.iter().any(|(_, selection)| selection.has(event))
    }

    /// Tells all who want to know: one frame, shared.
    pub fn tell(&self, event: Event, payload: &[u8], outboxes: &mut Outboxes) {
        let frame = outboxes.frame(encode(event.letter(), payload));
        for (id, selection) in &self.0 {
            if selection.has(event) {
                outboxes.push(*id, frame.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections() {
        let selection = Selection::parse("open, close,").unwrap();
        let selected: Vec<_> = Event::ALL
            .into_iter()
            .filter(|event| selection.has(*event))
            .collect();
        assert_eq!(selected, [Event::Open, Event::Close]);
        assert_eq!(Selection::parse("").unwrap(), Selection::default());
        assert_eq!(
            Selection::parse("open,ping").unwrap_err().to_string(),
            "unknown event \"ping\"; known: open, text, binary, close"
        );
    }
}
