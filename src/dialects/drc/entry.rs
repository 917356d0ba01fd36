//! What is said of a member, in JSON, written down once for all who are told.

use crate::dialects::drc::channel::{ClientNumber, Mode};

/// What a member is, as it is told.
#[derive(Debug)]
pub(super) struct Entry {
    /// `"<client>":{"auth":..,"mode":..,"extra":..}`
    pub(super) text: Box<str>,
    info: usize,
    extra: usize,
}

impl Entry {
    /// Writes it down.
    pub(super) fn new(client: ClientNumber, authority: bool, mode: Mode, extra: &str) -> Self {
        let name = format!("\"{}\":", client.0);
        let head = format!(
            "{name}{{\"auth\":{authority},\"mode\":{},\"extra\":",
            mode as u8
        );
        Self {
            info: name.len(),
            extra: head.len(),
            text: format!("{head}{extra}}}").into(),
        }
    }

    /// The `info`.
    pub(super) fn info(&self) -> &str {
        self.text.get(self.info..).unwrap_or_default()
    }

    /// The `extra`, as it was written.
    pub(super) fn extra(&self) -> &str {
        let end = self.text.len().saturating_sub(1);
        self.text.get(self.extra..end).unwrap_or_default()
    }
}
