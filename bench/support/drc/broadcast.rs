//! A channel with one broadcaster, measured as the fan-out of a topic is.

use super::crowd::Crowd;
use super::request::{Role, numbered_broadcast};
use crate::support::Outcome;
use crate::support::audience::Audience;
use crate::support::fan_out::{Case, FanOut};
use crate::support::publisher::Publisher;
use crate::support::server::Program;

/// Starts a server with `case.receivers` members in one channel, of whom the last `authorities`
/// are authorities and the others are in `role`. The last one sends, and gets what it sends.
///
/// # Errors
/// If the server cannot be started or does something wrong already, or a message cannot be so
/// short.
pub(crate) fn start(
    program: &Program,
    case: Case,
    role: Role,
    authorities: usize,
) -> Outcome<FanOut> {
    let server = program.start()?;
    let mut crowd = Crowd::new(server.address())?;
    let authorities = authorities.clamp(1, case.receivers.max(1));
    crowd.admit(case.receivers.saturating_sub(authorities), role)?;
    crowd.admit(authorities, Role::Authority)?;
    // The granter is number 1, and all others have connected one after the other.
    let broadcaster = case.receivers as u64 + 1;
    let (sent, arriving) = numbered_broadcast(broadcaster, case.payload)
        .ok_or_else(|| format!("no message of DRC has only {} bytes", case.payload))?;
    let streams = crowd.into_streams()?;
    let stream = streams.last().ok_or("nobody is in the channel")?;
    let publisher = Publisher::of(stream.try_clone()?, sent);
    let audience = Audience::of(streams, &arriving)?;
    FanOut::of(server, case.pattern, publisher, audience)
}
