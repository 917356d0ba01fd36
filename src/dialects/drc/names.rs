//! The name of a channel, which is a pair: its own name and the protocol spoken there.

use std::borrow::Cow;

use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::request::Request;
use crate::dialects::drc::settings::LONGEST_PROTOCOL;
use crate::limits::Limits;

/// A channel's name and protocol, as a request names them.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) channel: Cow<'a, str>,
    pub(super) protocol: Cow<'a, str>,
}

impl<'a> Names<'a> {
    /// Reads both.
    ///
    /// # Errors
    /// Which of them is missing, no string, empty or too long.
    pub(super) fn of(request: &Request<'a>, limits: &Limits) -> Result<Self, Fault> {
        let text = |name, longest| {
            let text = request.text(name)?;
            (!text.is_empty() && text.len() <= longest).then_some(text)
        };
        Ok(Self {
            channel: text("channel", limits.channel_name).ok_or(Fault::MissingInvalidChannel)?,
            protocol: text("protocol", LONGEST_PROTOCOL).ok_or(Fault::MissingInvalidProtocol)?,
        })
    }
}
